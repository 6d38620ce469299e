// expect: a grid must have one axis for each state of its system
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>

using namespace parapet;
using namespace parapet::reachability;

struct wall {
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return s[0]; }
};

#ifdef MISTAKE
using axes = grid::grid<3>;
#else
using axes = grid::grid<2>;
#endif

void solve(backend::cpu& be, axes const& nodes) { hamilton_jacobi(be, double_integrator{}, nodes, avoid(wall{}), finite_horizon{1.0}); }
