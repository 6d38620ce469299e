// Gated activations: y = f(gate) up. With f = silu this is SwiGLU, with gelu GeGLU.
//
//     dgate = dy up f'(gate),   dup = dy f(gate)
//
// Shazeer, "GLU variants improve transformer" (2020). Gate and up are two matrices, or the two halves of one: of the product with a
// fused weight (ModernBERT's Wi has the gate first).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/nn/arguments.hpp>

#include <utility>

namespace parapet::inline PARAPET_ABI::nn {

/// Which half of a fused matrix goes through the activation.
enum class gate_half { first, second };

namespace detail {

template <class F>
struct gate_up {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& gate, X const& up) const { y = F{}(gate) * up; }
};
template <class F>
struct gate_up_gradient {
  template <class X>
  PARAPET_FN void operator()(X& dgate, X& dup, X const& gate, X const& up, X const& dy) const {
    X const value = F{}(gate), g = dy;  // dy may be one of the results
    dgate = g * up * F{}.derivative(gate, value);
    dup = g * value;
  }
};

/// Gate and up of a fused matrix (rows, 2 n).
template <class T, class Space>
std::pair<matrix_view<T, Space>, matrix_view<T, Space>> halves(matrix_view<T, Space> const& both, gate_half which, index_t n) {
  check_shape("gated: fused matrix", both.shape(), extents{both.extent(0), 2 * n});
  auto const first = both.columns(0, n), second = both.columns(n, 2 * n);
  return which == gate_half::first ? std::pair{first, second} : std::pair{second, first};
}

}  // namespace detail

/// y = F(gate) up; all (rows, n). y may be the same view as one of the others. Throws shape_error.
template <class F, class Backend, class T, class Space>
void gated_forward(Backend& be, input<T, 2, Space> const& gate, input<T, 2, Space> const& up, matrix_view<T, Space> const& y) {
  map(be, detail::gate_up<F>{}, y, gate, up);
}
/// The same of the halves of one matrix (rows, 2 n).
template <class F, class Backend, class T, class Space>
void gated_forward(Backend& be, input<T, 2, Space> const& both, gate_half which, matrix_view<T, Space> const& y) {
  auto const [gate, up] = detail::halves(both, which, y.extent(1));
  gated_forward<F>(be, gate, up, y);
}

/// dgate and dup from dy and the arguments of the forward pass; all (rows, n). A result may be the view of its argument, or dy.
/// Throws shape_error.
template <class F, class Backend, class T, class Space>
void gated_backward(Backend& be, input<T, 2, Space> const& gate, input<T, 2, Space> const& up, input<T, 2, Space> const& dy,
                    matrix_view<T, Space> const& dgate, output<T, 2, Space> const& dup) {
  map(be, detail::gate_up_gradient<F>{}, dgate, dup, gate, up, dy);
}
/// The same of the halves of one matrix (rows, 2 n); dboth may be `both`.
template <class F, class Backend, class T, class Space>
void gated_backward(Backend& be, input<T, 2, Space> const& both, gate_half which, input<T, 2, Space> const& dy, matrix_view<T, Space> const& dboth) {
  auto const [gate, up] = detail::halves(both, which, dy.extent(1));
  auto const [dgate, dup] = detail::halves(dboth, which, dy.extent(1));
  gated_backward<F>(be, gate, up, dy, dgate, dup);
}

}  // namespace parapet::inline PARAPET_ABI::nn
