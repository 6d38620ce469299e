// A slow car with two controls, its speed among them, in a wind of two components with a bias.
#include "reachability/peer.hpp"

#include <numbers>

namespace {

using namespace peer;

struct slow_car {
  static constexpr int state_dim = 3;
  box<2> controls{{-0.5, -1}, {0.5, 1}}, disturbances{{-0.2, -0.1}, {0.2, 0.3}};

  template <class X>
  vec<X, 3> drift(vec<X, 3> const& s) const { return {math::cos(s[2]), math::sin(s[2]), X(0.0f)}; }
  template <class X>
  grid::mat<X, 3, 2> control_matrix(vec<X, 3> const& s) const {
    X const o(0.0f), i(1.0f);
    return {math::cos(s[2]), o, math::sin(s[2]), o, o, i};
  }
  template <class X>
  grid::mat<X, 3, 2> disturbance_matrix(vec<X, 3> const&) const {
    X const o(0.0f), i(1.0f);
    return {i, o, o, i, o, o};
  }
};

struct square {
  template <class X>
  X operator()(vec<X, 3> const& s) const { return math::max(math::abs(s[0]), math::abs(s[1])) - X(0.7); }
};
struct pillar {
  template <class X>
  X operator()(vec<X, 3> const& s) const {
    X const dx = s[0] + X(1.5), dy = s[1] - X(0.3);
    return math::sqrt(dx * dx + dy * dy) - X(0.6);
  }
};

}  // namespace

TEST_CASE("a slow car in the wind: all accuracies of hj_reachability, as set, tube and round an obstacle") {
  auto const goldens = io::read_safetensors("goldens/reachability/slow_car.safetensors");
  double const pi = std::numbers::pi;
  grid::grid const nodes({{-3, 3, 19, grid::away_from_zero}, {-2, 2, 17, grid::away_from_zero}, {-pi, pi, 14, grid::periodic}});
  compare<grid::upwind>(goldens, "low", slow_car{}, nodes, square{}, pillar{}, 1.2, 1e-6);
  compare<grid::eno2>(goldens, "medium", slow_car{}, nodes, square{}, pillar{}, 1.2, 1e-6);
  compare<grid::weno3_fixed>(goldens, "high", slow_car{}, nodes, square{}, pillar{}, 1.2, 1e-6);
  compare<grid::weno5_fixed>(goldens, "very_high", slow_car{}, nodes, square{}, pillar{}, 1.2, 1e-6);
}
