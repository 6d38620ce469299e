// expect: a backend must not be const
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/rl/fisor.hpp>

using namespace parapet;

#ifdef MISTAKE
using machine = backend::cpu const;
#else
using machine = backend::cpu;
#endif

void train(machine& be, rl::fisor_config const& config, rl::transitions<float> const& data) { rl::fisor learner(be, config, data); }
