// A mass on a slope with wind, whose control has a gain that depends on the state and bounds that are not symmetric.
#include "reachability/peer.hpp"

namespace {

using namespace peer;

struct slope {
  static constexpr int state_dim = 2;
  static constexpr bool control_affine = true;
  box<1> controls{{-0.5}, {1.0}}, disturbances{{-0.1}, {0.1}};

  template <class X>
  vec<X, 2> derivative(vec<X, 2> const& s, vec<X, 1> const& u, vec<X, 1> const& d) const {
    return {s[1] + d[0], X(0.0f) - math::sin(s[0]) - X(0.2) * s[1] + (X(1.0f) + X(0.3) * math::cos(s[0])) * u[0]};
  }
};

struct disc {
  double x, y, radius;
  template <class X>
  X operator()(vec<X, 2> const& s) const {
    X const dx = s[0] - X(x), dy = s[1] - X(y);
    return math::sqrt(dx * dx + dy * dy) - X(radius);
  }
};

}  // namespace

TEST_CASE("a mass on a slope: all accuracies of hj_reachability, as set, tube and round an obstacle") {
  auto const goldens = io::read_safetensors("goldens/reachability/slope.safetensors");
  grid::grid const nodes({{-3, 3, 31, grid::away_from_zero}, {-2.5, 2.5, 29, grid::away_from_zero}});
  disc const target{1, 0, 0.6}, obstacle{-0.8, 0.6, 0.5};
  compare<grid::upwind>(goldens, "low", slope{}, nodes, target, obstacle, 1.5, 1e-6);
  compare<grid::eno2>(goldens, "medium", slope{}, nodes, target, obstacle, 1.5, 1e-6);
  compare<grid::weno3_fixed>(goldens, "high", slope{}, nodes, target, obstacle, 1.5, 1e-6);
  compare<grid::weno5_fixed>(goldens, "very_high", slope{}, nodes, target, obstacle, 1.5, 1e-6);
}
