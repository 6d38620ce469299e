// Dynamic thresholding: the predicted data are limited to a quantile of their own size, and scaled back into the data's range.
//
//     s = max(limit, quantile of |x0| over a row),    x0 <- limit clamp(x0, -s, s) / s
//
// Saharia et al., "Photorealistic text-to-image diffusion models" (Imagen, 2022). The quantile is interpolated as numpy and torch do.
// A row of n elements takes about (1 - quantile) n passes over it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/math/functions.hpp>

#include <limits>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

template <class T, class Space>
struct threshold_row {
  matrix_view<T, Space> x;
  T quantile, limit, most;
  T cap;  ///< of |x|, so that ranks exist where x does not

  PARAPET_FN void operator()(index_t row) const {
    T const s = math::min(math::max(quantile_of(row), limit), most), factor = limit / s;
    for (index_t i = 0; i < x.extent(1); ++i) x(row, i) = factor * math::min(math::max(x(row, i), -s), s);
  }

private:
  PARAPET_FN T quantile_of(index_t row) const {
    T const position = quantile * static_cast<T>(x.extent(1) - 1);
    auto const below = static_cast<index_t>(position);
    T const fraction = position - static_cast<T>(below), low = ranked(row, below);
    return fraction > 0 ? low + fraction * (ranked(row, below + 1) - low) : low;
  }

  /// Number `rank` (from 0) of |x(row, :)| in ascending order, by going down from the largest; `cap` where NaNs leave too few.
  PARAPET_FN T ranked(index_t row, index_t rank) const {
    T value = cap;
    for (index_t left = x.extent(1) - rank; left > 0;) {
      T next = -1;
      index_t equal = 0;
      for (index_t i = 0; i < x.extent(1); ++i) {
        T const a = math::min(math::abs(x(row, i)), cap);
        if (!(a < value || (a == cap && left == x.extent(1) - rank))) continue;
        if (a > next) {
          next = a;
          equal = 0;
        }
        equal += a == next;
      }
      if (equal == 0) return cap;
      value = next;
      left -= equal;
    }
    return value;
  }
};

}  // namespace detail

/// A hook of a sampler. `limit` is the range of the data, `most` the largest quantile that is believed.
struct dynamic_threshold {
  double quantile = 0.995, limit = 1, most = 1e30;

  template <class Backend, class T, class Space>
  void correct_data(Backend& be, matrix_view<T, Space> const& x0, noise_level const&) const {
    if (!(quantile >= 0 && quantile <= 1 && limit > 0 && most >= limit))
      throw argument_error(parapet::detail::concat("dynamic_threshold: quantile ", quantile, ", limit ", limit, ", most ", most));
    if (x0.extent(1) == 0) return;
    for_each_index(be, extents{x0.extent(0)},
                   detail::threshold_row<T, Space>{x0, static_cast<T>(quantile), static_cast<T>(limit), static_cast<T>(most), std::numeric_limits<T>::max()});
  }
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
