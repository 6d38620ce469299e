// What a sampler asks of a network: the noise in x at a step.
//
// A denoiser is any callable
//
//     denoise(be, x, i) -> epsilon        x, epsilon (rows, dimension), i the index of the step in its schedule
//
// on views: a lambda, a network of ours with its conditioning bound, or a session of another run time. The result may lie in
// memory of the callable's own; it is read before the next call.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>

#include <concepts>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::diffusion {

template <class F, class Backend, class T>
concept denoiser = requires(F& f, Backend& be, matrix_view<T const, typename Backend::space> x, index_t step) {
  { f(be, x, step) } -> std::convertible_to<matrix_view<T const, typename Backend::space>>;
};

/// Says in words what a denoiser lacks.
template <class F, class Backend, class T>
consteval bool check_denoiser() {
  static_assert(std::is_invocable_v<F&, Backend&, matrix_view<T const, typename Backend::space>, index_t>,
                "a denoiser must be callable as denoise(backend, matrix_view<T const> x, index_t step) - see docs/concepts.md");
  if constexpr (std::is_invocable_v<F&, Backend&, matrix_view<T const, typename Backend::space>, index_t>)
    static_assert(denoiser<F, Backend, T>, "a denoiser must return a view of the predicted noise, convertible to matrix_view<T const> - see docs/concepts.md");
  return true;
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
