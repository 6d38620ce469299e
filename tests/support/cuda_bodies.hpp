// The CUDA backend's kernels on the host: every operation does what backend/cuda/*.cuh does, with a loop over the threads in
// place of a launch, and a column-major product in place of cuBLASLt. What this cannot show is launches, warps and the library.
#pragma once

#include <parapet/backend/backend.hpp>
#include <parapet/backend/check.hpp>
#include <parapet/backend/cuda/attention.hpp>
#include <parapet/backend/cuda/gemm_layout.hpp>
#include <parapet/backend/cuda/launch_shape.hpp>
#include <parapet/backend/cuda/map_layout.hpp>
#include <parapet/backend/cuda/random.hpp>
#include <parapet/backend/cuda/reduce.hpp>
#include <parapet/backend/cuda/rows.hpp>
#include <parapet/backend/cuda/weights.hpp>
#include <parapet/math/functions.hpp>

#include "support/serial_backend.hpp"

#include <concepts>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace support {

using namespace parapet;
namespace device = parapet::backend::cuda_detail;

/// A group of one lane.
struct one_lane {
  index_t rank() const { return 0; }
  index_t size() const { return 1; }
  template <class T, class Op>
  T fold(T value, Op const&) const { return value; }
};

/// In memory of any space that the host can reach.
template <class S>
struct cuda_bodies_in {
  using space = S;
};
using cuda_bodies = cuda_bodies_in<host_space>;

/// A view as the host's.
template <class T, int Rank, class S>
tensor_view<T, Rank> on_host(tensor_view<T, Rank, S> const& x) {
  return {x.data(), x.shape(), x.strides()};
}

template <class S, class F>
void for_each_shard(cuda_bodies_in<S>& be, index_t count, F&& f) {
  for (index_t shard = 0; shard < count; ++shard) f(be, shard);
}
template <class S>
void synchronize(cuda_bodies_in<S>&) {}
template <class S, class Step>
auto capture(cuda_bodies_in<S>&, Step step) {
  struct recording {
    Step step;
    void launch() { step(); }
  };
  return recording{std::move(step)};
}

// Elementwise -----------------------------------------------------------------------------------------------------

template <class F, class... Ts>
void launch_map(F const& f, extents<3> shape, device::map_argument<Ts>... x) {
  device::map_plan const plan = device::plan_map(shape, x...);
  for (index_t i = plan.threads(plan.shape); i-- > 0;) {  // in an order that is not the natural one
    auto const thread = static_cast<std::uint32_t>(i);
    if (plan.vectors) device::map_vector_or_rest(f, thread, plan.shape, x...);
    else device::map_element(f, device::unravel(thread, plan.shape), x...);
  }
}
template <class S, class F, class T, int Rank, class... Ts>
void map(cuda_bodies_in<S>&, F const& f, tensor_view<T, Rank, S> const& first, tensor_view<Ts, Rank, S> const&... others) {
  (check_shape("map: an argument", others.shape(), first.shape()), ...);
  backend::detail::check_map_strides(first);
  (backend::detail::check_map_strides(others), ...);
  if (first.size() != 0) launch_map(f, device::as_map_shape(first.shape()), device::as_map_argument(first), device::as_map_argument(others)...);
}
template <class S, int Rank, class F>
void for_each_index(cuda_bodies_in<S>&, extents<Rank> const& shape, F const& f) {
  for (index_t i = shape.size(); i-- > 0;) device::call_at(f, static_cast<std::uint32_t>(i), extents<Rank>{}, shape);
}

// Movement: what is no kernel is the serial backend's ------------------------------------------------------------

template <class S, class T, class U, int Rank, class From, class To>
void copy(cuda_bodies_in<S>&, tensor_view<U, Rank, From> const& from, tensor_view<T, Rank, To> const& to) {
  mine::serial be;
  copy(be, on_host(from), on_host(to));
}
template <class S, class T, int Rank>
void fill(cuda_bodies_in<S>& be, tensor_view<T, Rank, S> const& out, std::type_identity_t<T> value) {
  auto const set = [=](T& x) { x = value; };
  if constexpr (Rank > 3) fill(be, flatten(out), value);
  else if (out.size() != 0) launch_map(set, device::as_map_shape(out.shape()), device::as_map_argument(out));
}
template <class S, class T, class U, int Rank>
void gather(cuda_bodies_in<S>&, tensor_view<U, Rank, S> const& from, vector_view<index_t const, S> const& indices, tensor_view<T, Rank, S> const& to) {
  mine::serial be;
  gather(be, on_host(from), on_host(indices), on_host(to));
}

// Products --------------------------------------------------------------------------------------------------------

namespace bodies {

/// d = left right + beta d as a column-major library computes it.
template <class T>
void column_major_product(device::gemm_layout const& l, T const* left, T const* right, T* d, T beta) {
  auto const at = [](T const* x, device::stored_matrix const& m, index_t row, index_t column) {
    return m.transpose ? x[column + row * m.stride] : x[row + column * m.stride];
  };
  for (index_t i = 0; i < l.rows; ++i)
    for (index_t j = 0; j < l.columns; ++j) {
      T& out = d[i + j * l.result.stride];
      T total = 0;
      for (index_t k = 0; k < l.depth; ++k) total += at(left, l.left, i, k) * at(right, l.right, k, j);
      out = total + (beta == T(0) ? T(0) : beta * out);
    }
}

template <class T, class S>
void multiply(cuda_bodies_in<S>& be, tensor_view<T const, 3, S> const& a, tensor_view<T const, 3, S> const& b, tensor_view<T, 3, S> const& c, bool accumulate,
              matrix_view<T const, S> const& bias) {
  if (c.size() == 0) return;
  backend::detail::check_gemm_strides(a(0), b(0), c(0));
  device::gemm_layout const layout = device::make_gemm_layout(c(0).shape(), a.extent(2), a(0).strides(), b(0).strides(), c(0).strides());
  if (a.extent(2) == 0 || !layout.valid)
    return for_each_index(be, c.shape(), device::product_element<T, S>{a, b, c, bias, accumulate});
  tensor_view<T const, 3, S> const spread(bias.data(), c.shape(), extents{bias.stride(0), index_t{0}, bias.stride(1)});
  if (!bias.empty()) copy(be, spread, c);
  for (index_t i = 0; i < c.extent(0); ++i)
    column_major_product(layout, b(i).data(), a(i).data(), c(i).data(), accumulate || !bias.empty() ? T(1) : T(0));
}

}  // namespace bodies

template <class S, class T, class A, class B>
void gemm(cuda_bodies_in<S>& be, matrix_view<A, S> const& a, matrix_view<B, S> const& b, matrix_view<T, S> const& c, bool accumulate = false,
          vector_view<std::type_identity_t<T> const, S> const& bias = {}) {
  check_shape("gemm: left operand", a.shape(), extents{c.extent(0), a.extent(1)});
  check_shape("gemm: right operand", b.shape(), extents{a.extent(1), c.extent(1)});
  backend::detail::check_gemm_strides(a, b, c);
  if (!bias.empty()) check_shape("gemm: bias", bias.shape(), extents{c.extent(1)});
  bodies::multiply<T>(be, repeated(matrix_view<T const, S>(a), 1), repeated(matrix_view<T const, S>(b), 1), repeated(c, 1), accumulate,
                      bias.empty() ? matrix_view<T const, S>{} : repeated(bias, 1));
}
template <class S, class T, class A, class B>
void gemm(cuda_bodies_in<S>& be, tensor_view<A, 3, S> const& a, tensor_view<B, 3, S> const& b, tensor_view<T, 3, S> const& c, bool accumulate = false,
          matrix_view<std::type_identity_t<T> const, S> const& bias = {}) {
  check_shape("gemm: left stack", a.shape(), extents{c.extent(0), c.extent(1), a.extent(2)});
  check_shape("gemm: right stack", b.shape(), extents{c.extent(0), a.extent(2), c.extent(2)});
  if (!bias.empty()) check_shape("gemm: bias stack", bias.shape(), extents{c.extent(0), c.extent(2)});
  bodies::multiply<T>(be, a, b, c, accumulate, bias);
}

// Rows and columns -----------------------------------------------------------------------------------------------

namespace bodies {

template <class Body>
void for_each_row(index_t rows, Body const& body) {
  for (index_t row = rows; row-- > 0;) body(one_lane{}, row);
}
/// 128 threads a column, their parts added as a tree.
template <class Body>
void for_each_column(index_t matrices, index_t columns, Body const& body) {
  constexpr index_t threads = device::threads_per_column;
  for (index_t m = 0; m < matrices; ++m)
    for (index_t j = 0; j < columns; ++j) {
      typename Body::value part[threads];
      for (index_t y = 0; y < threads; ++y) part[y] = body.part(m, j, y, threads);
      for (index_t half = threads / 2; half > 0; half /= 2)
        for (index_t y = 0; y < half; ++y) part[y] = part[y] + part[y + half];
      body.finish(m, j, part[0]);
    }
}

}  // namespace bodies

/// A block of one thread, which waits for nobody.
struct one_thread {
  index_t rank() const { return 0; }
  index_t size() const { return 1; }
  void sync() const {}
};

template <class S, class T, class Key, class Bias>
void attend(cuda_bodies_in<S>&, backend::attention_heads const& heads, backend::attention_reach const& reach, std::span<backend::sequence const> sequences,
            matrix_view<T const, S> const& q, matrix_view<Key const, S> const& k, matrix_view<Key const, S> const& v, matrix_view<T, S> const& out,
            matrix_view<T, S> const& log_sum, Bias const& bias) {
  device::attention_body<T, Key, S, Bias> const body{heads.group(), heads.head_dim, static_cast<T>(heads.applied_scale()), static_cast<T>(heads.soft_cap),
                                                     q, k, v, out, log_sum, bias};
  std::vector<T> shared(static_cast<std::size_t>(device::attention_shared_elements(heads.head_dim)));
  device::attention_batch batch;
  auto const run = [&] {
    for (index_t block = batch.blocks; block-- > 0;)
      for (index_t kv_head = 0; kv_head < heads.kv_heads; ++kv_head) {
        index_t const s = batch.sequence_of(block);
        body(one_thread{}, shared.data(), batch.mask[s], kv_head, (block - batch.first_block[s]) * device::attention_tile);
      }
    batch = {};
  };
  for (backend::sequence const& s : sequences) {
    batch.add(backend::reference::attention_mask(s, reach), heads.group());
    if (batch.full()) run();
  }
  run();
}
template <class S, class T>
void softmax_rows(cuda_bodies_in<S>&, matrix_view<T const, S> const& x, matrix_view<T, S> const& y) {
  check_shape("softmax_rows: output", y.shape(), x.shape());
  if (x.extent(1) != 0) bodies::for_each_row(x.extent(0), device::softmax_body<T, S>{x, y});
}
template <class S, class T>
void layer_norm_forward(cuda_bodies_in<S>&, tensor_view<T const, 3, S> const& x, matrix_view<T const, S> const& scale, matrix_view<T const, S> const& shift,
                        std::type_identity_t<T> epsilon, tensor_view<T, 3, S> const& y, tensor_view<T, 3, S> const& normalized,
                        matrix_view<T, S> const& inverse_deviation) {
  backend::reference::check_layer_norm(x, scale, shift, y, normalized, inverse_deviation);
  bodies::for_each_row(x.extent(0) * x.extent(1), device::layer_norm_body<T, S>{x, scale, shift, epsilon, y, normalized, inverse_deviation});
}
template <class S, class T>
void layer_norm_backward(cuda_bodies_in<S>&, matrix_view<T const, S> const& scale, tensor_view<T const, 3, S> const& normalized,
                         matrix_view<T const, S> const& inverse_deviation, tensor_view<T const, 3, S> const& dy, tensor_view<T, 3, S> const& dx,
                         matrix_view<T, S> const& dscale, matrix_view<T, S> const& dshift) {
  backend::reference::check_layer_norm(dy, scale, dshift, dx, normalized, inverse_deviation);
  check_shape("layer_norm: scale gradient", dscale.shape(), scale.shape());
  bodies::for_each_column(dy.extent(0), dy.extent(2), device::layer_norm_parameter_body<T, S>{normalized, dy, dscale, dshift});
  bodies::for_each_row(dy.extent(0) * dy.extent(1), device::layer_norm_gradient_body<T, S>{scale, normalized, inverse_deviation, dy, dx});
}
template <class S, class T>
void layer_norm_forward(cuda_bodies_in<S>& be, matrix_view<T const, S> const& x, vector_view<T const, S> const& scale, vector_view<T const, S> const& shift,
                        std::type_identity_t<T> epsilon, matrix_view<T, S> const& y, matrix_view<T, S> const& normalized,
                        vector_view<T, S> const& inverse_deviation) {
  layer_norm_forward(be, repeated(x, 1), repeated(scale, 1), repeated(shift, 1), epsilon, repeated(y, 1), repeated(normalized, 1),
                     repeated(inverse_deviation, 1));
}
template <class S, class T>
void layer_norm_backward(cuda_bodies_in<S>& be, vector_view<T const, S> const& scale, matrix_view<T const, S> const& normalized,
                         vector_view<T const, S> const& inverse_deviation, matrix_view<T const, S> const& dy, matrix_view<T, S> const& dx,
                         vector_view<T, S> const& dscale, vector_view<T, S> const& dshift) {
  layer_norm_backward(be, repeated(scale, 1), repeated(normalized, 1), repeated(inverse_deviation, 1), repeated(dy, 1), repeated(dx, 1),
                      repeated(dscale, 1), repeated(dshift, 1));
}
template <class S, class T, class U>
void reduce_rows(cuda_bodies_in<S>&, matrix_view<U, S> const& x, vector_view<T, S> const& out) {
  check_shape("reduce_rows: output", out.shape(), extents{x.extent(0)});
  bodies::for_each_row(x.extent(0), device::row_sum_body<T, U, S>{x, out});
}
template <class S, class T, class U>
void reduce_columns(cuda_bodies_in<S>&, tensor_view<U, 3, S> const& x, matrix_view<T, S> const& out, bool accumulate = false) {
  check_shape("reduce_columns: output", out.shape(), extents{x.extent(0), x.extent(2)});
  bodies::for_each_column(x.extent(0), x.extent(2), device::column_sum_body<T, U, S>{x, out, accumulate});
}
template <class S, class T, class U>
void reduce_columns(cuda_bodies_in<S>& be, matrix_view<U, S> const& x, vector_view<T, S> const& out, bool accumulate = false) {
  check_shape("reduce_columns: output", out.shape(), extents{x.extent(1)});
  reduce_columns(be, repeated(x, 1), repeated(out, 1), accumulate);
}

// Products with stored weights ------------------------------------------------------------------------------------

namespace bodies {

/// y = left right as a column-major library computes it, into sums of To.
template <class To, class T, class S>
void stored_product(matrix_view<T const, S> const& x, matrix_view<T const, S> const& w, matrix_view<float, S> const& y) {
  device::gemm_layout const l = device::make_gemm_layout(y.shape(), x.extent(1), x.strides(), transposed(w).strides(), y.strides());
  auto const at = [](T const* from, device::stored_matrix const& m, index_t row, index_t column) {
    T const value = m.transpose ? from[column + row * m.stride] : from[row + column * m.stride];
    if constexpr (std::is_same_v<T, bfloat16>) return static_cast<float>(value);
    else return static_cast<To>(value);
  };
  for (index_t i = 0; i < l.rows; ++i)
    for (index_t j = 0; j < l.columns; ++j) {
      To total = 0;
      for (index_t k = 0; k < l.depth; ++k) total += at(w.data(), l.left, i, k) * at(x.data(), l.right, k, j);
      y.data()[i + j * l.result.stride] = __builtin_bit_cast(float, total);
    }
}

/// f(rows [begin, end), operands of them, scales), a few rows at a time.
template <class T, class F>
void for_operands(index_t rows, index_t in, F const& f) {
  constexpr index_t most = 3;
  index_t const pitch = device::operand_pitch(in, sizeof(T)) / index_t{sizeof(T)};
  std::vector<T> memory(static_cast<std::size_t>(most * pitch));
  std::vector<float> scale(static_cast<std::size_t>(most));
  for (index_t row = 0; row < rows; row += most) {
    index_t const end = row + most < rows ? row + most : rows, count = end - row;
    f(row, end, matrix_view<T>(memory.data(), extents{count, in}, extents{pitch, index_t{1}}), vector_view<float>(scale.data(), extents{count}));
  }
}

}  // namespace bodies

template <class X>
void project(cuda_bodies& be, matrix_view<X> const& x, matrix_view<bfloat16 const> const& w, matrix_view<float> const& y,
             std::type_identity_t<vector_view<float const>> const& bias = {}) {
  backend::detail::check_projection(x, w, y, bias);
  bodies::for_operands<bfloat16>(x.extent(0), x.extent(1), [&](index_t row, index_t end, matrix_view<bfloat16> const& operands, auto const&) {
    for_each_index(be, operands.shape(), device::round_operand<host_space>{x.rows(row, end), operands});
    bodies::stored_product<float, bfloat16, host_space>(operands, w, y.rows(row, end));
    if (!bias.empty())
      for (index_t i = row; i < end; ++i)
        for (index_t j = 0; j < y.extent(1); ++j) y(i, j) += bias[j];
  });
}
template <class X>
void project(cuda_bodies& be, matrix_view<X> const& x, backend::int8_matrix<> const& w, matrix_view<float> const& y,
             std::type_identity_t<vector_view<float const>> const& bias = {}) {
  backend::detail::check_projection(x, w, y, bias);
  bodies::for_operands<std::int8_t>(x.extent(0), x.extent(1), [&](index_t row, index_t end, matrix_view<std::int8_t> const& operands, auto const& scale) {
    bodies::for_each_row(end - row, device::quantize_operand<host_space>{x.rows(row, end), operands, scale});
    bodies::stored_product<std::int32_t, std::int8_t, host_space>(operands, w.values, y.rows(row, end));
    for_each_index(be, extents{end - row, y.extent(1)}, device::finish_int8<host_space>{y.rows(row, end), scale, w.scale, bias});
  });
}

// Reductions of a vector -----------------------------------------------------------------------------------------

namespace bodies {

/// partial[block] = what a block of threads folds, as a tree; then one block folds the blocks.
template <class Body>
std::vector<typename Body::value> reduce_blocks(index_t blocks, Body const& body) {
  constexpr index_t threads = device::threads_per_block;
  std::vector<typename Body::value> partial;
  for (index_t block = 0; block < blocks; ++block) {
    typename Body::value slots[threads];
    for (index_t t = 0; t < threads; ++t) slots[t] = body(block * threads + t, blocks * threads);
    for (index_t half = threads / 2; half > 0; half /= 2)
      for (index_t t = 0; t < half; ++t) slots[t] = body.op(slots[t], slots[t + half]);
    partial.push_back(slots[0]);
  }
  return partial;
}
template <class Body>
auto reduce_all(index_t n, Body const& body, typename Body::value const& initial) {
  using value = typename Body::value;
  auto const partial = reduce_blocks(device::partial_results(n), body);
  vector_view<value const> const rest(partial.data(), extents{static_cast<index_t>(partial.size())});
  return reduce_blocks(1, device::fold_body<value, value const, host_space, decltype(body.op), device::as_it_is>{rest, body.op, initial, {}})[0];
}
template <bool Largest, class S, class T>
index_t find_place(char const* what, vector_view<T, S> const& x) {
  if (x.extent(0) == 0) throw shape_error(std::string(what) + " of an empty vector");
  using value = device::place<std::remove_const_t<T>>;
  return reduce_all(x.extent(0), device::place_body<T, S, device::better_place<Largest>>{x, {}}, value{0, -1}).index;
}

}  // namespace bodies

template <class S, class T, class Op, class F = math::identity>
std::remove_const_t<T> reduce(cuda_bodies_in<S>&, vector_view<T, S> const& x, Op const& op, std::remove_const_t<T> initial, F const& f = {}) {
  return bodies::reduce_all(x.extent(0), device::fold_body<std::remove_const_t<T>, T, S, Op, F>{x, op, initial, f}, initial);
}
template <class S, class T, class F = math::identity>
std::remove_const_t<T> sum(cuda_bodies_in<S>& be, vector_view<T, S> const& x, F const& f = {}) {
  return reduce(be, x, math::plus{}, std::remove_const_t<T>(0), f);
}
template <class S, class T>
index_t argmin(cuda_bodies_in<S>&, vector_view<T, S> const& x) { return bodies::find_place<false>("argmin", x); }
template <class S, class T>
index_t argmax(cuda_bodies_in<S>&, vector_view<T, S> const& x) { return bodies::find_place<true>("argmax", x); }

template <class S, class T, class U>
void inclusive_scan(cuda_bodies_in<S>&, vector_view<U, S> const& x, vector_view<T, S> const& out) {
  mine::serial be;
  inclusive_scan(be, on_host(x), on_host(out));
}
template <class S, class Key, class Value>
void sort_by_key(cuda_bodies_in<S>&, vector_view<Key, S> const& keys, vector_view<Value, S> const& values) {
  mine::serial be;
  sort_by_key(be, on_host(keys), on_host(values));
}

// Randomness ------------------------------------------------------------------------------------------------------

template <class S, class T, class Draw>
void fill_random(cuda_bodies_in<S>& be, vector_view<T, S> const& out, philox_stream const& stream, index_t first, Draw const& draw) {
  device::fill_from_stream<T, S, Draw> const body{out, stream, first, draw};
  if (out.size() != 0) for_each_index(be, extents{body.blocks()}, body);
}
template <class S, class T>
void fill_uniform(cuda_bodies_in<S>& be, vector_view<T, S> const& out, philox_stream const& stream, index_t first = 0) {
  fill_random(be, out, stream, first, device::draw_uniform{});
}
template <class S, class T>
void fill_normal(cuda_bodies_in<S>& be, vector_view<T, S> const& out, philox_stream const& stream, index_t first = 0) {
  fill_random(be, out, stream, first, device::draw_normal{});
}
template <class S>
void fill_below(cuda_bodies_in<S>& be, vector_view<index_t, S> const& out, index_t n, philox_stream const& stream, index_t first = 0) {
  if (n < 1 || n > index_t{1} << 32) throw argument_error("fill_below: a number of values outside of 1 to 2^32");
  fill_random(be, out, stream, first, device::draw_below{n});
}

}  // namespace support
