// The game of two identical cars, hj_reachability's own example.
#include "reachability/peer.hpp"

#include <parapet/reachability/systems/dubins_pair.hpp>

#include <numbers>

namespace {

using namespace peer;

/// A cylinder along the heading.
struct cylinder {
  double x, y, radius;
  template <class X>
  X operator()(vec<X, 3> const& s) const {
    X const dx = s[0] - X(x), dy = s[1] - X(y);
    return math::sqrt(dx * dx + dy * dy) - X(radius);
  }
};

}  // namespace

TEST_CASE("Air3D: all accuracies of hj_reachability, as set, tube and round an obstacle") {
  auto const goldens = io::read_safetensors("goldens/reachability/air3d.safetensors");
  grid::grid const nodes({{-6, 20, 21, grid::away_from_zero}, {-10, 10, 17, grid::away_from_zero}, {0, 2 * std::numbers::pi, 16, grid::periodic}});
  cylinder const target{0, 0, 5}, obstacle{9, 3, 2.5};
  dubins_pair const cars;
  compare<grid::upwind>(goldens, "low", cars, nodes, target, obstacle, 1.4, 1e-6);
  compare<grid::eno2>(goldens, "medium", cars, nodes, target, obstacle, 1.4, 1e-6);
  compare<grid::weno3_fixed>(goldens, "high", cars, nodes, target, obstacle, 1.4, 1e-6);
  compare<grid::weno5_fixed>(goldens, "very_high", cars, nodes, target, obstacle, 1.4, 1e-6);
}
