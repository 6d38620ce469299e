// What a sampler asks of a model and of a source of noise.
//
// A denoiser is any callable
//
//     denoise(be, x, level) -> r       x, r (rows, dimension); level: a noise_level, or its index in a discrete schedule
//
// on views: a lambda, a network of ours with its conditioning bound, or a session of another run time. What r means is the
// sampler's parameterization, epsilon unless told otherwise. r may lie in memory of the callable's own; it is read before
// the next call.
//
// Noise is any callable noise(be, draw, z) that fills z (rows, dimension) with standard normals; draw: a noise_draw, or its index.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/noise_level.hpp>

#include <concepts>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::diffusion {

/// Which array of noise a sampler asks for: 0 is that of its start, k = 1, 2, .. that of its k-th step that draws. It is the
/// increment of a Brownian motion between the times exp(2 from) and exp(2 to), scaled to variance 1.
struct noise_draw {
  index_t index = 0;
  double from = 0, to = 0;
};

namespace detail {

template <class F, class Backend, class T>
concept denoises_level = requires(F& f, Backend& be, matrix_view<T const, typename Backend::space> x, noise_level const& level) {
  { f(be, x, level) } -> std::convertible_to<matrix_view<T const, typename Backend::space>>;
};
template <class F, class Backend, class T>
concept denoises_step = requires(F& f, Backend& be, matrix_view<T const, typename Backend::space> x, index_t step) {
  { f(be, x, step) } -> std::convertible_to<matrix_view<T const, typename Backend::space>>;
};

}  // namespace detail

template <class F, class Backend, class T>
concept denoiser = detail::denoises_level<F, Backend, T> || detail::denoises_step<F, Backend, T>;

/// Says in words what a denoiser lacks.
template <class F, class Backend, class T>
consteval bool check_denoiser() {
  using view = matrix_view<T const, typename Backend::space>;
  constexpr bool callable = std::is_invocable_v<F&, Backend&, view, noise_level const&> || std::is_invocable_v<F&, Backend&, view, index_t>;
  static_assert(callable, "a denoiser must be callable as denoise(backend, matrix_view<T const> x, noise_level level), or with index_t step instead - see docs/concepts.md");
  if constexpr (callable)
    static_assert(denoiser<F, Backend, T>, "a denoiser must return a view of the model's prediction, convertible to matrix_view<T const> - see docs/concepts.md");
  return true;
}

/// The denoiser's answer, however it wants to be told the level.
template <class Backend, class F, class T, class Space>
matrix_view<T const, Space> call_denoiser(Backend& be, F& denoise, matrix_view<T const, Space> const& x, noise_level const& level) {
  matrix_view<T const, Space> r;
  if constexpr (detail::denoises_level<F, Backend, T>) r = denoise(be, x, level);
  else r = denoise(be, x, level.step);
  check_shape("sampler: the denoiser's result", r.shape(), x.shape());
  return r;
}

/// Fills z with the noise of one draw, however the source wants to be told which.
template <class Backend, class F, class T, class Space>
void call_noise(Backend& be, F& noise, noise_draw const& draw, matrix_view<T, Space> const& z) {
  if constexpr (std::is_invocable_v<F&, Backend&, noise_draw const&, matrix_view<T, Space> const&>) {
    noise(be, draw, z);
  } else {
    static_assert(std::is_invocable_v<F&, Backend&, index_t, matrix_view<T, Space> const&>,
                  "noise must be callable as noise(backend, noise_draw draw, matrix_view<T> z), or with index_t draw instead - see docs/concepts.md");
    noise(be, draw.index, z);
  }
}

/// Noise of a sampler from a Philox stream: draw k is elements first + k z.size() and on. Throws shape_error for a view with gaps.
struct philox_noise {
  philox_stream stream;
  index_t first = 0;  ///< element of the stream at which this run starts
  template <class Backend, class T, class Space>
  void operator()(Backend& be, index_t draw, matrix_view<T, Space> const& z) const {
    if (!z.is_contiguous())
      throw shape_error(parapet::detail::concat("philox_noise: z of shape ", z.shape(), " with strides ", z.strides(), ", expected a dense view"));
    fill_normal(be, flatten(z), stream, first + draw * z.size());
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
