// Owned arrays for tests.
#pragma once

#include <parapet/core/buffer.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>

#include <algorithm>
#include <cmath>

namespace support {

using parapet::extents;
using parapet::index_t;

/// A dense array in memory of its own.
template <class T, int Rank, class Space = parapet::host_space>
class tensor {
public:
  explicit tensor(extents<Rank> const& shape) : shape_(shape), memory_(shape.size()) {}

  extents<Rank> const& shape() const { return shape_; }
  index_t size() const { return memory_.size(); }
  parapet::tensor_view<T, Rank, Space> view() { return {memory_.data(), shape_}; }
  parapet::tensor_view<T const, Rank, Space> read() const { return {memory_.data(), shape_}; }
  parapet::vector_view<T, Space> flat() { return memory_.view(); }
  parapet::vector_view<T const, Space> flat() const { return memory_.view(); }

private:
  extents<Rank> shape_;
  parapet::buffer<T, Space> memory_;
};

/// Element i is f(i), counted in row-major order.
template <class T, int Rank, class F>
tensor<T, Rank> generate(extents<Rank> const& shape, F f) {
  tensor<T, Rank> x(shape);
  for (index_t i = 0; i < x.size(); ++i) x.flat()[i] = static_cast<T>(f(i));
  return x;
}

template <class T, int Rank>
tensor<T, Rank> constant(extents<Rank> const& shape, T value) {
  return generate<T>(shape, [&](index_t) { return value; });
}

/// Standard normal elements; another seed gives other numbers.
template <class T, int Rank>
tensor<T, Rank> normal(extents<Rank> const& shape, std::uint64_t seed) {
  return generate<T>(shape, [stream = parapet::philox_stream(seed, 0)](index_t i) { return stream.normal(i); });
}

template <class T, int Rank>
tensor<T, Rank> clone(tensor<T, Rank> const& x) {
  return generate<T>(x.shape(), [&](index_t i) { return x.flat()[i]; });
}

/// Whether two arrays of one size are the same, bit by bit but for the sign of zero and NaN, which equals nothing.
template <class T, int Rank>
bool same(tensor<T, Rank> const& a, tensor<T, Rank> const& b) {
  if (a.size() != b.size()) return false;
  for (index_t i = 0; i < a.size(); ++i)
    if (!(a.flat()[i] == b.flat()[i])) return false;
  return true;
}

/// Largest |a - b| over the largest |b|; NaN where either has one.
template <class T, int Rank>
double relative_difference(tensor<T, Rank> const& a, tensor<T, Rank> const& b) {
  double difference = 0, scale = 0;
  for (index_t i = 0; i < b.size(); ++i) {
    double const x = static_cast<double>(a.flat()[i]), y = static_cast<double>(b.flat()[i]);
    if (std::isnan(x) || std::isnan(y)) return std::nan("");
    difference = std::max(difference, std::abs(x - y));
    scale = std::max(scale, std::abs(y));
  }
  return difference == 0 ? 0 : difference / scale;
}

}  // namespace support
