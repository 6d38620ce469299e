// Kinds of sweeps and threads: the double integrator and the two cars on the CPU.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/reachability/systems/double_integrator.hpp>
#include <parapet/reachability/systems/dubins_pair.hpp>
#include <parapet/reachability/value_iteration.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

using namespace parapet;
using namespace parapet::reachability;

namespace {

constexpr double pi = 3.14159265358979;

struct outside_unit {
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return X(1.0f) - math::abs(s[0]); }
};
struct collision {
  template <class X>
  PARAPET_FN X operator()(vec<X, 3> const& s) const { return math::sqrt(s[0] * s[0] + s[1] * s[1]) - X(5.0f); }
};

template <class Value>
std::vector<typename Value::scalar> values_of(Value const& v) {
  return {v.values().data(), v.values().data() + v.nodes().size()};
}
template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}
template <class T>
double distance(std::vector<T> const& a, std::vector<T> const& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return most;
}

grid::grid<2> const plane({{-1.5, 1.5, 31}, {-2, 2, 41}});
grid::grid<3> const space({{-6, 20, 14}, {-10, 10, 11}, {0, 2 * pi, 18, grid::periodic}});

auto solve_plane(backend::cpu& be, value_iteration_options const& options) {
  return value_iteration<double>(be, double_integrator(1, 0.1), plane, avoid(outside_unit{}), steps_of(0.1).trying(3, 2), per_step{0.97}, options);
}
auto solve_space(backend::cpu& be, value_iteration_options const& options) {
  return value_iteration<float>(be, dubins_pair{}, space, avoid(collision{}), steps_of(0.2).beyond_grid(beyond::clamp{}), undiscounted{}, options);
}

}  // namespace

TEST_CASE("every kind of sweep comes to the same values, the active set by the same bits as Jacobi") {
  backend::cpu be(1);
  auto const jacobi = solve_plane(be, {.tolerance = 1e-9}), active = solve_plane(be, {.tolerance = 1e-9, .kind = sweep_kind::active_set}),
             seidel = solve_plane(be, {.tolerance = 1e-9, .kind = sweep_kind::gauss_seidel, .shards = 1});
  CHECK(jacobi.converged);
  CHECK(same_bits(values_of(jacobi.value), values_of(active.value)));
  CHECK(jacobi.trace == active.trace);
  CHECK(distance(values_of(jacobi.value), values_of(seidel.value)) <= jacobi.bound + seidel.bound);

  auto const space_jacobi = solve_space(be, {.tolerance = 1e-3}), space_active = solve_space(be, {.tolerance = 1e-3, .kind = sweep_kind::active_set});
  CHECK(space_jacobi.converged);
  CHECK(same_bits(values_of(space_jacobi.value), values_of(space_active.value)));
}

namespace {

/// Along the first axis s -> max(s - 1, 0); along the second nothing moves.
struct falling_rows {
  static constexpr int state_dim = 2;
  no_input controls{}, disturbances{};
  template <class X>
  PARAPET_FN vec<X, 2> derivative(vec<X, 2> const& s, vec<X, 0> const&, vec<X, 0> const&) const {
    return {math::max(s[0] - X(1.0f), X(0.0f)), s[1]};
  }
};
struct below_five {
  template <class X>
  PARAPET_FN X operator()(vec<X, 2> const& s) const { return s[0] - X(5.0f); }
};

}  // namespace

TEST_CASE("Gauss-Seidel carries a value through a slab in one sweep, Jacobi by one step") {
  backend::cpu be(1);
  grid::grid<2> const rows({{0, 399, 400}, {0, 1, 2}});
  auto const sweeps = [&](sweep_kind kind, index_t shards) {
    auto const r = value_iteration<float>(be, falling_rows{}, rows, reach(below_five{}), steps_of(1).by(discrete_map{}), undiscounted{},
                                          {.tolerance = 0, .kind = kind, .shards = shards});
    auto const v = values_of(r.value);
    CHECK(std::count(v.begin(), v.end(), -5.0f) == 800);
    return r.trace.size();
  };
  CHECK(sweeps(sweep_kind::jacobi, 1) == 400);
  CHECK(sweeps(sweep_kind::active_set, 1) == 400);
  CHECK(sweeps(sweep_kind::gauss_seidel, 1) == 2);  // and one that changes nothing
  CHECK(sweeps(sweep_kind::gauss_seidel, 5) <= 12);
}

TEST_CASE("results are the same bits for one thread and for two, whether successors are kept or not") {
  backend::cpu one(1), two(2);
  for (sweep_kind const kind : {sweep_kind::jacobi, sweep_kind::gauss_seidel, sweep_kind::active_set}) {
    auto const a = solve_plane(one, {.kind = kind}), b = solve_plane(two, {.kind = kind}), c = solve_plane(two, {.kind = kind, .stencil_bytes = 0});
    CHECK(a.kept_stencils);
    CHECK(!c.kept_stencils);
    CHECK(same_bits(values_of(a.value), values_of(b.value)));
    CHECK(same_bits(values_of(a.value), values_of(c.value)));
    CHECK(a.trace == b.trace);
    auto const d = solve_space(one, {.max_sweeps = 30, .kind = kind}), e = solve_space(two, {.max_sweeps = 30, .kind = kind});
    CHECK(same_bits(values_of(d.value), values_of(e.value)));
  }
}

TEST_CASE("annealing comes to the values of the last discount") {
  backend::cpu be(1);
  auto const direct = solve_plane(be, {.tolerance = 1e-8}), annealed = solve_plane(be, {.tolerance = 1e-8, .anneal_from = 0.5});
  CHECK(annealed.discount == 0.97);
  CHECK(distance(values_of(direct.value), values_of(annealed.value)) <= direct.bound + annealed.bound);
  // and without discount, from above, to the same fixed point as from the target itself
  auto const undiscounted_from = [&](double g) {
    auto const r = value_iteration<double>(be, double_integrator{}, plane, avoid(outside_unit{}), steps_of(0.2).trying(3, 1), undiscounted{},
                                           {.tolerance = 0, .anneal_from = g});
    CHECK(r.converged);
    return values_of(r.value);
  };
  CHECK(distance(undiscounted_from(1), undiscounted_from(0.9)) <= 1e-12);
}

TEST_CASE("a set may be given by its values at the nodes") {
  backend::cpu be(1);
  buffer<double> target(plane.size());
  for (index_t i = 0; i < plane.size(); ++i) target.data()[i] = outside_unit{}(plane.state(plane.index(i)));
  tensor_view<double const, 2> const view(target.data(), plane.shape());
  auto const r = value_iteration<double>(be, double_integrator(1, 0.1), plane, avoid(view), steps_of(0.1).trying(3, 2), per_step{0.97});
  CHECK(same_bits(values_of(r.value), values_of(solve_plane(be, {}).value)));
}
