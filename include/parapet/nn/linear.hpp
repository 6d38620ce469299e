// Linear layer: y = x W + b, for one network or a stack of independent ones.
//
//     x (members, rows, in), W (members, in, out), b (members, out), y (members, rows, out)
//     dW = x' dy,   db = sum of the rows of dy,   dx = dy W'
//
// Members share nothing but their shape: twin critics and multi-seed training are one stacked product. An input
// shared by all members is a view with a first stride of 0 (`repeated`).
#pragma once

#include <parapet/config.hpp>
#include <parapet/nn/parameters.hpp>

#include <string>

namespace parapet::inline PARAPET_ABI::nn {

namespace detail {
struct add_in_place {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x) const { y = y + x; }
};
}  // namespace detail

class linear {
public:
  linear() = default;
  /// Registers `<name>.weight` (members, in, out) and `<name>.bias` (members, out). A single member has no first axis
  /// in the list's shapes.
  linear(parameter_list& list, std::string const& name, index_t in, index_t out,
         initializer initial = initializer::lecun_normal(), index_t members = 1)
      : in_(in), out_(out), members_(members) {
    if (in < 1 || out < 1 || members < 1)
      throw argument_error(parapet::detail::concat("linear '", name, "': ", members, " members of ", in, " x ", out,
                                                   ", all must be at least 1"));
    if (members == 1) {
      weight_.offset = list.add(name + ".weight", extents{in, out}, initial).offset;
      bias_.offset = list.add(name + ".bias", extents{out}, initializer::zeros()).offset;
    } else {
      weight_.offset = list.add(name + ".weight", extents{members, in, out}, initial).offset;
      bias_.offset = list.add(name + ".bias", extents{members, out}, initializer::zeros()).offset;
    }
    weight_.shape = extents{members, in, out};
    bias_.shape = extents{members, out};
  }

  index_t in() const { return in_; }
  index_t out() const { return out_; }
  index_t members() const { return members_; }

  /// y = x W + b; x (members, rows, in), y (members, rows, out). Throws shape_error.
  template <class Backend, class T, class Space>
  void forward(Backend& be, vector_view<T const, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
               tensor_view<T, 3, Space> const& y) const {
    gemm(be, x, weight_(parameters), y, false, bias_(parameters));
  }

  /// y += x W + b: the end of a residual branch. Shapes as in forward.
  template <class Backend, class T, class Space>
  void forward_add(Backend& be, vector_view<T const, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
                   tensor_view<T, 3, Space> const& y) const {
    auto const bias = bias_(parameters);  // (members, out)
    tensor_view<T const, 3, Space> const rows{bias.data(), y.shape(), extents{bias.stride(0), index_t{0}, index_t{1}}};
    map(be, detail::add_in_place{}, y, rows);
    gemm(be, x, weight_(parameters), y, true);
  }

  /// Parameter gradients from x and dy (members, rows, out) unless `gradient` is empty, and the gradient of the inputs
  /// [first, first + n) in dx (members, rows, n) unless that is.
  template <class Backend, class T, class Space>
  void backward(Backend& be, vector_view<T const, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
                tensor_view<T const, 3, Space> const& dy, vector_view<T, Space> const& gradient,
                tensor_view<T, 3, Space> const& dx, gradients how = gradients::overwrite, index_t first = 0) const {
    bool const accumulate = how == gradients::accumulate;
    if (!gradient.empty()) {
      gemm(be, transposed(x), dy, weight_(gradient), accumulate);
      for (index_t m = 0; m < members_; ++m) reduce_columns(be, dy(m), bias_(gradient)(m), accumulate);
    }
    if (!dx.empty()) gemm(be, dy, transposed(weight_(parameters).slice(1, first, first + dx.extent(2))), dx);
  }

private:
  index_t in_ = 0, out_ = 0, members_ = 1;
  slot<3> weight_;
  slot<2> bias_;
};

}  // namespace parapet::inline PARAPET_ABI::nn
