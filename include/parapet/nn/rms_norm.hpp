// RMS normalisation: y = x w / sqrt(mean of x^2 + epsilon) over the last axis. One scale w for all rows, and no shift.
//
// Zhang and Sennrich, "Root mean square layer normalization" (2019). With `unit_offset` the stored w is the difference to 1, as in
// Gemma. Rank 3 is for norms of every head (Qwen3): x (tokens, heads, head_dim), a view of rows of a wider matrix.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/transformer_rows.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/nn/arguments.hpp>

namespace parapet::inline PARAPET_ABI::nn {

/// Whether the factor is w or 1 + w.
enum class rms_scale { plain, unit_offset };

/// y (N, rows, n) from x (N, rows, n) and scale (n); y and x may be the same view. Keeps inverse_rms (N, rows) for the backward
/// pass unless it is empty. Throws shape_error.
template <class Backend, class T, class Space>
void rms_norm_forward(Backend& be, input<T, 3, Space> const& x, input<T, 1, Space> const& scale, double epsilon, tensor_view<T, 3, Space> const& y,
                      output<T, 2, Space> const& inverse_rms = {}, rms_scale how = rms_scale::plain) {
  check_shape("rms_norm: output", y.shape(), x.shape());
  check_shape("rms_norm: scale", scale.shape(), extents{x.extent(2)});
  if (!inverse_rms.empty()) check_shape("rms_norm: inverse_rms", inverse_rms.shape(), extents{x.extent(0), x.extent(1)});
  using backend::rms_norm_rows;
  rms_norm_rows(be, x, scale, static_cast<T>(epsilon), how == rms_scale::unit_offset ? T(1) : T(0), y, inverse_rms);
}

/// The same of x (rows, n), inverse_rms (rows).
template <class Backend, class T, class Space>
void rms_norm_forward(Backend& be, input<T, 2, Space> const& x, input<T, 1, Space> const& scale, double epsilon, matrix_view<T, Space> const& y,
                      output<T, 1, Space> const& inverse_rms = {}, rms_scale how = rms_scale::plain) {
  rms_norm_forward(be, repeated(x, 1), scale, epsilon, repeated(y, 1), detail::as_one_row(inverse_rms), how);
}

/// dx (N, rows, n) from dy (N, rows, n), the x of the forward pass and its inverse_rms (N, rows); dx and dy may be the same view.
/// dscale (n) is added to, unless it is empty. Throws shape_error.
template <class Backend, class T, class Space>
void rms_norm_backward(Backend& be, input<T, 3, Space> const& x, input<T, 1, Space> const& scale, input<T, 2, Space> const& inverse_rms,
                       input<T, 3, Space> const& dy, tensor_view<T, 3, Space> const& dx, output<T, 1, Space> const& dscale,
                       rms_scale how = rms_scale::plain) {
  check_shape("rms_norm: output gradient", dy.shape(), x.shape());
  check_shape("rms_norm: input gradient", dx.shape(), x.shape());
  check_shape("rms_norm: scale", scale.shape(), extents{x.extent(2)});
  check_shape("rms_norm: inverse_rms", inverse_rms.shape(), extents{x.extent(0), x.extent(1)});
  if (!dscale.empty()) check_shape("rms_norm: scale gradient", dscale.shape(), scale.shape());
  using backend::rms_norm_rows_backward;
  rms_norm_rows_backward(be, x, scale, how == rms_scale::unit_offset ? T(1) : T(0), inverse_rms, dy, dx, dscale);
}

/// The same of matrices, inverse_rms (rows).
template <class Backend, class T, class Space>
void rms_norm_backward(Backend& be, input<T, 2, Space> const& x, input<T, 1, Space> const& scale, input<T, 1, Space> const& inverse_rms,
                       input<T, 2, Space> const& dy, matrix_view<T, Space> const& dx, output<T, 1, Space> const& dscale,
                       rms_scale how = rms_scale::plain) {
  rms_norm_backward(be, repeated(x, 1), scale, repeated(inverse_rms, 1), repeated(dy, 1), repeated(dx, 1), dscale, how);
}

}  // namespace parapet::inline PARAPET_ABI::nn
