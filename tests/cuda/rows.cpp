// Bodies of the row kernels run by groups of threads that fold together, as a warp does; no device.
#include <parapet/backend/cuda/rows.hpp>

#include <parapet/backend/reference.hpp>

#include "support/serial_backend.hpp"
#include "support/tensor.hpp"

#include <doctest/doctest.h>

#include <barrier>
#include <thread>
#include <vector>

using namespace parapet;
using namespace parapet::backend::cuda_detail;
using support::normal;
using support::relative_difference;
using support::tensor;

namespace {

/// One lane of a group of threads; every lane gets the same tree, or a deadlock where lanes do not fold alike.
struct thread_lane {
  struct team {
    explicit team(index_t size) : barrier(size), slots(static_cast<std::size_t>(size)) {}
    std::barrier<> barrier;
    std::vector<double> slots;
  };
  team& all;
  index_t own;

  index_t rank() const { return own; }
  index_t size() const { return static_cast<index_t>(all.slots.size()); }
  template <class Op>
  double fold(double value, Op const& op) const {
    all.slots[static_cast<std::size_t>(own)] = value;
    all.barrier.arrive_and_wait();
    std::vector<double> tree = all.slots;
    all.barrier.arrive_and_wait();
    for (std::size_t half = tree.size() / 2; half > 0; half /= 2)
      for (std::size_t i = 0; i < half; ++i) tree[i] = op(tree[i], tree[i + half]);
    return tree[0];
  }
};

/// body(lane, row) for every row by `size` lanes at once.
template <class Body>
void run_rows(index_t size, index_t rows, Body const& body) {
  thread_lane::team team(size);
  std::vector<std::thread> threads;
  for (index_t lane = 0; lane < size; ++lane)
    threads.emplace_back([&, lane] {
      for (index_t row = 0; row < rows; ++row) body(thread_lane{team, lane}, row);
    });
  for (std::thread& t : threads) t.join();
}

using stack = tensor_view<double const, 3>;
using matrix = matrix_view<double const>;

constexpr index_t group_sizes[] = {1, 2, 8};
constexpr index_t lengths[] = {1, 5, 8, 19};  // shorter than a group, as long, longer
constexpr index_t networks = 3, rows = 4;

}  // namespace

TEST_CASE("softmax: any number of lanes gives the generic kernel's rows, also in place") {
  for (index_t const lanes : group_sizes)
    for (index_t const n : lengths) {
      auto const x = normal<double>(extents{rows, n}, 1);
      tensor<double, 2> expected(x.shape()), y(x.shape());
      auto same = support::clone(x);
      mine::serial be;
      backend::softmax_rows(be, x.read(), expected.view());
      run_rows(lanes, rows, softmax_body<double, host_space>{x.read(), y.view()});
      run_rows(lanes, rows, softmax_body<double, host_space>{same.read(), same.view()});
      CHECK(relative_difference(y, expected) < 1e-15);
      CHECK(support::same(same, y));
    }
}

TEST_CASE("layer norm of a stack: each network with its own scale and shift") {
  mine::serial be;
  for (index_t const lanes : group_sizes)
    for (index_t const n : lengths) {
      if (n == 1) continue;  // dx is 0 there
      CAPTURE(lanes);
      CAPTURE(n);
      auto const x = normal<double>(extents{networks, rows, n}, 1), dy = normal<double>(extents{networks, rows, n}, 2);
      auto const scale = normal<double>(extents{networks, n + 3}, 3), shift = normal<double>(extents{networks, n}, 4);
      matrix const own_scale = scale.read().columns(0, n);  // with a pitch, as in a stack of flat buffers
      tensor<double, 3> y(x.shape()), z(x.shape()), dx(x.shape()), ey(x.shape()), ez(x.shape()), edx(x.shape());
      tensor<double, 2> inverse(extents{networks, rows}), einverse(extents{networks, rows});
      auto const zeros = [&] { return support::constant(extents{networks, n}, 0.25); };
      auto dscale = zeros(), dshift = zeros(), edscale = zeros(), edshift = zeros();
      for (index_t m = 0; m < networks; ++m) {
        backend::layer_norm_forward(be, x.read()(m), own_scale(m), shift.read()(m), 1e-3, ey.view()(m), ez.view()(m), einverse.view()(m));
        backend::layer_norm_backward(be, own_scale(m), ez.read()(m), einverse.read()(m), dy.read()(m), edx.view()(m), edscale.view()(m),
                                     edshift.view()(m));
      }
      run_rows(lanes, networks * rows, layer_norm_body<double, host_space>{x.read(), own_scale, shift.read(), 1e-3, y.view(), z.view(), inverse.view()});
      run_rows(lanes, networks * rows, layer_norm_gradient_body<double, host_space>{own_scale, z.read(), inverse.read(), dy.read(), dx.view()});
      CHECK(relative_difference(y, ey) < 1e-13);
      CHECK(relative_difference(z, ez) < 1e-13);
      CHECK(relative_difference(inverse, einverse) < 1e-13);
      CHECK(relative_difference(dx, edx) < 1e-12);

      auto in_place = support::clone(dy);
      run_rows(lanes, networks * rows, layer_norm_gradient_body<double, host_space>{own_scale, z.read(), inverse.read(), in_place.read(), in_place.view()});
      CHECK(support::same(in_place, dx));

      layer_norm_parameter_body<double, host_space> const body{z.read(), dy.read(), dscale.view(), dshift.view()};
      for (index_t m = 0; m < networks; ++m)
        for (index_t j = 0; j < n; ++j) {
          two_sums<double> total{0, 0};
          for (index_t lane = 0; lane < lanes; ++lane) total = total + body.part(m, j, lane, lanes);
          body.finish(m, j, total);
        }
      CHECK(relative_difference(dscale, edscale) < 1e-13);
      CHECK(relative_difference(dshift, edshift) < 1e-13);
    }
}

TEST_CASE("row and column sums") {
  for (index_t const lanes : group_sizes)
    for (index_t const n : lengths) {
      auto const x = support::generate<double>(extents{networks, rows, n}, [](index_t i) { return (7 * i) % 13 - 6; });  // exact
      tensor<double, 1> sums(extents{rows});
      run_rows(lanes, rows, row_sum_body<double, double const, host_space>{x.read()(1), sums.view()});
      for (index_t i = 0; i < rows; ++i) {
        double total = 0;
        for (index_t j = 0; j < n; ++j) total += x.read()(1, i, j);
        CHECK(sums.read()[i] == total);
      }
      for (bool const accumulate : {false, true}) {
        auto columns = support::constant(extents{networks, n}, 100.0);
        column_sum_body<double, double const, host_space> const body{x.read(), columns.view(), accumulate};
        for (index_t m = 0; m < networks; ++m)
          for (index_t j = 0; j < n; ++j) {
            double total = 0, expected = accumulate ? 100 : 0;
            for (index_t lane = 0; lane < lanes; ++lane) total += body.part(m, j, lane, lanes);
            body.finish(m, j, total);
            for (index_t i = 0; i < rows; ++i) expected += x.read()(m, i, j);
            CHECK(columns.read()(m, j) == expected);
          }
      }
    }
}
