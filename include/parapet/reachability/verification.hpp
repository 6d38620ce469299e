// Does the certificate hold? Roll-outs from many states that a value function calls safe, against the worst disturbance.
//
//     auto const r = verify(be, value, avoid(failure), best_control{}, {.margin = 0.05, .seconds = 5, .step = 0.01});
//     r.violations == 0;  r.starts;  r.first_violation;
//
// Starts are uniform on the grid where S > margin (safety S as in safety_filter.hpp). The system is integrated by rk4 with inputs held
// for `step` seconds. The disturbance is the one that V calls worst; the control comes from a controller:
//
//     best_control{}                           the best input along V's slopes: is the set as large as V says?
//     filter_reckless(mode, {.margin = ...})   a filter that guards the most reckless wish, the one that lowers S the fastest
//
// Avoid is violated by entering the failure set; reach by not arriving in time, reach-avoid also by touching the obstacle first. A
// trajectory that leaves the grid is counted as such and followed no longer: V says nothing there. Sampling proves nothing, it
// refutes; with no violation in n starts the fraction of bad ones is below 3 / n with 95 % confidence.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/integrator.hpp>
#include <parapet/reachability/problem.hpp>
#include <parapet/reachability/safety_filter.hpp>
#include <parapet/reachability/solution_checks.hpp>
#include <parapet/reachability/value_function.hpp>
#include <parapet/reachability/value_view.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::reachability {

/// The best input along the slopes of V.
struct best_control {
  template <class View>
  PARAPET_FN typename View::control_input operator()(View const& v, typename View::state const& x, bool&) const {
    return v.best_inputs_at(x).control;
  }
};

/// A filter around the most reckless wish.
template <class Mode>
struct filtered_reckless {
  Mode mode;
  filter_options options;

  template <class View>
  PARAPET_FN typename View::control_input operator()(View const& v, typename View::state const& x, bool& interfering) const {
    using T = typename View::scalar;
    using other = std::conditional_t<View::role::control_maximizes, reach_role, avoid_role>;
    auto const wish = best_inputs<other>(v.system, x, v.slopes(x).slopes, T(0)).control;
    detail::filter_limits<T> limits{static_cast<T>(options.margin), static_cast<T>(options.hysteresis), T(0)};
    if constexpr (std::is_same_v<Mode, blend>) limits.width_or_rate = static_cast<T>(mode.width);
    if constexpr (std::is_same_v<Mode, keep_rate>) limits.width_or_rate = static_cast<T>(mode.rate);
    return detail::filter_step<Mode, off_grid::clamp>(v, limits, x, wish, interfering).control;
  }
};
template <class Mode>
filtered_reckless<Mode> filter_reckless(Mode mode, filter_options const& options = {}) {
  return {mode, options};
}

struct verification_options {
  index_t starts = 100000;
  double margin = 0;     ///< of S at the start
  double seconds = 10;
  double step = 0.01;    ///< seconds that inputs are held
  std::uint64_t seed = 0;
};

template <class State>
struct verification {
  index_t starts = 0;      ///< found where S > margin
  index_t violations = 0;
  index_t left_grid = 0;
  State first_violation = {};  ///< the start with the lowest number, where there is one; of values in host memory only
  double least = 0;        ///< avoid: the least value of the failure function that was met
};

namespace detail {

/// How a roll-out ended.
enum class ending { kept, violated, left, no_start };

template <class View, class Question, class Controller>
struct roll_out_kernel {
  using T = typename View::scalar;
  using role = typename View::role;
  static constexpr int dim = View::dim;

  View view;
  Question question;
  Controller controller;
  verification_options options;
  T* endings;
  T* least;

  PARAPET_FN bool find_start(index_t i, vec<T, dim>& x) const {
    philox_stream const random(options.seed, static_cast<std::uint64_t>(i));
    for (index_t attempt = 0; attempt < 256; ++attempt) {
      for (int a = 0; a < dim; ++a) {
        grid::axis const& along = view.nodes.axis(a);
        x[a] = static_cast<T>(along.low + (along.high - along.low) * static_cast<double>(random.uniform(attempt * dim + a)));
      }
      T const v = view.slopes(x).value;
      if ((role::control_maximizes ? v : -v) > static_cast<T>(options.margin)) return true;
    }
    return false;
  }

  PARAPET_FN ending roll_out(vec<T, dim> x, T& lowest) const {
    T const step = static_cast<T>(options.step);
    auto const count = static_cast<index_t>(options.seconds / options.step + 0.5);  // 2.9 / 0.1 is below 29
    bool interfering = false;
    for (index_t k = 0;; ++k) {
      T const l = set_value(question.target, x, T(0));
      lowest = math::min(lowest, l);
      if constexpr (role::has_obstacle)
        if (set_value(question.obstacle, x, T(0)) <= 0 && l > 0) return ending::violated;
      if (l <= 0) return role::control_maximizes ? ending::violated : ending::kept;
      if (k == count) return role::control_maximizes ? ending::kept : ending::violated;
      auto const u = controller(view, x, interfering);
      auto const d = view.best_inputs_at(x).disturbance;
      x = rk4{}(view.system, x, u, d, step);
      if (!view.nodes.contains(x)) return ending::left;
    }
  }

  PARAPET_FN void operator()(index_t i) const {
    vec<T, dim> x{};
    least[i] = std::numeric_limits<T>::max();
    ending const end = find_start(i, x) ? roll_out(x, least[i]) : ending::no_start;
    endings[i] = static_cast<T>(end);
  }
};

/// A kernel from index `begin` on: one shard's part.
template <class Kernel>
struct from_index {
  Kernel kernel;
  index_t begin;
  PARAPET_FN void operator()(index_t i) const { kernel(begin + i); }
};

template <class T>
struct is_ending {
  T wanted;
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return math::where(x == X(wanted), X(1.0f), X(0.0f)); }
};
template <class T>
struct mark_ending {
  T const* endings;
  T wanted;
  T* out;
  PARAPET_FN void operator()(index_t i) const { out[i] = endings[i] == wanted ? T(1) : T(0); }
};

}  // namespace detail

/// Rolls out from options.starts states on the backend where the values are; `question` is the problem that V answers. Throws
/// argument_error for a step, time or number of starts that is not positive.
template <class Backend, class System, class T, class Role, class Horizon, class Target, class Obstacle, class Controller>
verification<vec<T, System::state_dim>> verify(Backend& be, value_function<System, T, Role, Horizon, typename Backend::space> const& value,
                                               problem<Role, Target, Obstacle> const& question, Controller const& controller,
                                               verification_options const& options = {}) {
  if (!(options.step > 0) || !(options.seconds > 0) || options.starts < 1 || options.starts > index_t{1} << 24)
    throw argument_error(parapet::detail::concat("verify: ", options.starts, " starts of ", options.seconds, " s in steps of ", options.step,
                                                 " s, expected positive numbers and at most 2^24 starts"));
  using view_type = value_view<System, T, Role>;
  using space = typename Backend::space;
  using kernel = detail::roll_out_kernel<view_type, problem<Role, Target, Obstacle>, Controller>;
  buffer<T, space> endings(options.starts), least(options.starts);
  kernel const k{value.view(), question, controller, options, endings.data(), least.data()};
  index_t const shards = std::min<index_t>(64, options.starts);
  for_each_shard(be, shards, [&](auto& worker, index_t s) {
    index_t const begin = options.starts * s / shards, end = options.starts * (s + 1) / shards;
    for_each_index(worker, extents{end - begin}, detail::from_index<kernel>{k, begin});
  });
  auto const count = [&](detail::ending e) {
    return static_cast<index_t>(sum(be, detail::as_const(endings.view()), detail::is_ending<T>{static_cast<T>(e)}) + T(0.5));
  };
  verification<vec<T, System::state_dim>> r;
  r.starts = options.starts - count(detail::ending::no_start);
  r.violations = count(detail::ending::violated);
  r.left_grid = count(detail::ending::left);
  r.least = static_cast<double>(reduce(be, detail::as_const(least.view()), math::minimum{}, std::numeric_limits<T>::max()));
  if (r.violations > 0) {
    auto const violated = static_cast<T>(detail::ending::violated);
    for_each_index(be, endings.view().shape(), detail::mark_ending<T>{endings.data(), violated, least.data()});
    index_t const first = argmax(be, detail::as_const(least.view()));
    if constexpr (std::is_same_v<space, host_space>) k.find_start(first, r.first_violation);
  }
  return r;
}

}  // namespace parapet::inline PARAPET_ABI::reachability
