// expect: buffer: elements must be trivially copyable
#include <parapet/core/buffer.hpp>

#include <string>

#ifdef MISTAKE
using element = std::string;
#else
using element = int;
#endif

parapet::buffer<element> elements(3);
