// Captured steps on a device.
#include <parapet/backend/cuda/kernels.cuh>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <thread>

using namespace parapet;
using backend::capture;
using backend::cuda;
using backend::device_space;
using backend::pinned_space;

namespace {

struct add_number {
  float number;
  template <class X>
  PARAPET_FN void operator()(X& x) const { x = x + X(number); }
};
/// counter += 1; x[i] = element counter of stream i: what changes from launch to launch comes from device memory.
struct draw_next {
  vector_view<index_t, device_space> counter;
  vector_view<float, device_space> x;
  PARAPET_FN void operator()(index_t i) const { x[i] = philox_stream(1, static_cast<std::uint64_t>(i)).uniform(counter[0]); }
};
struct count_up {
  vector_view<index_t, device_space> counter;
  PARAPET_FN void operator()(index_t) const { ++counter[0]; }
};

float first_of(cuda& be, buffer<float, device_space> const& x) {
  float value = 0;
  copy(be, x.view().rows(0, 1), vector_view<float>(&value, extents{1}));
  return value;
}

}  // namespace

TEST_CASE("recording runs nothing; each launch runs the whole step") {
  cuda be;
  buffer<float, device_space> x(1000);
  fill(be, x.view(), 0);
  auto step = capture(be, [&] {
    for (int i = 0; i < 10; ++i) map(be, add_number{1}, x.view());
  });
  CHECK(step.nodes() == 10);
  CHECK(first_of(be, x) == 0);
  step.launch();
  step.launch();
  CHECK(first_of(be, x) == 20);
}

TEST_CASE("counters in device memory advance from launch to launch") {
  cuda be;
  buffer<index_t, device_space> counter(1);
  buffer<float, device_space> x(100);
  buffer<float> host(100);
  fill(be, counter.view(), 0);
  auto step = capture(be, [&] {
    for_each_index(be, extents{1}, count_up{counter.view()});
    for_each_index(be, extents{100}, draw_next{counter.view(), x.view()});
  });
  for (index_t n = 1; n <= 3; ++n) {
    step.launch();
    copy(be, x.view(), host.view());
    for (index_t i = 0; i < 100; ++i) CHECK(host.view()[i] == philox_stream(1, static_cast<std::uint64_t>(i)).uniform(n));
  }
}

TEST_CASE("products, rows, columns, fills, gathers and pinned copies can be captured, and give what they give alone") {
  cuda be;
  constexpr index_t rows = 64, in = 48, out = 32;
  buffer<float, device_space> a(rows * in), b(in * out), bias(out), c(rows * out), mean(out), scale(out), z(rows * out), inverse(rows), picked(rows * out);
  buffer<index_t, device_space> which(rows);
  buffer<float, pinned_space> result(2 * rows * out);
  auto const run = [&](vector_view<float, pinned_space> const& to) {
    fill_normal(be, a.view(), philox_stream(1, 0));
    fill_uniform(be, b.view(), philox_stream(1, 1));
    fill(be, bias.view(), 0.5f);
    fill(be, scale.view(), 2.0f);
    fill_below(be, which.view(), rows, philox_stream(1, 2));
    auto const m = [](auto& x, index_t r, index_t n) { return x.view(extents{r, n}); };
    gemm(be, m(a, rows, in), m(b, in, out), m(c, rows, out), false, vector_view<float const, device_space>(bias.view()));
    matrix_view<float const, device_space> const cc = m(c, rows, out);
    layer_norm_forward(be, cc, vector_view<float const, device_space>(scale.view()), vector_view<float const, device_space>(bias.view()), 1e-6f,
                       m(c, rows, out), m(z, rows, out), inverse.view());
    reduce_columns(be, cc, mean.view());
    softmax_rows(be, cc, m(c, rows, out));
    gather(be, cc, vector_view<index_t const, device_space>(which.view()), m(picked, rows, out));
    copy(be, vector_view<float const, device_space>(picked.view()), to);
  };
  run(result.view().rows(0, rows * out));
  synchronize(be);
  auto step = capture(be, [&] { run(result.view().rows(rows * out, 2 * rows * out)); });
  fill(be, picked.view(), 0);
  step.launch();
  synchronize(be);
  for (index_t i = 0; i < rows * out; ++i) CHECK(result.view()[i] == result.view()[rows * out + i]);
}

TEST_CASE("a step recorded again replaces the other, with more kernels or other numbers") {
  cuda be;
  buffer<float, device_space> x(8);
  fill(be, x.view(), 0);
  auto step = capture(be, [&] { map(be, add_number{1}, x.view()); });
  step.launch();
  step.record([&] { map(be, add_number{10}, x.view()); });
  step.launch();
  step.record([&] {
    map(be, add_number{100}, x.view());
    map(be, add_number{100}, x.view());
  });
  step.launch();
  CHECK(first_of(be, x) == 211);
  auto moved = std::move(step);
  moved.launch();
  CHECK(first_of(be, x) == 411);
}

TEST_CASE("what waits for the device is refused with its name, and nothing is left") {
  cuda be;
  buffer<float, device_space> x(8);
  buffer<float> host(8);
  fill(be, x.view(), 1);
  auto const refused = [&](auto call) { return support::message_of<argument_error>([&] { capture(be, call); }); };
  CHECK(support::contains(refused([&] { sum(be, x.view()); }), "reduce cannot be part of a captured step"));
  CHECK(support::contains(refused([&] { argmin(be, x.view()); }), "argmin cannot"));
  CHECK(support::contains(refused([&] { synchronize(be); }), "synchronize cannot"));
  CHECK(support::contains(refused([&] { copy(be, x.view(), host.view()); }), "host memory cannot"));
  CHECK(support::contains(refused([&] { capture(be, [] {}); }), "cannot capture another"));
  CHECK(!be.capturing());
  CHECK(sum(be, x.view()) == 8);
}

TEST_CASE("an exception in a step reaches the caller, and the backend goes on working") {
  cuda be;
  buffer<float, device_space> x(8);
  fill(be, x.view(), 1);
  auto const failing = [&] {
    capture(be, [&] {
      map(be, add_number{1}, x.view());
      throw std::runtime_error("in the step");
    });
  };
  CHECK(support::message_of<std::runtime_error>(failing) == "in the step");
  CHECK(sum(be, x.view()) == 8);
  auto step = capture(be, [&] { map(be, add_number{1}, x.view()); });
  step.launch();
  CHECK(sum(be, x.view()) == 16);
}

TEST_CASE("a CUDA call that capture forbids makes the recording fail, and nothing else") {
  cuda be;
  buffer<float, device_space> x(8);
  fill(be, x.view(), 1);
  CHECK_THROWS_AS(capture(be, [&] { buffer<float, device_space> made_inside(8); }), backend::cuda_error);
  CHECK(sum(be, x.view()) == 8);
}

TEST_CASE("another thread allocates, computes and waits while one records") {
  cuda be;
  buffer<float, device_space> x(1 << 16);
  fill(be, x.view(), 0);
  float other_sum = 0;
  auto step = capture(be, [&] {
    map(be, add_number{1}, x.view());
    std::thread([&] {
      cuda other;
      buffer<float, device_space> y(1000);
      fill(other, y.view(), 2);
      other_sum = sum(other, y.view());
    }).join();
    map(be, add_number{1}, x.view());
  });
  CHECK(other_sum == 2000);
  step.launch();
  CHECK(first_of(be, x) == 2);
}

TEST_CASE("two branches: each in its order, both before what follows, with and without a recording") {
  cuda be;
  buffer<float, device_space> x(1 << 20), y(1 << 20), z(1 << 20);
  auto const work = [&] {
    fill(be, x.view(), 1);
    fill(be, y.view(), 2);
    concurrently(
        be,
        [&](cuda& first) {
          for (int i = 0; i < 20; ++i) map(first, add_number{1}, x.view());
        },
        [&](cuda& second) {
          for (int i = 0; i < 20; ++i) map(second, add_number{2}, y.view());
        });
    copy(be, x.view(), z.view());
    map(be, add_number{1000}, y.view());
  };
  auto const check = [&] {
    CHECK(first_of(be, z) == 21);
    CHECK(first_of(be, y) == 1042);
  };
  work();
  check();
  fill(be, z.view(), 0);
  auto step = capture(be, work);
  CHECK(first_of(be, z) == 0);
  step.launch();
  check();
  step.launch();
  check();
}

TEST_CASE("an exception in a branch reaches the caller, and both streams go on working") {
  cuda be;
  buffer<float, device_space> x(8);
  auto const nothing = [](cuda&) {};
  auto const failing = [](cuda&) { throw std::runtime_error("in a branch"); };
  concurrently(be, nothing, nothing);  // makes the second stream
  for (bool const recorded : {false, true})
    for (bool const first : {false, true}) {
      auto const run = [&] {
        fill(be, x.view(), 3);
        if (first) concurrently(be, failing, nothing);
        else concurrently(be, nothing, failing);
      };
      CHECK(support::message_of<std::runtime_error>([&] {
              if (recorded) capture(be, run);
              else run();
            }) == "in a branch");
      concurrently(be, [&](cuda& b) { fill(b, x.view(), 4); }, nothing);
      CHECK(sum(be, x.view()) == 32);
      concurrently(be, nothing, [&](cuda& b) { fill(b, x.view(), 5); });
      CHECK(sum(be, x.view()) == 40);
    }
}

TEST_CASE("a branch of a recording may not wait either") {
  cuda be;
  buffer<float, device_space> x(8);
  fill(be, x.view(), 1);
  auto const nothing = [](cuda&) {};
  concurrently(be, nothing, nothing);
  CHECK_THROWS_AS(capture(be, [&] { concurrently(be, nothing, [&](cuda& second) { sum(second, x.view()); }); }), argument_error);
  CHECK(sum(be, x.view()) == 8);
}
