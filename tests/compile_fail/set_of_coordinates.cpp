// expect: the function of a set must be callable as f(vec<X, D> const& x) or f(x, X const& t)
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/value_iteration.hpp>

using namespace parapet;
using namespace parapet::reachability;

struct wall {
#ifdef MISTAKE
  float operator()(float position, float) const { return position; }
#else
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return s[0]; }
#endif
};

void solve(backend::cpu& be, grid::grid<2> const& nodes) {
  value_iteration<float>(be, double_integrator{}, nodes, avoid(wall{}), steps_of(0.1), undiscounted{});
}
