// A new layer as docs/architecture.md shows it, and its gradients against central differences.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/nn/parameters.hpp>

#include "support/gradient.hpp"

#include <cstdio>
#include <string>

using namespace parapet;

struct multiply {
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& y, X const& a, X const& b) const { y = a * b; }
};

/// y = x s, column by column, with a learnt s (width).
class feature_scale {
public:
  feature_scale(nn::parameter_list& list, std::string const& name, index_t width)
      : scale_(list.add(name + ".scale", extents{width}, nn::initializer::ones())) {}

  /// x, y (rows, width).
  template <class Backend, class T, class Space>
  void forward(Backend& be, vector_view<T const, Space> const& parameters, matrix_view<T const, Space> const& x,
               matrix_view<T, Space> const& y) const {
    map(be, multiply{}, y, x, every_row(scale_(parameters), x));
  }

  /// The gradient of s into its place in `gradient`, that of x into dx; x, dy, dx (rows, width), dx not dy.
  template <class Backend, class T, class Space>
  void backward(Backend& be, vector_view<T const, Space> const& parameters, matrix_view<T const, Space> const& x,
                matrix_view<T const, Space> const& dy, vector_view<T, Space> const& gradient, matrix_view<T, Space> const& dx,
                nn::gradients how = nn::gradients::overwrite) const {
    map(be, multiply{}, dx, x, dy);
    reduce_columns(be, dx, scale_(gradient), how == nn::gradients::accumulate);
    map(be, multiply{}, dx, dy, every_row(scale_(parameters), x));
  }

private:
  template <class T, class Space>
  static matrix_view<T, Space> every_row(vector_view<T, Space> const& row, matrix_view<T, Space> const& x) {
    return {row.data(), x.shape(), extents{index_t{0}, index_t{1}}};
  }

  nn::slot<1> scale_;
};

int main() {
  backend::cpu be(1);
  nn::parameter_list list;
  feature_scale const layer(list, "scale", 5);
  auto parameters = support::normal<double>(extents{list.size()}, 1);
  auto x = support::normal<double>(extents{3, 5}, 2);
  auto const dy = support::normal<double>(x.shape(), 3);
  support::tensor<double, 2> y(x.shape()), dx(x.shape());
  support::tensor<double, 1> gradient(parameters.shape());
  auto const loss = [&] {
    layer.forward(be, parameters.read(), x.read(), y.view());
    return support::dot(dy.flat(), y.flat());
  };
  layer.backward(be, parameters.read(), x.read(), dy.read(), gradient.view(), dx.view());
  double const errors[] = {support::gradient_error(parameters.view(), gradient.read(), loss), support::gradient_error(x.flat(), dx.flat(), loss)};
  std::printf("relative errors of the gradients: %.1e and %.1e\n", errors[0], errors[1]);
  return errors[0] < 1e-9 && errors[1] < 1e-9 ? 0 : 1;
}
