// A part of the sample that is known: the first state of a plan, a waypoint, actions already sent.
//
//     after every step    x <- where(mask, known, x)                               a model trained with that part clean
//                         x <- where(mask, alpha known + sigma z, x)               a model that knows nothing of masks
//
// Janner et al., "Planning with diffusion for flexible behavior synthesis" (Diffuser, 2022); Lugmayr et al., "RePaint" (2022), without
// its repetitions. Hooks of a sampler. Masked elements of the result are `known`, bit for bit.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/hooks.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/math/functions.hpp>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

struct put_known {
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x, X const& mask, X const& known) const {
    x = math::where(mask > X(0.5f), known, x);
  }
};
struct put_noised {
  double alpha, sigma;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& x, X const& mask, X const& known, X const& z) const {
    x = math::where(mask > X(0.5f), X(alpha) * known + X(sigma) * z, x);
  }
};

}  // namespace detail

/// mask, known (rows, dimension), a stride of 0 repeats one row; the part is known where mask > 0.5. Throws shape_error in a run.
template <class T, class Space = host_space>
struct known_part {
  matrix_view<T const, Space> mask, known;

  template <class Backend>
  void before_steps(Backend& be, matrix_view<T, Space> const& x, noise_level const&) const { put(be, x); }
  template <class Backend>
  void after_step(Backend& be, matrix_view<T, Space> const& x, sampling_progress const&) const { put(be, x); }

private:
  template <class Backend>
  void put(Backend& be, matrix_view<T, Space> const& x) const {
    check_shape("known_part: mask", mask.shape(), x.shape());
    check_shape("known_part: known", known.shape(), x.shape());
    map(be, detail::put_known{}, x, mask, known);
  }
};

/// The same, noised to the level that x has; z (rows, dimension) is normal, and the same all the way.
template <class T, class Space = host_space>
struct noised_known_part {
  matrix_view<T const, Space> mask, known, z;

  template <class Backend>
  void before_steps(Backend& be, matrix_view<T, Space> const& x, noise_level const& level) const { put(be, x, level); }
  template <class Backend>
  void after_step(Backend& be, matrix_view<T, Space> const& x, sampling_progress const& progress) const { put(be, x, progress.level); }

private:
  template <class Backend>
  void put(Backend& be, matrix_view<T, Space> const& x, noise_level const& level) const {
    check_shape("noised_known_part: mask", mask.shape(), x.shape());
    check_shape("noised_known_part: known", known.shape(), x.shape());
    check_shape("noised_known_part: z", z.shape(), x.shape());
    if (level.alpha == 1 && level.sigma == 0) map(be, detail::put_known{}, x, mask, known);
    else map(be, detail::put_noised{level.alpha, level.sigma}, x, mask, known, z);
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
