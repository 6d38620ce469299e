// UniPC: a multistep predictor, and a corrector that reuses the evaluation at the predicted point: one evaluation a step,
// order p + 1 from p points of history. In the data form, with differences D_k = (m_k - m_0) / r_k, r_k = (lambda_k - lambda_s) / h:
//
//     predictor   x_t = (sigma_t / sigma_s) x_s - alpha_t (e^-h - 1) m_0 - alpha_t B sum_{k<p} rho_k D_k
//     corrector   the same with rho' instead of rho and one more D, that of m_t = x_0 predicted at the predicted x_t (r = 1)
//     R rho = b,  R_ij = r_j^(i-1),  b_i = i! phi_(i+1)(-h) h / B,       B = h (bh1) or e^-h - 1 (bh2), rho = 1/2 for one D
//
// Zhao et al., "UniPC: a unified predictor-corrector framework" (2023), algorithms 5 and 6.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/diffusion/solvers/exponential.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

enum class unipc_kind { bh1, bh2 };

namespace detail {

/// Solves R rho = b, R_ij = r_j^(i-1), by elimination with pivoting.
inline std::vector<double> solve_vandermonde(std::vector<double> const& r, std::vector<double> b) {
  std::size_t const n = r.size();
  std::vector<std::vector<double>> a(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) a[i][j] = std::pow(r[j], static_cast<double>(i));
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t best = k;
    for (std::size_t i = k; i < n; ++i)
      if (std::abs(a[i][k]) > std::abs(a[best][k])) best = i;
    std::swap(a[k], a[best]);
    std::swap(b[k], b[best]);
    for (std::size_t i = k + 1; i < n; ++i) {
      double const f = a[i][k] / a[k][k];
      for (std::size_t j = k; j < n; ++j) a[i][j] -= f * a[k][j];
      b[i] -= f * b[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

}  // namespace detail

struct unipc {
  int order = 2;                    ///< points of history p, 1 to 4: the method is of order p + 1
  unipc_kind kind = unipc_kind::bh2;
  bootstrap start = bootstrap::lower_order;
  prediction form = predicts_data;  ///< or predicts_noise: epsilon in place of x_0, alpha and sigma exchanged, h for -h
  bool lower_order_final = true;    ///< the last steps use as many points as there are steps left

  sampling_plan compile(level_list const& levels) const {
    if (order < 1 || order > 4) throw argument_error(parapet::detail::concat("unipc: order = ", order, ", expected 1 to 4"));
    if (start == bootstrap::single_step && order > 3) throw argument_error("unipc: a start in single steps is of order 3 at most");
    sampling_plan plan{.name = parapet::detail::concat("unipc-", order, kind == unipc_kind::bh1 ? " bh1" : " bh2")};
    int const last_x = plan.new_slot();
    detail::prediction_history history(plan, order);
    if (!(form == predicts_data || form == predicts_noise)) throw argument_error("unipc: form is neither predicts_data nor predicts_noise");
    detail::single_steps single(form);
    auto const n = static_cast<int>(levels.size()) - 1;
    std::vector<detail::grid_step> steps;
    for (int i = 0; i < n; ++i) steps.emplace_back(levels[static_cast<std::size_t>(i)], levels[static_cast<std::size_t>(i) + 1]);

    int used = 0;  // points of the step before; 0: its result needs no correction
    for (int i = 0; i < n; ++i) {
      detail::grid_step const& step = steps[static_cast<std::size_t>(i)];
      if (start == bootstrap::single_step && i < order - 1) {
        single.append(plan, order, step.from, step.to, history.next());
        history.push();
        continue;
      }
      // Evaluate at the predicted x, and correct it into last_x.
      sampling_step correct{.level = step.from, .as = form, .keep = history.next(), .target = last_x, .terms = {{0, 1}}, .completes = false, .reached = step.to};
      if (used > 0) {
        correct.terms = {{last_x, 0}};
        add_terms(correct.terms, steps, i - 1, used, true, history);
      }
      plan.steps.push_back(correct);
      history.push();

      used = std::min(order, i + 1);
      if (lower_order_final) used = std::min(used, n - i);
      if (step.to_data()) used = 1;
      sampling_step predict{.evaluates = false, .terms = {{last_x, 0}}, .reached = step.to};
      add_terms(predict.terms, steps, i, used, false, history);
      plan.steps.push_back(predict);
    }
    return plan;
  }

private:
  /// Factors of step i with `points` of history, whose newest is history.at(1) before the evaluation that a corrector makes.
  /// terms[0] is that of the last x.
  void add_terms(std::vector<term>& terms, std::vector<detail::grid_step> const& steps, int i, int points, bool corrects,
                 detail::prediction_history const& history) const {
    detail::grid_step const& step = steps[static_cast<std::size_t>(i)];
    bool const data = form == predicts_data;
    double const scale = data ? step.to.alpha : step.to.sigma, hh = data ? -step.h : step.h, first = std::expm1(hh), b_h = kind == unipc_kind::bh1 ? hh : first;
    std::vector<double> r, b;
    double distance = 0;
    for (int k = 1; k < points; ++k) {
      distance -= steps[static_cast<std::size_t>(i - k)].h;
      r.push_back(distance / step.h);
    }
    if (corrects) r.push_back(1);
    double phi = first / hh - 1, factorial = 1;
    for (int k = 1; k <= static_cast<int>(r.size()); ++k) {
      b.push_back(phi * factorial / b_h);
      factorial *= k + 1;
      phi = phi / hh - 1 / factorial;
    }
    std::vector<double> const rho = r.size() == 1 ? std::vector<double>{0.5} : detail::solve_vandermonde(r, b);
    detail::exponential_form const shares{form};
    terms[0].factor = shares.carry(step);
    double newest = shares.constant(step);
    for (int k = 1; k < points; ++k) {
      double const factor = -scale * b_h * rho[static_cast<std::size_t>(k - 1)] / r[static_cast<std::size_t>(k - 1)];
      terms.push_back({history.at(k + 1), factor});
      newest -= factor;
    }
    if (corrects) {
      double const factor = -scale * b_h * rho.back();
      terms.push_back({fresh, factor});
      newest -= factor;
    }
    terms.push_back({history.at(1), newest});
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
