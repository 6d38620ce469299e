// A whole backend in plain loops: the smallest that there is, and the example of docs/concepts.md.
#pragma once

#include <parapet/backend/backend.hpp>
#include <parapet/math/functions.hpp>

#include <algorithm>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace mine {

using namespace parapet;

struct serial {
  using space = host_space;  // where its memory is: static allocate(bytes) and deallocate(pointer)
};

// Elementwise: f gets one reference per view.
template <int Rank, class F>
void for_each_index(serial&, extents<Rank> const& shape, F const& f) {
  extents<3> n{{1, 1, 1}};
  for (int axis = 0; axis < Rank; ++axis) n[axis] = shape[axis];
  for (index_t i = 0; i < n[0]; ++i)
    for (index_t j = 0; j < n[1]; ++j)
      for (index_t k = 0; k < n[2]; ++k) {
        if constexpr (Rank == 1) f(i);
        else if constexpr (Rank == 2) f(i, j);
        else f(i, j, k);
      }
}
template <class F, class T, int Rank, class... Ts>
void map(serial& be, F const& f, tensor_view<T, Rank> const& first, tensor_view<Ts, Rank> const&... others) {
  (check_shape("map: an argument", others.shape(), first.shape()), ...);
  for_each_index(be, first.shape(), [&](auto... i) { f(first(i...), others(i...)...); });
}

// Movement.
template <class T, class U, int Rank>
void copy(serial& be, tensor_view<U, Rank> const& from, tensor_view<T, Rank> const& to) {
  check_shape("copy: source", from.shape(), to.shape());
  for_each_index(be, to.shape(), [&](auto... i) { to(i...) = from(i...); });
}
template <class T, int Rank>
void fill(serial& be, tensor_view<T, Rank> const& out, std::type_identity_t<T> value) {
  for_each_index(be, out.shape(), [&](auto... i) { out(i...) = value; });
}
template <class T, class U, int Rank>
void gather(serial& be, tensor_view<U, Rank> const& from, vector_view<index_t const> const& indices, tensor_view<T, Rank> const& to) {
  extents<Rank> shape = from.shape();
  shape[0] = indices.extent(0);
  check_shape("gather: output", to.shape(), shape);
  for_each_index(be, shape, [&](index_t i, auto... j) { to(i, j...) = from(indices[i], j...); });
}

// Products, of matrices and of stacks of them.
template <class T, class A, class B>
void gemm(serial& be, matrix_view<A> const& a, matrix_view<B> const& b, matrix_view<T> const& c, bool accumulate = false,
          vector_view<std::type_identity_t<T> const> const& bias = {}) {
  check_shape("gemm: left operand", a.shape(), extents{c.extent(0), a.extent(1)});
  check_shape("gemm: right operand", b.shape(), extents{a.extent(1), c.extent(1)});
  if (!bias.empty()) check_shape("gemm: bias", bias.shape(), extents{c.extent(1)});
  for_each_index(be, c.shape(), [&](index_t i, index_t j) {
    T total = !bias.empty() ? bias[j] : accumulate ? c(i, j) : T(0);
    for (index_t k = 0; k < a.extent(1); ++k) total += a(i, k) * b(k, j);
    c(i, j) = total;
  });
}
template <class T, class A, class B>
void gemm(serial& be, tensor_view<A, 3> const& a, tensor_view<B, 3> const& b, tensor_view<T, 3> const& c, bool accumulate = false,
          matrix_view<std::type_identity_t<T> const> const& bias = {}) {
  check_shape("gemm: left stack", a.shape(), extents{c.extent(0), c.extent(1), a.extent(2)});
  check_shape("gemm: right stack", b.shape(), extents{c.extent(0), a.extent(2), c.extent(2)});
  if (!bias.empty()) check_shape("gemm: bias stack", bias.shape(), extents{c.extent(0), c.extent(2)});
  for (index_t m = 0; m < c.extent(0); ++m) gemm(be, a(m), b(m), c(m), accumulate, bias.empty() ? vector_view<T const>{} : bias(m));
}

// Reductions.
template <class T, class Op, class F = math::identity>
std::remove_const_t<T> reduce(serial&, vector_view<T> const& x, Op const& op, std::remove_const_t<T> result, F const& f = {}) {
  for (index_t i = 0; i < x.extent(0); ++i) result = op(result, f(x[i]));
  return result;
}
template <class T, class F = math::identity>
std::remove_const_t<T> sum(serial& be, vector_view<T> const& x, F const& f = {}) {
  return reduce(be, x, math::plus{}, std::remove_const_t<T>(0), f);
}
template <class T, class U>
void reduce_rows(serial& be, matrix_view<U> const& x, vector_view<T> const& out) {
  check_shape("reduce_rows: output", out.shape(), extents{x.extent(0)});
  for (index_t i = 0; i < x.extent(0); ++i) out[i] = sum(be, x(i));
}
template <class T, class U>
void reduce_columns(serial& be, matrix_view<U> const& x, vector_view<T> const& out, bool accumulate = false) {
  check_shape("reduce_columns: output", out.shape(), extents{x.extent(1)});
  if (!accumulate) fill(be, out, T(0));
  for_each_index(be, x.shape(), [&](index_t i, index_t j) { out[j] += x(i, j); });
}
template <class T>
index_t argmin(serial&, vector_view<T> const& x) {
  if (x.extent(0) == 0) throw shape_error("argmin of an empty vector");
  index_t best = 0;
  for (index_t i = 1; i < x.extent(0); ++i)
    if (x[i] < x[best] || (x[best] != x[best] && x[i] == x[i])) best = i;  // NaN loses
  return best;
}
template <class T>
index_t argmax(serial&, vector_view<T> const& x) {
  if (x.extent(0) == 0) throw shape_error("argmax of an empty vector");
  index_t best = 0;
  for (index_t i = 1; i < x.extent(0); ++i)
    if (x[i] > x[best] || (x[best] != x[best] && x[i] == x[i])) best = i;
  return best;
}
template <class T, class U>
void inclusive_scan(serial&, vector_view<U> const& x, vector_view<T> const& out) {
  check_shape("inclusive_scan: output", out.shape(), x.shape());
  T total = 0;
  for (index_t i = 0; i < x.extent(0); ++i) out[i] = total += x[i];
}
template <class Key, class Value>
void sort_by_key(serial&, vector_view<Key> const& keys, vector_view<Value> const& values) {
  check_shape("sort_by_key: values", values.shape(), keys.shape());
  std::vector<std::pair<Key, Value>> pairs;
  for (index_t i = 0; i < keys.extent(0); ++i) pairs.emplace_back(keys[i], values[i]);
  std::stable_sort(pairs.begin(), pairs.end(), [](auto const& a, auto const& b) {
    return a.first < b.first || (a.first == a.first && b.first != b.first);  // NaN last
  });
  for (index_t i = 0; i < keys.extent(0); ++i) std::tie(keys[i], values[i]) = pairs[static_cast<std::size_t>(i)];
}

// Randomness: element first + i of a stream, whatever the shape.
template <class T>
void fill_uniform(serial&, vector_view<T> const& out, philox_stream const& stream, index_t first = 0) {
  for (index_t i = 0; i < out.extent(0); ++i) out[i] = static_cast<T>(stream.uniform(first + i));
}
template <class T>
void fill_normal(serial&, vector_view<T> const& out, philox_stream const& stream, index_t first = 0) {
  for (index_t i = 0; i < out.extent(0); ++i) out[i] = static_cast<T>(stream.normal(first + i));
}
inline void fill_below(serial&, vector_view<index_t> const& out, index_t n, philox_stream const& stream, index_t first = 0) {
  if (n < 1 || n > index_t{1} << 32) throw argument_error("fill_below: expected 1 to 2^32 values");
  for (index_t i = 0; i < out.extent(0); ++i) out[i] = stream.below(first + i, n);
}

// Execution: shards one after the other, nothing to wait for, and a recording that is the function itself.
template <class F>
void for_each_shard(serial& be, index_t count, F&& f) {
  for (index_t shard = 0; shard < count; ++shard) f(be, shard);
}
inline void synchronize(serial&) {}
template <class Step>
struct recording {
  Step step;
  void launch() { step(); }
};
template <class Step>
recording<Step> capture(serial&, Step step) {
  return {step};
}

static_assert(backend::check_backend<serial>());

}  // namespace mine
