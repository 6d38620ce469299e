// Row kernels of transformers, written once on the waist: RMS norm, rotary positions, sums into an embedding table.
//
//     rms norm   y = x r (w + offset),  r = 1 / sqrt(mean of x^2 + epsilon)          Zhang and Sennrich (2019)
//                dx = r (g - x r^2 mean(g x)),  g = dy (w + offset);  dw += dy x r
//     rotary     (x_a, x_b) -> (x_a cos - x_b sin, x_b cos + x_a sin) for each pair   Su et al. (2021)
//
// As in backend/reference.hpp: a backend overloads what it can do better, callers go through nn/, which checks.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

/// Which elements of a head are turned together: i and i + n / 2 (Hugging Face), or 2 i and 2 i + 1 (Mistral's and Meta's own files).
enum class rotary_layout { half_split, interleaved };

/// Cosine and sine of position times frequency, (positions, pairs) each.
template <class T, class Space = host_space>
struct rotary_angles {
  matrix_view<T const, Space> cosine, sine;
};

namespace reference {

template <class T, class Space>
struct rms_norm_row {
  tensor_view<T const, 3, Space> x;
  vector_view<T const, Space> scale;
  T epsilon, offset;
  tensor_view<T, 3, Space> y;
  matrix_view<T, Space> inverse_rms;
  PARAPET_FN void operator()(index_t m, index_t i) const {
    index_t const n = x.extent(2);
    T squares = 0;
    for (index_t j = 0; j < n; ++j) squares += x(m, i, j) * x(m, i, j);
    T const inverse = T(1) / math::sqrt(squares / static_cast<T>(n) + epsilon);
    if (!inverse_rms.empty()) inverse_rms(m, i) = inverse;
    for (index_t j = 0; j < n; ++j) y(m, i, j) = x(m, i, j) * inverse * (scale[j] + offset);
  }
};

template <class T, class Space>
struct rms_norm_input_gradient_row {
  tensor_view<T const, 3, Space> x;
  vector_view<T const, Space> scale;
  T offset;
  matrix_view<T const, Space> inverse_rms;
  tensor_view<T const, 3, Space> dy;
  tensor_view<T, 3, Space> dx;
  PARAPET_FN void operator()(index_t m, index_t i) const {
    index_t const n = x.extent(2);
    T const inverse = inverse_rms(m, i);
    T projection = 0;
    for (index_t j = 0; j < n; ++j) projection += dy(m, i, j) * (scale[j] + offset) * x(m, i, j);
    projection *= inverse * inverse / static_cast<T>(n);
    for (index_t j = 0; j < n; ++j) dx(m, i, j) = inverse * (dy(m, i, j) * (scale[j] + offset) - x(m, i, j) * projection);
  }
};

template <class T, class Space>
struct rms_norm_scale_gradient_column {
  tensor_view<T const, 3, Space> x;
  matrix_view<T const, Space> inverse_rms;
  tensor_view<T const, 3, Space> dy;
  vector_view<T, Space> dscale;
  PARAPET_FN void operator()(index_t j) const {
    for (index_t m = 0; m < x.extent(0); ++m)
      for (index_t i = 0; i < x.extent(1); ++i) dscale[j] += dy(m, i, j) * x(m, i, j) * inverse_rms(m, i);
  }
};

template <class T, class Space>
struct rotate_pair {
  rotary_layout layout;
  rotary_angles<T, Space> angles;
  vector_view<index_t const, Space> positions;
  tensor_view<T, 3, Space> x;
  T direction;
  PARAPET_FN void operator()(index_t i, index_t head, index_t pair) const {
    bool const split = layout == rotary_layout::half_split;
    T &a = x(i, head, split ? pair : 2 * pair), &b = x(i, head, split ? pair + angles.cosine.extent(1) : 2 * pair + 1);
    T const c = angles.cosine(positions[i], pair), s = direction * angles.sine(positions[i], pair), before = a;
    a = before * c - b * s;
    b = b * c + before * s;
  }
};

/// One thread a column: rows of one token are added in order.
template <class T, class Id, class Space>
struct scatter_add_column {
  vector_view<Id const, Space> ids;
  matrix_view<T const, Space> rows;
  matrix_view<T, Space> table;
  PARAPET_FN void operator()(index_t j) const {
    for (index_t i = 0; i < rows.extent(0); ++i) table(static_cast<index_t>(ids[i]), j) += rows(i, j);
  }
};

}  // namespace reference

/// RMS norm of x (N, rows, n) with one scale (n), to which `offset` is added, into y; x and y may be the same. Keeps inverse_rms
/// (N, rows) unless it is empty.
template <class Backend, class T, class Space>
void rms_norm_rows(Backend& be, tensor_view<T const, 3, Space> const& x, vector_view<T const, Space> const& scale, std::type_identity_t<T> epsilon,
                   std::type_identity_t<T> offset, tensor_view<T, 3, Space> const& y, matrix_view<T, Space> const& inverse_rms) {
  for_each_index(be, extents{x.extent(0), x.extent(1)}, reference::rms_norm_row<T, Space>{x, scale, epsilon, offset, y, inverse_rms});
}

/// Gradients of RMS norm: dx (N, rows, n) is written, and may be dy; dscale (n) is added to, unless it is empty.
template <class Backend, class T, class Space>
void rms_norm_rows_backward(Backend& be, tensor_view<T const, 3, Space> const& x, vector_view<T const, Space> const& scale,
                            std::type_identity_t<T> offset, matrix_view<T const, Space> const& inverse_rms, tensor_view<T const, 3, Space> const& dy,
                            tensor_view<T, 3, Space> const& dx, vector_view<T, Space> const& dscale) {
  if (!dscale.empty())
    for_each_index(be, extents{x.extent(2)}, reference::rms_norm_scale_gradient_column<T, Space>{x, inverse_rms, dy, dscale});
  for_each_index(be, extents{x.extent(0), x.extent(1)},
                 reference::rms_norm_input_gradient_row<T, Space>{x, scale, offset, inverse_rms, dy, dx});
}

/// Turns the first 2 pairs elements of every head of x (tokens, heads, head_dim) by the angle of its token's position, times `direction`
/// (1 or -1); elements beyond stay.
template <class Backend, class T, class Space>
void rotate_rows(Backend& be, rotary_layout layout, rotary_angles<T, Space> const& angles, vector_view<index_t const, Space> const& positions,
                 tensor_view<T, 3, Space> const& x, std::type_identity_t<T> direction) {
  for_each_index(be, extents{x.extent(0), x.extent(1), angles.cosine.extent(1)},
                 reference::rotate_pair<T, Space>{layout, angles, positions, x, direction});
}

/// table(ids[i], :) += rows(i, :), row after row.
template <class Backend, class T, class Id, class Space>
void scatter_add(Backend& be, vector_view<Id const, Space> const& ids, matrix_view<T const, Space> const& rows, matrix_view<T, Space> const& table) {
  for_each_index(be, extents{rows.extent(1)}, reference::scatter_add_column<T, Id, Space>{ids, rows, table});
}

}  // namespace parapet::inline PARAPET_ABI::backend
