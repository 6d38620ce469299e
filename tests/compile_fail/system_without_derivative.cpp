// expect: a system must provide 'template <class X> vec<X, state_dim> derivative(vec<X, state_dim> const& x, vec<X, M> const& u, vec<X, K> const& d) const'
#include <parapet/reachability/dynamics.hpp>

using namespace parapet::reachability;

struct boat {
  static constexpr int state_dim = 2;
  box<1> controls{{-1}, {1}};
  no_input disturbances{};

#ifdef MISTAKE  // the state by value and without a lane type, the disturbance forgotten
  vec<float, 2> derivative(vec<float, 2> x, vec<float, 1> u) const { return {x[1], u[0]}; }
#else
  template <class X>
  vec<X, 2> derivative(vec<X, 2> const& x, vec<X, 1> const& u, vec<X, 0> const&) const {
    return {x[1], u[0]};
  }
#endif
};

static_assert(check_dynamics<boat>());
