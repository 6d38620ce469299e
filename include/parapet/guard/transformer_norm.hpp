// The norms of transformers under one interface, for architectures to choose from.
//
// A norm keeps for the backward pass what its kernel reads there; where nothing is kept, all norms of a model share that memory.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/nn/rms_norm.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::guard {

/// Weights of one norm, or their gradients. T is const where they are read. A shift that there is not is empty.
template <class T, class Space>
struct norm_weights {
  vector_view<T, Space> scale, shift;  // (n)
};

/// y = x / sqrt(mean of x^2 + epsilon) * scale.
struct rms_norm_policy {
  static constexpr bool has_shift = false;
  static constexpr bool reads_input = true;  ///< whether backward reads the x of the forward pass

  template <class T, class Space>
  struct kept {
    vector_view<T, Space> inverse;  // (rows)
    kept rows(index_t n) const { return {inverse.rows(0, n)}; }
  };
  template <class T, class Space>
  static kept<T, Space> make_kept(arena<Space>& memory, index_t rows, index_t) {
    return {memory.template take<T>(extents{rows})};
  }

  /// x, y (rows, n), which may be the same view.
  template <class Backend, class T, class Space>
  static void forward(Backend& be, norm_weights<T const, Space> const& w, double epsilon, matrix_view<T const, Space> const& x,
                      kept<T, Space> const& kept, matrix_view<T, Space> const& y) {
    nn::rms_norm_forward(be, x, w.scale, epsilon, y, kept.inverse);
  }
  /// dx (rows, n) from dy, which may be the same view; adds to dw.
  template <class Backend, class T, class Space>
  static void backward(Backend& be, norm_weights<T const, Space> const& w, matrix_view<T const, Space> const& x, kept<T, Space> const& kept,
                       matrix_view<T const, Space> const& dy, matrix_view<T, Space> const& dx, norm_weights<T, Space> const& dw) {
    nn::rms_norm_backward(be, x, w.scale, kept.inverse, dy, dx, dw.scale);
  }
};

/// y = (x - mean) / sqrt(variance + epsilon) * scale + shift.
struct layer_norm_policy {
  static constexpr bool has_shift = true;
  static constexpr bool reads_input = false;

  template <class T, class Space>
  struct kept {
    matrix_view<T, Space> normalized;  // (rows, n)
    vector_view<T, Space> inverse;     // (rows)
    kept rows(index_t n) const { return {normalized.rows(0, n), inverse.rows(0, n)}; }
  };
  template <class T, class Space>
  static kept<T, Space> make_kept(arena<Space>& memory, index_t rows, index_t n) {
    return {memory.template take<T>(extents{rows, n}), memory.template take<T>(extents{rows})};
  }

  template <class Backend, class T, class Space>
  static void forward(Backend& be, norm_weights<T const, Space> const& w, double epsilon, matrix_view<T const, Space> const& x,
                      kept<T, Space> const& kept, matrix_view<T, Space> const& y) {
    using backend::layer_norm_forward;  // the generic one, for a backend of another namespace
    layer_norm_forward(be, x, w.scale, w.shift, static_cast<T>(epsilon), y, kept.normalized, kept.inverse);
  }
  template <class Backend, class T, class Space>
  static void backward(Backend& be, norm_weights<T const, Space> const& w, matrix_view<T const, Space> const&, kept<T, Space> const& kept,
                       matrix_view<T const, Space> const& dy, matrix_view<T, Space> const& dx, norm_weights<T, Space> const& dw) {
    using backend::layer_norm_backward;
    layer_norm_backward(be, w.scale, matrix_view<T const, Space>(kept.normalized), vector_view<T const, Space>(kept.inverse), dy, dx, dw.scale,
                        dw.shift);
  }
};

}  // namespace parapet::inline PARAPET_ABI::guard
