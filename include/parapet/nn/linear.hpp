// Linear layer: y = x W + b, for one network or a stack of independent ones.
//
//     x (N, rows, in), W (N, in, out), b (N, out), y (N, rows, out)
//     dW = x' dy,   db = sum of the rows of dy,   dx = dy W'
//
// Networks of a stack share nothing but their shape, so twin critics and seeds that train side by side are one stacked
// product. They may share inputs: x (N / k, rows, in) serves k networks in turn each.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/nn/activate.hpp>
#include <parapet/nn/parameters.hpp>

#include <string>

namespace parapet::inline PARAPET_ABI::nn {

namespace detail {

struct add_in_place {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x) const { y = y + x; }
};
struct add {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& a, X const& b) const { y = a + b; }
};

/// Networks first, first + step, first + 2 step, ... of a stack.
struct every {
  index_t step = 1, first = 0;
  template <class T, int Rank, class Space>
  tensor_view<T, Rank, Space> operator()(tensor_view<T, Rank, Space> const& stack) const {
    extents<Rank> shape = stack.shape(), strides = stack.strides();
    shape[0] /= step;
    strides[0] *= step;
    return {stack.data() + first * stack.stride(0), shape, strides};
  }
};

/// Calls f(x, part) for the fewest stacks whose products on x are one call each: `part` takes them out of a stack of N networks.
/// Throws shape_error unless N is a multiple of the number of inputs.
template <class T, class Space, class F>
void for_each_stack(tensor_view<T, 3, Space> const& x, index_t networks, F const& f) {
  index_t const inputs = x.extent(0);
  if (inputs == networks) return f(x, every{});
  if (inputs < 1 || networks % inputs != 0)
    throw shape_error(parapet::detail::concat("a stack of ", networks, " networks cannot share inputs of shape ", x.shape()));
  if (inputs == 1) return f(repeated(x(0), networks), every{});
  index_t const sharing = networks / inputs;
  for (index_t k = 0; k < sharing; ++k) f(x, every{sharing, k});
}

}  // namespace detail

class linear {
public:
  linear() = default;
  /// Registers `<name>.weight` (in, out) and `<name>.bias` (out).
  linear(parameter_list& list, std::string const& name, index_t in, index_t out, initializer initial = initializer::lecun_normal())
      : in_(in), out_(out) {
    if (in < 1 || out < 1)
      throw argument_error(parapet::detail::concat("linear '", name, "': ", in, " x ", out, ", both must be at least 1"));
    weight_ = list.add(name + ".weight", extents{in, out}, initial);
    bias_ = list.add(name + ".bias", extents{out}, initializer::zeros());
  }

  index_t in() const { return in_; }
  index_t out() const { return out_; }

  /// y = x W + b; parameters (n) or (N, n), x (N, rows, in) or shared, y (N, rows, out). Throws shape_error.
  template <class Backend, class T, int Rank, class Space>
  void forward(Backend& be, tensor_view<T const, Rank, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
               tensor_view<T, 3, Space> const& y) const {
    auto const weight = weight_(as_stack(parameters));
    auto const bias = bias_(as_stack(parameters));
    detail::for_each_stack(x, y.extent(0), [&](auto const& input, detail::every part) {
      gemm(be, input, part(weight), part(y), false, part(bias));
    });
  }

  /// y = F(x W + b), where nobody asks for x W + b. Shapes as in forward.
  template <class F, class Backend, class T, int Rank, class Space>
  void forward_activated(Backend& be, tensor_view<T const, Rank, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
                         tensor_view<T, 3, Space> const& y) const {
    if (x.extent(0) != 1 && x.extent(0) != y.extent(0)) {  // several products, but one map
      forward(be, parameters, x, y);
      return activate<F>(be, y);
    }
    using backend::activated_product;
    activated_product(be, F{}, x.extent(0) == y.extent(0) ? x : repeated(x(0), y.extent(0)), weight_(as_stack(parameters)), y,
                      bias_(as_stack(parameters)));
  }

  /// y = skip + x W + b: the end of a residual branch. Shapes as in forward; skip and y (N, rows, out) may be the same.
  template <class Backend, class T, int Rank, class Space>
  void forward_add(Backend& be, tensor_view<T const, Rank, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
                   tensor_view<T const, 3, Space> const& skip, tensor_view<T, 3, Space> const& y) const {
    matrix_view<T const, Space> const bias = bias_(as_stack(parameters));  // (N, out)
    check_shape("linear: output", y.shape(), extents{bias.extent(0), y.extent(1), out_});
    tensor_view<T const, 3, Space> const rows{bias.data(), y.shape(), extents{bias.stride(0), index_t{0}, index_t{1}}};
    map(be, detail::add{}, y, skip, rows);
    gemm(be, x, weight_(as_stack(parameters)), y, true);
  }

  /// Parameter gradients from x and dy (N, rows, out) unless `gradient` (n) or (N, n) is empty, and the gradient of the inputs
  /// [first, first + n) in dx (N, rows, n) unless that is.
  template <class Backend, class T, int Rank, class Space>
  void backward(Backend& be, tensor_view<T const, Rank, Space> const& parameters, tensor_view<T const, 3, Space> const& x,
                tensor_view<T const, 3, Space> const& dy, tensor_view<T, Rank, Space> const& gradient,
                tensor_view<T, 3, Space> const& dx, gradients how = gradients::overwrite, index_t first = 0) const {
    bool const accumulate = how == gradients::accumulate;
    if (!gradient.empty()) {
      auto const dweight = weight_(as_stack(gradient));
      detail::for_each_stack(x, dy.extent(0), [&](auto const& input, detail::every part) {
        gemm(be, transposed(input), part(dy), part(dweight), accumulate);
      });
      using backend::reduce_columns;  // the generic one of a stack, for a backend of another namespace
      reduce_columns(be, dy, bias_(as_stack(gradient)), accumulate);
    }
    if (!dx.empty()) gemm(be, dy, transposed(weight_(as_stack(parameters)).slice(1, first, first + dx.extent(2))), dx);
  }

private:
  index_t in_ = 0, out_ = 0;
  slot<2> weight_;
  slot<1> bias_;
};

}  // namespace parapet::inline PARAPET_ABI::nn
