// Learned Fourier features of a scalar: t -> [cos(2 pi t w), sin(2 pi t w)] with frequencies w.
//
// Tancik et al., "Fourier features let networks learn high frequency functions in low dimensional domains" (2020);
// with learned frequencies as FISOR and IDQL embed the diffusion time.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/nn/parameters.hpp>

#include <string>

namespace parapet::inline PARAPET_ABI::nn {

namespace detail {

inline constexpr double two_pi = 6.28318530717958648;

struct fourier_forward {
  template <class X>
  PARAPET_FN void operator()(X& cosine, X& sine, X const& t, X const& w) const {
    X const angle = X(two_pi) * t * w;
    cosine = math::cos(angle);
    sine = math::sin(angle);
  }
};
/// Overwrites dcos with 2 pi t (cos dsin - sin dcos), whose column sums are dw.
struct fourier_backward {
  template <class X>
  PARAPET_FN void operator()(X& dcos, X const& dsin, X const& cosine, X const& sine, X const& t) const {
    dcos = X(two_pi) * t * (cosine * dsin - sine * dcos);
  }
};

}  // namespace detail

class fourier_features {
public:
  fourier_features() = default;
  /// Registers `<name>.frequencies` (out / 2), normal with the given deviation. `out` must be even.
  fourier_features(parameter_list& list, std::string const& name, index_t out, double deviation = 0.2)
      : frequencies_(list.add(name + ".frequencies", extents{out / 2}, initializer::normal(deviation))) {
    if (out < 2 || out % 2 != 0)
      throw argument_error(parapet::detail::concat("fourier_features: ", out, " features, expected a positive even number"));
  }

  index_t out() const { return 2 * frequencies_.shape[0]; }

  /// t (rows), y (N, rows, out): cosines, then sines; parameters (n) or (N, n). Throws shape_error.
  template <class Backend, class T, int Rank, class Space>
  void forward(Backend& be, tensor_view<T const, Rank, Space> const& parameters, vector_view<T const, Space> const& t,
               tensor_view<T, 3, Space> const& y) const {
    matrix_view<T const, Space> const w = frequencies_(as_stack(parameters));  // (N, out / 2)
    check_shape("fourier_features: output", y.shape(), extents{w.extent(0), t.extent(0), out()});
    index_t const half = out() / 2;
    auto const cosine = y.columns(0, half);
    tensor_view<T const, 3, Space> const each_row{w.data(), cosine.shape(), extents{w.stride(0), index_t{0}, w.stride(1)}};
    map(be, detail::fourier_forward{}, cosine, y.columns(half, 2 * half), each_column(t, cosine.shape()), each_row);
  }

  /// The same for one network with y (rows, out).
  template <class Backend, class T, class Space>
  void forward(Backend& be, vector_view<T const, Space> const& parameters, vector_view<T const, Space> const& t,
               matrix_view<T, Space> const& y) const {
    forward(be, parameters, t, repeated(y, 1));
  }

  /// Gradient of the frequencies from y and dy (N, rows, out); dy is used as scratch. No gradient flows to t.
  /// Throws shape_error.
  template <class Backend, class T, int Rank, class Space>
  void backward(Backend& be, vector_view<T const, Space> const& t, tensor_view<T const, 3, Space> const& y,
                tensor_view<T, 3, Space> const& dy, tensor_view<T, Rank, Space> const& gradient,
                gradients how = gradients::overwrite) const {
    check_shape("fourier_features: output gradient", dy.shape(), extents{dy.extent(0), t.extent(0), out()});
    check_shape("fourier_features: output", y.shape(), dy.shape());
    index_t const half = out() / 2;
    auto const dcos = dy.columns(0, half);
    map(be, detail::fourier_backward{}, dcos, tensor_view<T const, 3, Space>(dy.columns(half, 2 * half)),
        y.columns(0, half), y.columns(half, 2 * half), each_column(t, dcos.shape()));
    using backend::reduce_columns;
    reduce_columns(be, tensor_view<T const, 3, Space>(dcos), frequencies_(as_stack(gradient)), how == gradients::accumulate);
  }

  /// The same for one network with y, dy (rows, out).
  template <class Backend, class T, class Space>
  void backward(Backend& be, vector_view<T const, Space> const& t, matrix_view<T const, Space> const& y, matrix_view<T, Space> const& dy,
                vector_view<T, Space> const& gradient, gradients how = gradients::overwrite) const {
    backward(be, t, repeated(y, 1), repeated(dy, 1), gradient, how);
  }

private:
  template <class T, class Space>
  static tensor_view<T, 3, Space> each_column(vector_view<T, Space> const& t, extents<3> const& shape) {
    return {t.data(), shape, extents{index_t{0}, t.stride(0), index_t{0}}};
  }

  slot<1> frequencies_;
};

}  // namespace parapet::inline PARAPET_ABI::nn
