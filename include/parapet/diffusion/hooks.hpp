// What may be done to a sample on its way: hooks, passed to a sampler in any number and order.
//
// A hook is an object with one or more of these members; a sampler without hooks is compiled without their seams.
//
//     X on_data(X x0) const                       the predicted data, element by element
//     X on_state(X x) const                       x after each step of the grid, element by element
//     void correct_data(be, x0, level)            the predicted data (rows, dimension), all at once: after every on_data
//     void before_steps(be, x, level)             x (rows, dimension) before the first step
//     void after_step(be, x, progress)            x (rows, dimension) after each step of the grid: a mask, a callback
//
// on_data and on_state are functors: generic in X, copied into kernels. The others may be anything and may throw.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/math/functions.hpp>

#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::diffusion {

/// Where a run stands, as told to after_step.
struct sampling_progress {
  index_t completed, total;  ///< steps of the grid
  noise_level level;         ///< of x now
};

/// Limits the predicted data to [-limit, limit], as diffusers' clip_sample and CleanDiffuser's x_min, x_max.
struct clip_data {
  double limit = 1;
  template <class X>
  PARAPET_INLINE PARAPET_FN X on_data(X const& x0) const { return math::min(math::max(x0, X(-limit)), X(limit)); }
};

/// Limits x itself to [-limit, limit] after every step, as IDQL and FISOR.
struct clip_state {
  double limit = 1;
  template <class X>
  PARAPET_INLINE PARAPET_FN X on_state(X const& x) const { return math::min(math::max(x, X(-limit)), X(limit)); }
};

/// f(be, x, progress) after each step of the grid.
template <class F>
struct on_step {
  F f;
  template <class Backend, class T, class Space>
  void after_step(Backend& be, matrix_view<T, Space> const& x, sampling_progress const& progress) const { f(be, x, progress); }
};
template <class F>
on_step(F) -> on_step<F>;

/// Throws error as soon as x holds a NaN or an infinity. Reads a number back after each step, so it cannot be captured.
struct finite_check {
  template <class Backend, class T, class Space>
  void after_step(Backend& be, matrix_view<T, Space> const& x, sampling_progress const& progress) const {
    T zeros = 0;
    for (index_t i = 0; i < (x.is_contiguous() ? 1 : x.extent(0)); ++i)
      zeros += sum(be, vector_view<T const, Space>(x.is_contiguous() ? flatten(x) : x(i)), times_zero{});
    if (!(zeros == 0))
      throw error(parapet::detail::concat("sampler: x is not finite after step ", progress.completed, " of ", progress.total, ", at sigma = ",
                                          progress.level.sigma));
  }

private:
  struct times_zero {
    template <class X>
    PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return x * X(0.0f); }
  };
};

namespace detail {

template <class H>
concept has_on_data = requires(H const& h, float x) { h.on_data(x); };
template <class H>
concept has_on_state = requires(H const& h, float x) { h.on_state(x); };

// By name: a member of the wrong signature is then an error and not ignored. A name of two bases is ambiguous.
struct names_correct_data {
  void correct_data();
};
struct names_before_steps {
  void before_steps();
};
struct names_after_step {
  void after_step();
};
template <class H, class Names>
struct both : H, Names {};
template <class H>
concept has_correct_data = !requires { &both<H, names_correct_data>::correct_data; };
template <class H>
concept has_before_steps = !requires { &both<H, names_before_steps>::before_steps; };
template <class H>
concept has_after_step = !requires { &both<H, names_after_step>::after_step; };

/// Functors applied one after the other; without any, the identity.
template <class... Fs>
struct chain {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return x; }
};
template <class F, class... Rest>
struct chain<F, Rest...> {
  F first;
  chain<Rest...> rest;
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return rest(first(x)); }
};

template <class H>
struct data_part {
  H hook;
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return hook.on_data(x); }
};
template <class H>
struct state_part {
  H hook;
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return hook.on_state(x); }
};

inline chain<> data_chain() { return {}; }
template <class H, class... Rest>
auto data_chain(H const& hook, Rest const&... rest) {
  auto const tail = data_chain(rest...);
  if constexpr (has_on_data<H>)
    return []<class... Fs>(data_part<H> const& head, chain<Fs...> const& fs) { return chain<data_part<H>, Fs...>{head, fs}; }({hook}, tail);
  else return tail;
}
inline chain<> state_chain() { return {}; }
template <class H, class... Rest>
auto state_chain(H const& hook, Rest const&... rest) {
  auto const tail = state_chain(rest...);
  if constexpr (has_on_state<H>)
    return []<class... Fs>(state_part<H> const& head, chain<Fs...> const& fs) { return chain<state_part<H>, Fs...>{head, fs}; }({hook}, tail);
  else return tail;
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::diffusion
