// Value iteration: safety, reach and reach-avoid values of any system by repeated Bellman backups on a grid.
//
//     auto const r = value_iteration<float>(be, system, nodes, avoid(failure), steps_of(0.05), per_second{0.1});
//     r.value.contains(x);  r.bound;  r.trace;
//
// THE BIAS FIRST. A discount g < 1 lifts V: V_g >= V everywhere. {V <= 0} shrinks: avoid is OPTIMISTIC (doomed states are called
// safe), reach and reach-avoid are CONSERVATIVE. Interpolation smears V by up to a cell per step, either way. The operators and what
// they converge to stand in reachability/backup.hpp; docs/value_iteration.md has the numbers.
//
// With g < 1 the iteration stops with a certificate, |V_k - V*| <= (g |V_k - V_(k-1)| + rounding) / (1 - g), where V* is the exact
// solution on this grid. Undiscounted it starts from max(l, f) and falls, node by node, to the right one of many fixed points;
// it stops where a sweep changes nothing beyond the tolerance, which proves nothing.
//
// Against the Hamilton-Jacobi solver this costs more a node, and takes any system, also one that is not affine or is
// random. Results are the same bits for any number of threads.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/backend/argument.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/reachability/backup.hpp>
#include <parapet/reachability/discount.hpp>
#include <parapet/reachability/dynamics.hpp>
#include <parapet/reachability/input_samples.hpp>
#include <parapet/reachability/node_values.hpp>
#include <parapet/reachability/problem.hpp>
#include <parapet/reachability/solution_checks.hpp>
#include <parapet/reachability/stepping.hpp>
#include <parapet/reachability/sweep.hpp>
#include <parapet/reachability/value_function.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::reachability {

/// Jacobi: old values in, new ones out. Gauss-Seidel: in place, 2^D directions in turn. Active set: Jacobi without what cannot change.
enum class sweep_kind { jacobi, gauss_seidel, active_set };

struct value_iteration_options {
  double tolerance = 1e-4;      ///< of V: on the certified bound, or, undiscounted, on a sweep's largest change
  index_t max_sweeps = 10000;
  sweep_kind kind = sweep_kind::jacobi;
  index_t shards = 16;          ///< that threads share; part of the result for Gauss-Seidel
  double anneal_from = 1;       ///< < 1: solve first with this discount a step, then with ever higher ones, each from the last
  index_t stencil_bytes = index_t{1} << 30;  ///< memory for successors that are kept between sweeps; 0 computes them each time
};

/// What a run did; `bound` is infinite where there is no certificate.
template <class Value>
struct value_iteration_result {
  Value value;
  double discount = 1;    ///< a step
  double bound = 0;       ///< on |V - V*|, V* the exact solution on this grid
  double residual = 0;    ///< largest change by the last sweep
  bool converged = false; ///< within the tolerance, before max_sweeps
  bool kept_stencils = false;
  std::vector<double> trace = {};  ///< largest change of every sweep

  bool certified() const { return bound < std::numeric_limits<double>::infinity(); }
};

/// Default observer of sweeps.
struct ignore_sweeps {
  void operator()(index_t, double) const {}
};

namespace detail {

template <class Set, class T>
struct fill_samples {
  Set set;
  index_t n;
  T* out;  ///< (samples, components)
  PARAPET_FN void operator()(index_t k) const {
    auto const u = sample<T>(set, n, k);
    for (int j = 0; j < Set::dim; ++j) out[k * Set::dim + j] = u[j];
  }
};

/// A problem's function at the nodes; or its negative.
template <bool Negate, class Set, class T, int D>
struct fill_set_values {
  Set set;
  grid::grid<D> nodes;
  T* out;
  PARAPET_FN void operator()(index_t offset) const {
    out[offset] = signed_value<Negate>(set_at(set, node_span<T>{offset, 1}, nodes.template state<T>(nodes.index(offset)), T(0)));
  }
};
template <class T, class Space>
struct fill_maximum {
  vector_view<T const, Space> a, b;
  vector_view<T, Space> out;
  PARAPET_FN void operator()(index_t i) const { out[i] = math::max(a[i], b[i]); }
};
/// Values of a set, from a functor or from a view of them. Throws argument_error for one that is not finite, naming the state, or is
/// the same everywhere.
template <bool Negate, class Backend, class Set, class T, int D, class Space>
void sample_set(Backend& be, char const* what, Set const& set, grid::grid<D> const& nodes, vector_view<T, Space> const& out,
                vector_view<T, Space> const& scratch) {
  using parapet::detail::concat;
  static_assert(!is_moving<Set, T, D>, "value iteration has no time: its sets are functors of the state, or views - see docs/value_iteration.md");
  check_set(what, set, nodes);
  for_each_index(be, out.shape(), fill_set_values<Negate, Set, T, D>{set, nodes, out.data()});
  copy(be, as_const(out), scratch);
  index_t const worst = first_not_finite(be, scratch);
  if (reduce(be, as_const(scratch), math::maximum{}, T(0)) > 0)
    throw argument_error(concat(what, " is not finite at the state ", grid::detail::describe(nodes.state(nodes.index(worst)))));
  T const low = reduce(be, as_const(out), math::minimum{}, std::numeric_limits<T>::max());
  T const high = reduce(be, as_const(out), math::maximum{}, std::numeric_limits<T>::lowest());
  if (!(low < high))
    throw argument_error(concat(what, " is flat: ", static_cast<double>(low), " at every node, so it names no set; is it in the units of the state?"));
}

/// Looks on the host for the step that was not finite, in the tile where that was seen, and throws argument_error with all of it.
template <class T, class System, class Steps, int D>
[[noreturn]] void throw_not_finite(System const& system, Steps const& steps, grid::grid<D> const& nodes, tiling<D> const& tiles, index_t number) {
  using parapet::detail::concat;
  extents<D> const tile = tiles.tile_index(number);
  for (index_t k = 0; k < tiles.edge.size(); ++k) {
    extents<D> index{};
    bool exists = true;
    index_t rest = k;
    for (int a = D - 1; a >= 0; --a) {
      index[a] = tile[a] * tiles.edge[a] + rest % tiles.edge[a];
      rest /= tiles.edge[a];
      exists = exists && index[a] < tiles.shape[a];
    }
    if (!exists) continue;
    auto const x = nodes.template state<T>(index);
    for (index_t i = 0; i < sample_count(system.controls, steps.control_samples); ++i)
      for (index_t j = 0; j < sample_count(system.disturbances, steps.disturbance_samples); ++j) {
        auto const u = sample<T>(system.controls, steps.control_samples, i);
        auto const d = sample<T>(system.disturbances, steps.disturbance_samples, j);
        auto const next = steps.integrator(system, x, u, d, static_cast<T>(steps.time));
        for (int a = 0; a < D; ++a)
          if (!(std::abs(next[a]) < T(1e9)))
            throw argument_error(concat("the step from the state ", grid::detail::describe(x), " under control ", grid::detail::describe(u),
                                        " and disturbance ", grid::detail::describe(d), " leads to ", grid::detail::describe(next)));
      }
  }
  throw argument_error("a step leads to a state that is not finite");
}

/// All memory of a run, and one sweep after the other.
template <class Backend, class System, class Question, class Steps, class T>
class value_iteration_run {
public:
  using space = typename Backend::space;
  static constexpr int dim = System::state_dim;
  using role = typename Question::role;
  using backup_type = row_backup<System, Question, Steps, T, space>;
  using stencil_type = typename backup_type::stencil_type;

  value_iteration_run(Backend& be, System const& system, grid::grid<dim> const& nodes, Question const& question, Steps const& steps,
                      value_iteration_options const& options)
      : be_(be), options_(options), tiles_(nodes, backup_type::lanes), values_(nodes.size()), other_(nodes.size()), target_(nodes.size()),
        obstacle_(role::has_obstacle ? nodes.size() : 0), change_(tiles_.count()), change_before_(tiles_.count()),
        controls_(sample_count(system.controls, steps.control_samples) * std::max(control_dim<System>, 1)),
        disturbances_(sample_count(system.disturbances, steps.disturbance_samples) * std::max(disturbance_dim<System>, 1)),
        reach_(options.kind == sweep_kind::active_set ? tiles_.count() : 0),
        backup_{system, question, steps, nodes, lattice<T, dim>(nodes), fill_inputs(system.controls, steps.control_samples, controls_),
                fill_inputs(system.disturbances, steps.disturbance_samples, disturbances_), target_.data(), obstacle_.data(), T(0)} {
    index_t const pairs = backup_.controls.extent(0) * backup_.disturbances.extent(0);
    if (tiles_.rows() * pairs <= options.stencil_bytes / static_cast<index_t>(sizeof(stencil_type)))
      kept_ = buffer<stencil_type, space>(tiles_.rows() * pairs);
    fill_start(question, nodes);
    if constexpr (std::is_same_v<decltype(Steps::off_grid), beyond::value>) backup_.value_beyond = static_cast<T>(steps.off_grid.v);
    else backup_.value_beyond = worst_value();
  }

  bool keeps_stencils() const { return kept_.size() != 0; }
  buffer<T, space>& values() { return values_; }
  /// Largest |V| that can occur: that of the problem's functions.
  double scale() const { return scale_; }

  /// One sweep; returns the largest change. Throws argument_error where the dynamics lead to no finite state.
  double sweep(index_t number, double discount, bool all) {
    using tile_type = tile_sweep<backup_type, T>;
    bool const skips = options_.kind == sweep_kind::active_set && !all && !first_;
    tile_type const tile{backup_, tiles_, values_.data(), other_.data(), change_.data(), skips ? change_before_.data() : nullptr,
                         reach_.size() != 0 ? reach_.data() : nullptr, keeps_stencils() ? kept_.data() : nullptr, static_cast<T>(discount), first_};
    index_t const count = tiles_.count();
    if (options_.kind == sweep_kind::gauss_seidel) {
      copy(be_, as_const(values_.view()), other_.view());
      index_t const slabs = std::min(options_.shards, tiles_.tiles[0]);
      int const backwards = static_cast<int>(number % (1 << dim));
      for_each_shard(be_, slabs, [&](auto& worker, index_t s) {
        for_each_index(worker, extents{index_t{1}}, gauss_seidel_sweep<backup_type, T>{tile, s, slabs, backwards});
      });
    } else {
      index_t const shards = std::min(options_.shards, count);
      for_each_shard(be_, shards, [&](auto& worker, index_t s) {
        index_t const begin = count * s / shards, end = count * (s + 1) / shards;
        for_each_index(worker, extents{end - begin}, jacobi_sweep<backup_type, T>{tile, begin});
      });
    }
    first_ = false;
    std::swap(values_, other_);
    std::swap(change_, change_before_);
    vector_view<T const, space> const changes = change_before_.view();
    T const most = reduce(be_, changes, math::maximum{}, T(0));
    if (most == std::numeric_limits<T>::infinity())
      throw_not_finite<T>(backup_.system, backup_.steps, backup_.nodes, tiles_, argmax(be_, changes));
    return static_cast<double>(most);
  }

private:
  template <class Set>
  matrix_view<T const, space> fill_inputs(Set const& set, index_t n, buffer<T, space>& memory) {
    index_t const count = sample_count(set, n);
    for_each_index(be_, extents{count}, fill_samples<Set, T>{set, n, memory.data()});
    return {memory.data(), extents{count, index_t{std::max(Set::dim, 1)}}};
  }

  void fill_start(Question const& question, grid::grid<dim> const& nodes) {
    sample_set<false>(be_, "value_iteration: the target's function", question.target, nodes, target_.view(), other_.view());
    if constexpr (role::has_obstacle) {
      sample_set<true>(be_, "value_iteration: the obstacle's function", question.obstacle, nodes, obstacle_.view(), other_.view());
      for_each_index(be_, values_.view().shape(), fill_maximum<T, space>{target_.view(), obstacle_.view(), values_.view()});
    } else {
      copy(be_, as_const(target_.view()), values_.view());
    }
    vector_view<T const, space> const start = values_.view();
    low_ = reduce(be_, start, math::minimum{}, std::numeric_limits<T>::max());
    high_ = reduce(be_, start, math::maximum{}, std::numeric_limits<T>::lowest());
    T const target_low = reduce(be_, as_const(target_.view()), math::minimum{}, std::numeric_limits<T>::max());
    scale_ = static_cast<double>(std::max({std::abs(low_), std::abs(high_), std::abs(target_low)}));
  }
  T worst_value() const { return role::control_maximizes ? low_ : high_; }

  Backend& be_;
  value_iteration_options options_;
  tiling<dim> tiles_;
  buffer<T, space> values_, other_, target_, obstacle_, change_, change_before_, controls_, disturbances_;
  buffer<reach_box<dim>, space> reach_;
  backup_type backup_;
  buffer<stencil_type, space> kept_;
  T low_ = 0, high_ = 0;
  double scale_ = 0;
  bool first_ = true;
};

/// Discounts on the way to `last`: 1 - g falls to a quarter each time.
inline std::vector<double> annealed(double from, double last) {
  std::vector<double> factors;
  for (double g = from; g < last && 1 - g > 1e-3; g = 1 - (1 - g) / 4) factors.push_back(g);
  factors.push_back(last);
  return factors;
}

}  // namespace detail

/// Bytes that a run takes, stencils apart, before anything is allocated.
template <class T, int D>
double value_iteration_bytes(grid::grid<D> const& nodes, bool has_obstacle) {
  return static_cast<double>(nodes.size()) * sizeof(T) * (has_obstacle ? 4 : 3);
}

/// Solves `question` for `system` on `nodes` in steps of `steps`, on the backend. `observe(sweep, change)` sees every sweep. Throws
/// argument_error for options out of range, a target or obstacle that is flat or not finite, dynamics that lead to no finite
/// state, more than 2^31 nodes, and a tolerance below what rounding allows.
template <class T, class Backend, class System, int Axes, class Question, class Steps, class Discount, class Observer = ignore_sweeps>
auto value_iteration(Backend& be, System const& system, grid::grid<Axes> const& nodes, Question const& question,
                     Steps const& steps, Discount const& discount, value_iteration_options const& options = {}, Observer&& observe = {}) {
  using parapet::detail::concat;
  static_assert(backend::check_backend_argument<Backend>());
  static_assert(check_dynamics_on_grid<System, Axes>());
  using value_type = value_function<System, T, typename Question::role, typename Discount::horizon, typename Backend::space>;
  if (!(steps.time > 0)) throw argument_error(concat("value_iteration: a step of ", steps.time, " seconds, expected a positive one"));
  if (steps.control_samples < 1 || steps.disturbance_samples < 1)
    throw argument_error(concat("value_iteration: ", steps.control_samples, " and ", steps.disturbance_samples, " samples of inputs, expected at least 1"));
  if (!(options.tolerance >= 0) || options.max_sweeps < 1 || options.shards < 1 || !(options.anneal_from >= 0))
    throw argument_error("value_iteration: expected tolerance >= 0, max_sweeps >= 1, shards >= 1 and anneal_from >= 0");
  if (nodes.size() >= std::numeric_limits<std::int32_t>::max())
    throw argument_error(concat("value_iteration: a grid of shape ", nodes.shape(), ", expected fewer than 2^31 nodes"));
  if (question.only_at_horizon || question.forward_in_time)
    throw argument_error("value_iteration: sets at a horizon and forward sets need the Hamilton-Jacobi solver");
  double const last = discount.factor(steps.time);
  steps.outcome.check(sample_count(system.disturbances, steps.disturbance_samples));

  detail::value_iteration_run<Backend, System, Question, Steps, T> run(be, system, nodes, question, steps, options);
  double const rounding = (System::state_dim + 2) * run.scale() * static_cast<double>(std::numeric_limits<T>::epsilon());
  if (last < 1 && options.tolerance < 2 * rounding / (1 - last))
    throw argument_error(concat("value_iteration: a tolerance of ", options.tolerance, " at a discount of ", last,
                                " a step is below what rounding allows, ", 2 * rounding / (1 - last), "; take double or a larger one"));
  double residual = 0, bound = std::numeric_limits<double>::infinity();
  bool converged = false;
  std::vector<double> trace;
  for (double const g : detail::annealed(options.anneal_from, last)) {
    converged = false;
    for (index_t k = 0; k < options.max_sweeps && !converged; ++k) {
      residual = run.sweep(static_cast<index_t>(trace.size()), g, k == 0);
      trace.push_back(residual);
      observe(static_cast<index_t>(trace.size()), residual);
      if (g < 1) bound = (g * residual + rounding) / (1 - g);
      else bound = std::numeric_limits<double>::infinity();
      converged = (g < 1 ? bound : residual) <= options.tolerance;
    }
  }
  return value_iteration_result<value_type>{value_type(system, nodes, std::move(run.values()), discount.horizon_of(steps.time)), last, bound,
                                            residual, converged, run.keeps_stencils(), std::move(trace)};
}

}  // namespace parapet::inline PARAPET_ABI::reachability
