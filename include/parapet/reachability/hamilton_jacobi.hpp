// Reachable sets and tubes from the Hamilton-Jacobi equation, on a grid, by upwind differences.
//
//     V_tau = H(x, grad V),   V(x, 0) = target(x),   tau the time to go;   a tube cuts the right side off at 0
//
//     auto const r = reachability::hamilton_jacobi<float, grid::weno5>(be, dubins_pair{}, nodes, avoid(collision), finite_horizon{2.8});
//     r.value.contains(x);  r.value.control(x);  r.report.steps;
//
// Mitchell, Bayen, Tomlin, "A time-dependent Hamilton-Jacobi formulation of reachable sets" (2005); Fisac et al., "Reach-avoid
// problems with time-varying dynamics, targets and constraints" (2015). Time steps: Shu and Osher (1988). See docs/hamilton_jacobi.md.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/argument.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/grid/interpolate.hpp>
#include <parapet/grid/upwind.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/hamilton_jacobi_report.hpp>
#include <parapet/reachability/hamiltonian.hpp>
#include <parapet/reachability/horizon.hpp>
#include <parapet/reachability/node_values.hpp>
#include <parapet/reachability/problem.hpp>
#include <parapet/reachability/row_activity.hpp>
#include <parapet/reachability/solution_checks.hpp>
#include <parapet/reachability/upwind_sweep.hpp>
#include <parapet/reachability/upwind_sweep_cpu.hpp>
#include <parapet/reachability/value_function.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::reachability {

/// A value function, and how it came about.
template <class ValueFunction>
struct hamilton_jacobi_result {
  ValueFunction value;
  hamilton_jacobi_report report;
};

/// Bytes that a solve takes on a grid: three arrays of values for three stages, two else; backends that keep no account of
/// changes take one more for two stages and three.
template <class T, class Scheme, class Backend = backend::cpu, int D>
double hamilton_jacobi_bytes(grid::grid<D> const& nodes, int stages = 0) {
  if (stages == 0) stages = std::min(Scheme::order, 3);
  int const arrays = (stages == 3 ? 3 : 2) + (stages > 1 && !detail::keeps_account<Backend>);
  return static_cast<double>(nodes.size()) * sizeof(T) * arrays;
}

namespace detail {

/// How far a stage goes from the step's first values to its own Euler step's, and when it starts.
struct runge_kutta_stage {
  double b, at;
};
/// Shu and Osher's methods, by number of stages.
inline constexpr runge_kutta_stage runge_kutta[3][3] = {
    {{1, 0}}, {{1, 0}, {1.0 / 2, 1}}, {{1, 0}, {1.0 / 4, 1}, {2.0 / 3, 0.5}}};

/// The whole run, with its arrays.
template <class T, class Scheme, class Dissipation, class Backend, class System, class Problem>
class hamilton_jacobi_solver {
  static constexpr int dim = System::state_dim;
  using space = typename Backend::space;
  using stage = upwind_stage<T, Scheme, Dissipation, System, Problem>;
  static constexpr bool anything_moves = stage::target_moves || stage::obstacle_moves;
  static constexpr bool steady = !anything_moves && !is_time_varying<System>;

public:
  hamilton_jacobi_report report;

  hamilton_jacobi_solver(Backend& be, System const& system, grid::grid<dim> const& nodes, Problem const& problem, double horizon,
                         hamilton_jacobi_options<T> const& options)
      : be_(be), system_(system), nodes_(nodes), problem_(problem), horizon_(horizon), options_(options),
        stages_(options.stages == 0 ? std::min(Scheme::order, 3) : options.stages) {
    check();
    report.bytes = hamilton_jacobi_bytes<T, Scheme, Backend>(nodes, stages_);
    if (options.memory_limit > 0 && report.bytes > options.memory_limit)
      throw argument_error(parapet::detail::concat("hamilton_jacobi: a grid of shape ", nodes.shape(), " takes ", report.bytes, " bytes, more than the limit of ",
                                  options.memory_limit));
    activity_.skip_below = options.skip_below;
    values_ = buffer<T, space>(nodes.size());
    for (int k = 0; k < std::max(stages_ - 1, 1); ++k) work_[k] = buffer<T, space>(nodes.size());
  }

  template <class Observer>
  void run(Observer& observer) {
    start();
    double const rate_at_start = largest_speed(0);
    check_speed(rate_at_start);
    double tolerance = options_.tolerance;
    for (; horizon_ > report.time; ++report.steps) {
      if (report.steps == options_.max_steps && std::isinf(horizon_))
        throw error(parapet::detail::concat("hamilton_jacobi: not converged after ", report.steps, " steps and ", report.time, " s; V still changes by ",
                           report.residuals.empty() ? 0.0 : report.residuals.back(), " a second"));
      double const speed = is_time_varying<System> && report.steps > 0 ? largest_speed(report.time) : rate_at_start;
      double dt = options_.cfl / speed;
      double const left = horizon_ - report.time;
      bool const last = dt >= left * (1 - 1e-9);
      if (last) dt = left;
      step(dt, last);
      report.time = last ? horizon_ : report.time + dt;
      report.longest_step = std::max(report.longest_step, dt);
      double const residual = look(dt, last);
      if (residual >= 0) {
        report.residuals.push_back(residual);
        if (tolerance < 0 && std::isinf(horizon_)) tolerance = 1e-3 * residual;
        bool const at_rest = residual == 0 && steady;
        report.converged = at_rest || (tolerance >= 0 && residual <= tolerance && report.steps > 0);
      }
      observer(hamilton_jacobi_progress{report.steps + 1, report.time, horizon_, residual});
      if (report.converged) {
        ++report.steps;
        break;
      }
    }
    finish();
  }

  buffer<T, space> take_values() { return std::move(values_); }

private:
  void check() const {
    check_set("the target", problem_.target, nodes_);
    if constexpr (Problem::role::has_obstacle) check_set("the obstacle", problem_.obstacle, nodes_);
    for (int a = 0; a < dim; ++a)
      if (nodes_.axis(a).n < 2 * Scheme::reach + 1)
        throw argument_error(parapet::detail::concat("hamilton_jacobi: axis ", a, " has ", nodes_.axis(a).n, " nodes, this scheme needs at least ",
                                                     2 * Scheme::reach + 1));
    if (!(options_.cfl > 0 && options_.cfl <= 1))
      throw argument_error(parapet::detail::concat("hamilton_jacobi: cfl = ", options_.cfl, ", expected above 0, at most 1"));
    if (stages_ < 1 || stages_ > 3) throw argument_error(parapet::detail::concat("hamilton_jacobi: ", stages_, " stages, expected 1, 2 or 3"));
    if (!(horizon_ > 0)) throw argument_error(parapet::detail::concat("hamilton_jacobi: a horizon of ", horizon_, " s, expected above 0"));
    if (!steady && std::isinf(horizon_))
      throw argument_error("hamilton_jacobi: the system or a set changes with time, so there is no infinite horizon");
  }

  /// Time runs towards the horizon forwards, and back from it else.
  T physical(double to_go) const {
    if (std::isinf(horizon_)) return T(0);
    return static_cast<T>(problem_.forward_in_time ? to_go : horizon_ - to_go);
  }

  void start() {
    T* const values = values_.data();
    start_sweep(be_, nodes_, problem_, physical(0), values);
    check_start<T>(be_, nodes_, values_.view(), work_[0].view(), Problem::role::name, report.warnings);
    T const low = reduce(be_, as_const(values_.view()), math::minimum{}, std::numeric_limits<T>::infinity());
    if (!(low >= options_.lowest))
      throw argument_error(parapet::detail::concat("hamilton_jacobi: lowest = ", static_cast<double>(options_.lowest),
                                                   " is above the target's function, which falls to ", static_cast<double>(low)));
    if (options_.start != nullptr)
      copy(be_, vector_view<T const, space>(options_.start, extents{nodes_.size()}), values_.view());
    if (options_.arrival != nullptr)
      for_each_index(be_, extents{nodes_.size()}, first_arrival<T>{values, options_.arrival});
  }

  double largest_speed(double to_go) {
    speed_sweep(be_, nodes_, system_, physical(to_go), work_[0].data());
    auto const speeds = vector_view<T const, space>(work_[0].data(), extents{nodes_.size()});
    double const total = static_cast<double>(sum(be_, speeds));  // max would pass over a NaN
    return std::isfinite(total) ? static_cast<double>(reduce(be_, speeds, math::maximum{}, T(0))) : total;
  }

  void check_speed(double speed) {
    if (!std::isfinite(speed)) {
      index_t const at = first_not_finite(be_, work_[0].view());
      throw error(parapet::detail::concat("hamilton_jacobi: the system's speed at ", grid::detail::describe(nodes_.state(nodes_.index(at))), " is not finite"));
    }
    if (!(speed > 0)) throw error("hamilton_jacobi: nothing moves: all speeds are 0");
  }

  void step(double dt, bool last) {
    if (last) wake_all(activity_);  // its length is another
    bool const tube = !problem_.only_at_horizon;
    auto const& method = runge_kutta[stages_ - 1];
    T const* from = values_.data();
    for (int k = 0; k < stages_; ++k) {
      bool const ends = k == stages_ - 1;
      T* const to = ends && stages_ > 1 ? values_.data() : work_[k].data();
      stage const s{nodes_, system_, problem_, from, values_.data(), to, static_cast<T>(method[k].b), static_cast<T>(dt),
                    physical(report.time + method[k].at * dt), physical(report.time + dt),
                    tube && !anything_moves ? T(0) : std::numeric_limits<T>::infinity(), options_.lowest, problem_.forward_in_time ? T(-1) : T(1), ends,
                    tube && anything_moves, options_.arrival, static_cast<T>(report.time), static_cast<T>(dt)};
      if (k == 0 && stages_ > 1) keep_previous(last);
      upwind_sweep(be_, s, activity_);
      from = to;
    }
    if (stages_ == 1) std::swap(values_, work_[0]);
    if (activity_.counts) report.swept += static_cast<double>(activity_.rows_swept);
    if (activity_.counts && steady)
      choose_rows(activity_, nodes_, stages_ * Scheme::reach, stages_ == 1 && options_.skip_below > 0 ? work_[0].data() : nullptr, values_.data());
  }

  /// Two and three stages overwrite the old values; a backend that keeps no account of changes needs a copy to compare with.
  void keep_previous(bool last) {
    if (keeps_account<Backend> || !looks_at(report.steps, last)) return;
    if (previous_.size() == 0) previous_ = buffer<T, space>(nodes_.size());
    copy(be_, vector_view<T const, space>(values_.view()), previous_.view());
  }

  /// Whether the change of this step will be asked for: at every step where that is free, at some where it is not.
  bool looks_at(index_t step_number, bool last) const { return last || step_number % 16 == 0; }

  /// The largest change per second of this step, -1 where nobody looks.
  double look(double dt, bool last) {
    double change = activity_.change;
    if (!activity_.counts) {
      if (!looks_at(report.steps, last)) return -1;
      auto const before = stages_ == 1 ? work_[0].view() : previous_.view();
      change = largest_difference(be_, values_.view(), before, before);
    }
    if (std::isfinite(change)) return change / dt;
    index_t const at = first_not_finite(be_, values_.view());
    throw error(parapet::detail::concat("hamilton_jacobi: V is not finite at ", grid::detail::describe(nodes_.state(nodes_.index(at))), ", ", report.time,
                                        " s from the horizon: is the system defined there?"));
  }

  void finish() {
    index_t const rows = nodes_.size() / nodes_.shape()[dim - 1];
    report.swept = activity_.counts && report.steps > 0 ? report.swept / static_cast<double>(rows * report.steps) : 1;
    report.touches = touched_ends<T>(be_, nodes_, values_.view(), work_[0].view());
  }

  Backend& be_;
  System system_;
  grid::grid<dim> nodes_;
  Problem problem_;
  double horizon_;
  hamilton_jacobi_options<T> options_;
  int stages_;
  buffer<T, space> values_, work_[2], previous_;
  row_activity activity_;
};

}  // namespace detail

/// Solves `problem` for `system` on `nodes` until the horizon: finite_horizon{seconds}, or infinite_horizon{} for until nothing
/// changes any more. `observer(hamilton_jacobi_progress const&)` is called after each step.
/// Throws argument_error and shape_error for what cannot be solved, error for a system that yields what is not finite or, under an
/// infinite horizon, for V that does not settle.
template <class T = float, class Scheme = grid::weno5, class Dissipation = global_lax_friedrichs, class Backend, class System, int Axes,
          class Problem, class Horizon, class Observer = ignore_progress>
auto hamilton_jacobi(Backend& be, System const& system, grid::grid<Axes> const& nodes, Problem const& problem, Horizon horizon,
                     hamilton_jacobi_options<T> const& options = {}, Observer&& observer = {}) {
  static_assert(backend::check_backend_argument<Backend>());
  static_assert(check_dynamics_on_grid<System, Axes>());
  static_assert(check_game_dynamics<System>());
  double seconds = std::numeric_limits<double>::infinity();
  if constexpr (requires { horizon.time; }) seconds = horizon.time;
  detail::hamilton_jacobi_solver<T, Scheme, Dissipation, Backend, System, Problem> solver(be, system, nodes, problem, seconds, options);
  solver.run(observer);
  using value = value_function<System, T, typename Problem::role, Horizon, typename Backend::space>;
  return hamilton_jacobi_result<value>{value(system, nodes, solver.take_values(), horizon), std::move(solver.report)};
}

}  // namespace parapet::inline PARAPET_ABI::reachability
