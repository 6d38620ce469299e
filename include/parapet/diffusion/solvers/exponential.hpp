// What exponential integrators of the probability-flow ODE share. In lambda = log(alpha / sigma) its linear part is solved exactly:
//
//     x_t = (sigma_t / sigma_s) x_s + sigma_t int_s^t e^lambda x_0(lambda) d lambda            data form      (DPM-Solver++, UniPC)
//     x_t = (alpha_t / alpha_s) x_s - alpha_t int_s^t e^-lambda epsilon(lambda) d lambda       noise form     (DPM-Solver, DEIS)
//
// and methods differ in how they continue x_0(lambda) or epsilon(lambda) over a step, h = lambda_t - lambda_s.
//
// Lu et al., "DPM-Solver" (2022), proposition 3.1; "DPM-Solver++" (2022), proposition 4.1.
#pragma once

#include <parapet/config.hpp>
#include <parapet/diffusion/intermediate_level.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/diffusion/sampling_plan.hpp>

#include <cmath>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

/// How a multistep solver starts, before it has a history.
enum class bootstrap {
  lower_order,  ///< with fewer terms, as published: later errors are of order 2 at best
  single_step,  ///< with single steps of its own order, which cost more evaluations: keeps the order
};

namespace detail {

/// One step of the grid, and what solvers make of it.
struct grid_step {
  noise_level from, to;
  double h;

  grid_step(noise_level const& from_, noise_level const& to_) : from(from_), to(to_), h(lambda_difference(from_, to_)) {}
  bool to_data() const { return to.sigma == 0; }
  double sigma_ratio() const { return to.sigma / from.sigma; }
  double alpha_ratio() const { return to.alpha / from.alpha; }
  /// The level at lambda_s + r h.
  noise_level at(double r) const { return intermediate_level(from, to, relative_noise(from) * std::exp(-r * h)); }
};

/// Slots of the predictions of the last `size` evaluations, 1 being the newest.
class prediction_history {
public:
  prediction_history(sampling_plan& plan, int size) {
    for (int i = 0; i < size; ++i) slots_.push_back(plan.new_slot());
  }
  int at(int age) const { return slots_[static_cast<std::size_t>(age - 1)]; }
  /// The slot for a new prediction, in place of the oldest; it is at(1) from push() on.
  int next() const { return slots_.empty() ? nowhere : slots_.back(); }
  void push() {
    if (slots_.empty()) return;
    slots_.insert(slots_.begin(), slots_.back());
    slots_.pop_back();
  }

private:
  std::vector<int> slots_;
};

/// Factors of a prediction over a step, and of its first and second derivative in units of the step:
///
///     scale (e^z - 1),  scale ((e^z - 1) / z - 1),  scale ((e^z - 1 - z) / z^2 - 1/2)
///
/// with scale = -alpha_t, z = -h in the data form, scale = -sigma_t, z = h in the noise form; on the reverse SDE a multiple of one of them.
struct phi_factors {
  double constant, slope, curve;

  phi_factors(double scale, double z)
      : constant(scale * std::expm1(z)), slope(scale * (std::expm1(z) / z - 1)), curve(scale * ((std::expm1(z) - z) / (z * z) - 0.5)) {}
};

/// One of the two forms, and its factors. phi_1(z) = (e^z - 1) / z with z = -h or h.
struct exponential_form {
  prediction as;

  bool data() const { return as == predicts_data; }
  /// What is left of x_s.
  double carry(grid_step const& s) const { return data() ? s.sigma_ratio() : s.alpha_ratio(); }
  /// Factor of a prediction that stays as it is over the step.
  double constant(grid_step const& s) const {
    if (!data() && s.to_data()) return -s.to.alpha * s.from.sigma / s.from.alpha;
    return data() ? -s.to.alpha * std::expm1(-s.h) : -s.to.sigma * std::expm1(s.h);
  }
  /// Factor of what it changes by over the step, where it changes linearly.
  double slope(grid_step const& s) const {
    double const z = data() ? -s.h : s.h;
    return -(data() ? s.to.alpha : s.to.sigma) * (std::abs(z) < 1e-5 ? z / 2 + z * z / 6 : std::expm1(z) / z - 1);
  }
};

/// Single steps of order 1 to 3, appended to a plan. Scratch is made when first needed. A step to sigma = 0 is of order 1: there
/// is no middle on the way to infinity.
class single_steps {
public:
  explicit single_steps(prediction const& form, double r_second = 0.5) : form_{form}, r_second_(r_second) {}

  /// From one level to the next; `keep`: a slot for the prediction at the first, needed above order 1.
  void append(sampling_plan& plan, int order, noise_level const& from, noise_level const& to, int keep) {
    grid_step const whole(from, to);
    if (order == 1 || whole.to_data())
      return add(plan, {.level = from, .keep = keep, .terms = {{0, form_.carry(whole)}, {fresh, form_.constant(whole)}}, .reached = to});
    if (guess_ == nowhere) guess_ = plan.new_slot();

    double const r1 = order == 2 ? r_second_ : 1.0 / 3, r2 = 2.0 / 3;
    grid_step const to_one(from, whole.at(r1));
    add(plan, {.level = from, .keep = keep, .target = guess_,
               .terms = {{0, form_.carry(to_one)}, {fresh, form_.constant(to_one)}}, .completes = false, .reached = to});
    auto const from_guess = [&](grid_step const& s, noise_level const& at, double change, int target) {
      add(plan, {.level = at, .from = guess_, .target = target, .terms = {{0, form_.carry(s)}, {keep, form_.constant(s) - change}, {fresh, change}},
                 .completes = target == 0, .reached = to});
    };
    if (order == 2) return from_guess(whole, to_one.to, form_.constant(whole) / (2 * r1), 0);
    grid_step const to_two(from, whole.at(r2));
    from_guess(to_two, to_one.to, form_.slope(to_two) * r2 / r1, guess_);
    from_guess(whole, to_two.to, form_.slope(whole) / r2, 0);
  }

private:
  void add(sampling_plan& plan, sampling_step step) const {
    step.as = form_.as;
    plan.steps.push_back(step);
  }

  exponential_form form_;
  double r_second_;
  int guess_ = nowhere;
};

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::diffusion
