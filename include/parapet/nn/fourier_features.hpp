// Learned Fourier features of a scalar: t -> [cos(2 pi t w), sin(2 pi t w)] with frequencies w.
//
// Tancik et al., "Fourier features let networks learn high frequency functions in low dimensional domains" (2020);
// with learned frequencies as FISOR and IDQL embed the diffusion time.
#pragma once

#include <parapet/config.hpp>
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

  /// t (rows), y (rows, out): cosines, then sines. Throws shape_error.
  template <class Backend, class T, class Space>
  void forward(Backend& be, vector_view<T const, Space> const& parameters, vector_view<T const, Space> const& t,
               matrix_view<T, Space> const& y) const {
    check_shape("fourier_features: output", y.shape(), extents{t.extent(0), out()});
    index_t const half = out() / 2;
    map(be, detail::fourier_forward{}, y.columns(0, half), y.columns(half, 2 * half), as_column(t),
        as_row(frequencies_(parameters), t.extent(0)));
  }

  /// Gradient of the frequencies from y and dy (rows, out); dy is used as scratch. No gradient flows to t.
  template <class Backend, class T, class Space>
  void backward(Backend& be, vector_view<T const, Space> const& t, matrix_view<T const, Space> const& y,
                matrix_view<T, Space> const& dy, vector_view<T, Space> const& gradient,
                gradients how = gradients::overwrite) const {
    index_t const half = out() / 2;
    auto const dcos = dy.columns(0, half);
    map(be, detail::fourier_backward{}, dcos, matrix_view<T const, Space>(dy.columns(half, 2 * half)),
        y.columns(0, half), y.columns(half, 2 * half), as_column(t));
    reduce_columns(be, matrix_view<T const, Space>(dcos), frequencies_(gradient), how == gradients::accumulate);
  }

private:
  template <class T, class Space>
  matrix_view<T, Space> as_column(vector_view<T, Space> const& t) const {
    return {t.data(), extents{t.extent(0), out() / 2}, extents{t.stride(0), index_t{0}}};
  }
  template <class T, class Space>
  static matrix_view<T, Space> as_row(vector_view<T, Space> const& w, index_t rows) {
    return {w.data(), extents{rows, w.extent(0)}, extents{index_t{0}, w.stride(0)}};
  }

  slot<1> frequencies_;
};

}  // namespace parapet::inline PARAPET_ABI::nn
