// What a control is worth when the step that follows has several outcomes, one for each sample of the disturbance.
//
//     worst_case      the disturbance answers the control, and plays against it: the game's lower value
//     expectation     the mean over the samples
//     cvar{alpha}     the mean over the worst fraction alpha of them: 1 is the mean, alpha -> 0 the worst case
//
// The last two take samples for random: equally likely, or with probabilities of their own, `expectation<3>{{0.25, 0.5, 0.25}}`. A
// mean of V is no probability of safety: it can hide a rare failure behind large values elsewhere. All three keep the backup monotone
// and non-expansive, and with it the contraction. Rockafellar and Uryasev (2000); for safety, Chapman et al. (2021).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/lanes.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

namespace detail {

/// Probabilities of N samples, or equal ones for N = 0.
template <int N>
struct sample_weights {
  double probability[N > 0 ? N : 1];
  PARAPET_FN constexpr double weight(index_t k, index_t count) const {
    if constexpr (N == 0) return 1 / static_cast<double>(count);
    else return probability[k];
  }
  /// Throws argument_error unless there are `count` probabilities that sum to 1.
  void check(index_t count) const {
    if constexpr (N > 0) {
      double total = 0;
      bool valid = N == count;
      for (double const p : probability) total += p, valid = valid && p >= 0;
      if (!valid || !(total > 1 - 1e-9 && total < 1 + 1e-9))
        throw argument_error(parapet::detail::concat("outcomes: ", N, " probabilities with sum ", total, " for ", count, " samples of the disturbance"));
    }
  }
};

/// v or -v: folds that minimise are written once.
template <bool Negate, class X>
PARAPET_INLINE PARAPET_FN X signed_value(X const& v) {
  if constexpr (Negate) return X(0.0f) - v;
  else return v;
}

}  // namespace detail

struct worst_case {
  void check(index_t) const {}
  /// BadIsLow: the control wants V large.
  template <class X, bool BadIsLow>
  struct fold {
    X worst;
    PARAPET_INLINE PARAPET_FN fold(worst_case const&, index_t) : worst(BadIsLow ? 3e38f : -3e38f) {}
    PARAPET_INLINE PARAPET_FN void add(index_t, X const& v) { worst = BadIsLow ? math::min(worst, v) : math::max(worst, v); }
    PARAPET_INLINE PARAPET_FN X result() const { return worst; }
  };
};

template <int N = 0>
struct expectation : detail::sample_weights<N> {
  template <class X, bool>
  struct fold {
    expectation const& rule;
    index_t count;
    X mean;
    PARAPET_INLINE PARAPET_FN fold(expectation const& r, index_t n) : rule(r), count(n), mean(0.0f) {}
    PARAPET_INLINE PARAPET_FN void add(index_t k, X const& v) { mean = mean + X(rule.weight(k, count)) * v; }
    PARAPET_INLINE PARAPET_FN X result() const { return mean; }
  };
};
expectation() -> expectation<0>;

template <int N = 0>
struct cvar {
  double alpha;  ///< in (0, 1]
  detail::sample_weights<N> samples = {};

  static constexpr index_t most = 64;  ///< samples that one step may have
  PARAPET_FN constexpr double weight(index_t k, index_t count) const { return samples.weight(k, count); }
  void check(index_t count) const {
    if (!(alpha > 0 && alpha <= 1)) throw argument_error(parapet::detail::concat("cvar: alpha is ", alpha, ", expected one in (0, 1]"));
    if (count > most) throw argument_error(parapet::detail::concat("cvar: ", count, " samples of the disturbance, expected at most ", most));
    samples.check(count);
  }

  template <class X, bool BadIsLow>
  struct fold {
    using T = math::scalar_of_t<X>;
    static constexpr int lanes = detail::lane_count<X>;
    cvar const& rule;
    index_t count;
    T outcome[most][lanes];

    PARAPET_FN fold(cvar const& r, index_t n) : rule(r), count(n) {}
    PARAPET_FN void add(index_t k, X const& v) {
      detail::store_lanes(detail::signed_value<!BadIsLow>(v), outcome[k]);
    }
    PARAPET_FN X result() const {
      T mean[lanes];
      for (int i = 0; i < lanes; ++i) mean[i] = tail_mean(i);
      return detail::signed_value<!BadIsLow>(detail::load_lanes<X>(mean));
    }

  private:
    /// Mean of the lowest outcomes whose probabilities make up alpha, the last one in part.
    PARAPET_FN T tail_mean(int lane) const {
      index_t order[most];
      for (index_t k = 0; k < count; ++k) {
        index_t at = k;
        for (; at > 0 && outcome[order[at - 1]][lane] > outcome[k][lane]; --at) order[at] = order[at - 1];
        order[at] = k;
      }
      double left = rule.alpha, total = 0;
      for (index_t k = 0; k < count && left > 0; ++k) {
        double const p = math::min(left, rule.weight(order[k], count));
        total += p * static_cast<double>(outcome[order[k]][lane]);
        left -= p;
      }
      return static_cast<T>(total / (rule.alpha - math::max(left, 0.0)));
    }
  };
};
template <class A>
cvar(A) -> cvar<0>;

}  // namespace parapet::inline PARAPET_ABI::reachability
