// expect: the first argument must be a backend
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/value_iteration.hpp>

using namespace parapet;
using namespace parapet::reachability;

struct wall {
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return s[0]; }
};

#ifdef MISTAKE
using machine = int;  // the number of threads
#else
using machine = backend::cpu;
#endif

void solve(machine& be, grid::grid<2> const& nodes) {
  value_iteration<float>(be, double_integrator{}, nodes, avoid(wall{}), steps_of(0.1), undiscounted{});
}
