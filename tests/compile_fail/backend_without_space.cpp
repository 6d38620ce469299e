// expect: a backend must name its memory
#include <parapet/backend/backend.hpp>
#include <parapet/backend/cpu/cpu.hpp>

using namespace parapet;

#ifdef MISTAKE
struct machine {};
#else
using machine = backend::cpu;
#endif

static_assert(backend::check_backend<machine>());
