// Every fixed-grid solver is a linear program between calls of the denoiser. This is that program.
//
// A plan works on slots, arrays of the shape of x; slot 0 is x. One step of it is
//
//     m             := prediction of the model from slot[from] at `level`, as the quantity `as`          (if it evaluates)
//     slot[target]  := sum_j factor_j slot[j] + factor m + noise z
//     slot[keep]    := m                                                                                 (if kept)
//
// where all reads come before all writes. A solver compiles its levels into a plan on the host, once, in double. The same
// plan is executed (sampler.hpp), printed, counted, and followed exactly on Gaussian data (gaussian_moments.hpp).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/diffusion/parameterization.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <string>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

inline constexpr int max_slots = 12;  ///< of a plan, x included
inline constexpr int max_terms = 8;   ///< of one step, with the model's answer and the noise

/// In a term, instead of a slot: the prediction of this step, corrected by hooks; and the model's epsilon as it was before them.
inline constexpr int fresh = -1, model_noise = -2;
inline constexpr int nowhere = -1;  ///< for `keep`

struct term {
  int slot;
  double factor;
};

struct sampling_step {
  bool evaluates = true;
  noise_level level{};                ///< of slot[from], what the denoiser is told
  int from = 0;
  prediction as = predicts_data;      ///< the quantity that `fresh` stands for and that is kept
  int keep = nowhere;
  int target = 0;
  std::vector<term> terms{};
  double noise = 0;                   ///< factor of a fresh standard normal
  double noise_from = 0, noise_to = 0;  ///< that normal is the increment of a Brownian motion at times exp(2 noise_from), exp(2 noise_to)
  bool completes = true;              ///< x is now at the next level of the grid
  noise_level reached{};              ///< which is this one
};

struct sampling_plan {
  std::string name{};
  noise_level start{}, end{};
  double initial_deviation = 1;  ///< of x at the start: 1 for variance-preserving levels, sigma for others
  int slots = 1;                 ///< arrays of the shape of x, x included
  std::vector<sampling_step> steps{};

  /// A slot of its own for a solver.
  int new_slot() { return slots++; }

  /// Calls of the denoiser.
  index_t evaluations() const { return count([](sampling_step const& s) { return s.evaluates; }); }
  /// Arrays of noise that the steps draw, the initial one not counted.
  index_t draws() const { return count([](sampling_step const& s) { return s.noise != 0; }); }
  /// Levels that x reaches.
  index_t completed() const { return count([](sampling_step const& s) { return s.completes; }); }
  bool is_deterministic() const { return draws() == 0; }

private:
  template <class F>
  index_t count(F f) const { return static_cast<index_t>(std::count_if(steps.begin(), steps.end(), f)); }
};

template <class S>
concept solver = requires(S const& s, level_list const& levels) {
  { s.compile(levels) } -> std::same_as<sampling_plan>;
};

namespace detail {

inline void check_plan(sampling_plan const& plan) {
  using parapet::detail::concat;
  auto const refuse = [&](std::size_t i, auto const&... why) { throw argument_error(concat("make_plan: step ", i, " of ", plan.name, " ", why...)); };
  if (plan.slots > max_slots) throw argument_error(concat("make_plan: ", plan.name, " needs ", plan.slots, " slots, expected at most ", max_slots));
  auto const is_slot = [&](int slot) { return slot >= 0 && slot < plan.slots; };
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    sampling_step const& s = plan.steps[i];
    if (s.terms.size() + 2 > max_terms) refuse(i, "has ", s.terms.size(), " terms, expected at most ", max_terms - 2);
    if (!is_slot(s.target) || !is_slot(s.from) || !(s.keep == nowhere || is_slot(s.keep)) || s.keep == s.target)
      refuse(i, "names a slot outside 0 .. ", plan.slots - 1);
    for (term const& t : s.terms) {
      if (!is_slot(t.slot) && !(s.evaluates && (t.slot == fresh || t.slot == model_noise))) refuse(i, "reads slot ", t.slot);
      if (!std::isfinite(t.factor))
        refuse(i, "from sigma = ", s.level.sigma, " to ", s.reached.sigma, " has the factor ", t.factor, ": this solver cannot reach or leave such a level");
    }
    if (!std::isfinite(s.noise)) refuse(i, "has a noise factor of ", s.noise);
  }
}

}  // namespace detail

/// The plan of `solver` for levels from noise to data; the other way round it is the inverse of a deterministic solver. Throws
/// argument_error for levels that are none (check_levels), or that this solver cannot use.
template <solver Solver>
sampling_plan make_plan(Solver const& solver, level_list const& levels) {
  check_levels(levels);
  sampling_plan plan = solver.compile(levels);
  plan.start = levels.front();
  plan.end = levels.back();
  double const total = plan.start.alpha * plan.start.alpha + plan.start.sigma * plan.start.sigma;
  plan.initial_deviation = std::abs(total - 1) < 1e-6 ? 1 : plan.start.sigma;
  detail::check_plan(plan);
  if (!loses_noise(levels) && !plan.is_deterministic())
    throw argument_error(parapet::detail::concat("make_plan: ", plan.name, " draws noise, so it has no inverse"));
  return plan;
}

/// The same plan with the noise of its steps, and of its start, times these factors.
inline sampling_plan with_temperature(sampling_plan plan, double steps, double start = 1) {
  if (!(steps >= 0 && start >= 0)) throw argument_error(parapet::detail::concat("with_temperature: ", steps, " and ", start, ", expected at least 0"));
  for (sampling_step& s : plan.steps) s.noise *= steps;
  plan.initial_deviation *= start;
  return plan;
}

/// One line for each step: "x1 := 0.98 x0 + 0.2 m(x0, t = 0.8) + 0.1 z".
inline std::string describe(sampling_plan const& plan) {
  using parapet::detail::concat;
  std::string out = concat(plan.name, ": ", plan.evaluations(), " evaluations, ", plan.draws(), " draws, ", plan.slots, " slots\n");
  for (sampling_step const& s : plan.steps) {
    out += concat("x", s.target, " := ");
    bool first = true;
    auto const add = [&](double factor, std::string const& what) {
      out += concat(first ? "" : " + ", factor, " ", what);
      first = false;
    };
    for (term const& t : s.terms)
      add(t.factor, t.slot == fresh ? concat("m(x", s.from, ", t = ", s.level.t, ")") : t.slot == model_noise ? "epsilon" : concat("x", t.slot));
    if (s.noise != 0) add(s.noise, "z");
    if (s.keep != nowhere) out += concat("; x", s.keep, " := m");
    out += '\n';
  }
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
