// The CPU backend: packs for elementwise work, Eigen for products, threads for shards of a batch.
//
// Every operation runs on the calling thread. Parallelism comes from for_each_shard alone: each shard runs a whole
// forward and backward pass on its own worker with its own workspace. The number of shards is the caller's and
// fixed, so results are the same bits for any number of threads.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cpu/attention.hpp>
#include <parapet/backend/cpu/attention_backward.hpp>
#include <parapet/backend/cpu/gemm.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/backend/cpu/map.hpp>
#include <parapet/backend/cpu/random.hpp>
#include <parapet/backend/cpu/thread_pool.hpp>
#include <parapet/backend/cpu/transformer_rows.hpp>
#include <parapet/backend/cpu/weights.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/math/pack.hpp>

#include <algorithm>
#include <concepts>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::backend {

/// CPU backend object. One per calling thread: operations use its scratch memory.
class cpu {
public:
  using space = host_space;

  /// Uses `threads` threads for shards, all the machine has by default. Throws argument_error for fewer than 1.
  explicit cpu(int threads = hardware_threads()) : pool_(std::make_unique<thread_pool>(threads)) {
    workers_.reserve(static_cast<std::size_t>(threads));
    for (int worker = 0; worker < threads; ++worker) workers_.push_back(cpu(serial{}));
  }

  int threads() const { return pool_ ? pool_->size() : 1; }

  /// Calls f(worker backend, shard) for each shard in [0, count), in parallel. Must not be nested.
  template <class F>
  void for_each_shard(index_t count, F&& f) {
    if (!pool_) {
      for (index_t shard = 0; shard < count; ++shard) f(*this, shard);
      return;
    }
    pool_->run(count, [&](int worker, index_t shard) { f(workers_[static_cast<std::size_t>(worker)], shard); });
  }

  /// Scratch memory for packing and sorting on this object's thread.
  scratch_memory& scratch() { return scratch_; }
  /// At least `bytes` bytes for each worker of shards: which of them works is not fixed, and none is to allocate then.
  void reserve_worker_scratch(index_t bytes) {
    for (cpu& worker : workers_) worker.scratch_.reserve(bytes);
  }

private:
  struct serial {};
  explicit cpu(serial) {}

  std::unique_ptr<thread_pool> pool_;
  std::vector<cpu> workers_;
  scratch_memory scratch_;
};

/// f(worker backend, shard) for each shard in [0, count); shards may run at once, each on one worker.
template <class F>
void for_each_shard(cpu& be, index_t count, F&& f) {
  be.for_each_shard(count, std::forward<F>(f));
}

/// Waits until everything asked for has been done; the CPU never defers.
inline void synchronize(cpu&) {}

/// Records step() for repeated launch. On the CPU the recording is the function itself.
template <class Step>
auto capture(cpu&, Step step) {
  struct recording {
    Step step;
    void launch() { step(); }
  };
  return recording{std::move(step)};
}

// Elementwise -----------------------------------------------------------------------------------------------------

/// f(x...) on packs of corresponding elements of matrices; see backend/cpu/map.hpp. All views have the shape of the
/// first and, along the rows, a stride of 1 or, to repeat a const element, 0. Throws shape_error.
template <class F, class T, class... Ts>
void map(cpu&, F const& f, tensor_view<T, 2> const& first, tensor_view<Ts, 2> const&... others) {
  (check_shape("map: an argument", others.shape(), first.shape()), ...);
  detail::check_map_strides(first);
  (detail::check_map_strides(others), ...);
  if (first.size() != 0) detail::map_matrix(f, first.shape(), first, others...);
}

/// The same for vectors.
template <class F, class T, class... Ts>
void map(cpu& be, F const& f, tensor_view<T, 1> const& first, tensor_view<Ts, 1> const&... others) {
  auto const as_row = [](auto const& v) {
    using element = typename std::remove_cvref_t<decltype(v)>::element_type;
    return matrix_view<element>(v.data(), extents{index_t{1}, v.extent(0)}, extents{v.extent(0), v.stride(0)});
  };
  map(be, f, as_row(first), as_row(others)...);
}

/// The same for stacks of matrices.
template <class F, class T, class... Ts>
void map(cpu& be, F const& f, tensor_view<T, 3> const& first, tensor_view<Ts, 3> const&... others) {
  (check_shape("map: an argument", others.shape(), first.shape()), ...);
  for (index_t i = 0; i < first.extent(0); ++i) map(be, f, first(i), others(i)...);
}

/// f(i...) for every index of `shape`, in any order; f writes through views that it holds.
template <int Rank, class F>
void for_each_index(cpu&, extents<Rank> const& shape, F const& f) {
  if constexpr (Rank == 1) {
    for (index_t i = 0; i < shape[0]; ++i) f(i);
  } else if constexpr (Rank == 2) {
    for (index_t i = 0; i < shape[0]; ++i)
      for (index_t j = 0; j < shape[1]; ++j) f(i, j);
  } else {
    static_assert(Rank == 3, "for_each_index: rank 1, 2 or 3");
    for (index_t i = 0; i < shape[0]; ++i)
      for (index_t j = 0; j < shape[1]; ++j)
        for (index_t k = 0; k < shape[2]; ++k) f(i, j, k);
  }
}

// Movement --------------------------------------------------------------------------------------------------------

/// to = from, element by element. Throws shape_error.
template <class T, class U, int Rank>
  requires(std::same_as<std::remove_const_t<U>, T>)
void copy(cpu& be, tensor_view<U, Rank> const& from, tensor_view<T, Rank> const& to) {
  check_shape("copy: source", from.shape(), to.shape());
  if constexpr (Rank > 1) {
    if (!from.is_contiguous() || !to.is_contiguous()) {
      for (index_t i = 0; i < to.extent(0); ++i) copy(be, from(i), to(i));
      return;
    }
  } else if (from.stride(0) != 1 || to.stride(0) != 1) {
    for (index_t i = 0; i < to.extent(0); ++i) to[i] = from[i];
    return;
  }
  if (to.size() != 0) std::memmove(to.data(), from.data(), static_cast<std::size_t>(to.size()) * sizeof(T));
}

/// out = value in every element.
template <class T, int Rank>
void fill(cpu& be, tensor_view<T, Rank> const& out, std::type_identity_t<T> value) {
  if constexpr (Rank > 1) {
    for (index_t i = 0; i < out.extent(0); ++i) fill(be, out(i), value);
  } else {
    for (index_t i = 0; i < out.extent(0); ++i) out[i] = value;
  }
}

/// to(i, :) = from(indices[i], :). Throws shape_error; indices must lie in range.
template <class T, class U>
void gather(cpu& be, tensor_view<U, 2> const& from, vector_view<index_t const> const& indices,
            tensor_view<T, 2> const& to) {
  check_shape("gather: output", to.shape(), extents{indices.extent(0), from.extent(1)});
  for (index_t i = 0; i < indices.extent(0); ++i) {
    PARAPET_ASSERT(indices[i] >= 0 && indices[i] < from.extent(0));
    copy(be, from(indices[i]), to(i));
  }
}

/// to[i] = from[indices[i]]. Throws shape_error.
template <class T, class U>
void gather(cpu&, tensor_view<U, 1> const& from, vector_view<index_t const> const& indices,
            tensor_view<T, 1> const& to) {
  check_shape("gather: output", to.shape(), indices.shape());
  for (index_t i = 0; i < indices.extent(0); ++i) to[i] = from[indices[i]];
}

// Products --------------------------------------------------------------------------------------------------------

/// c = a b, or c += a b with `accumulate`, or c = a b + bias with a non-empty row vector `bias`.
/// a (m, k), b (k, n), c (m, n), bias (n). a and b have unit stride along one axis, c along its rows.
/// Throws shape_error.
template <class T, class A, class B>
  requires(std::same_as<std::remove_const_t<A>, T> && std::same_as<std::remove_const_t<B>, T>)
void gemm(cpu& be, matrix_view<A> const& a, matrix_view<B> const& b, matrix_view<T> const& c, bool accumulate = false,
          vector_view<std::type_identity_t<T> const> const& bias = {}) {
  check_shape("gemm: left operand", a.shape(), extents{c.extent(0), a.extent(1)});
  check_shape("gemm: right operand", b.shape(), extents{a.extent(1), c.extent(1)});
  detail::check_gemm_strides(a, b, c);
  if (!bias.empty()) {
    check_shape("gemm: bias", bias.shape(), extents{c.extent(1)});
    for (index_t i = 0; i < c.extent(0); ++i) copy(be, bias, c(i));
  } else if (!accumulate) {
    fill(be, c, T(0));
  }
  if (a.extent(1) != 0 && c.size() != 0) detail::gemm_accumulate<T>(be.scratch(), a, b, c);
}

/// The same for each matrix of a stack; a stride of 0 along the first axis shares one operand among all.
template <class T, class A, class B>
void gemm(cpu& be, tensor_view<A, 3> const& a, tensor_view<B, 3> const& b, tensor_view<T, 3> const& c,
          bool accumulate = false, tensor_view<std::type_identity_t<T> const, 2> const& bias = {}) {
  check_shape("gemm: left stack", a.shape(), extents{c.extent(0), c.extent(1), a.extent(2)});
  check_shape("gemm: right stack", b.shape(), extents{c.extent(0), a.extent(2), c.extent(2)});
  if (!bias.empty()) check_shape("gemm: bias stack", bias.shape(), extents{c.extent(0), c.extent(2)});
  for (index_t i = 0; i < c.extent(0); ++i)
    gemm(be, a(i), b(i), c(i), accumulate, bias.empty() ? vector_view<T const>{} : bias(i));
}

/// y = x W' + bias with stored weights, as backend/weights.hpp has it. The outputs are split over the threads of a cpu; each is
/// made by one thread, so results do not depend on their number. Throws shape_error.
template <class X>
  requires std::same_as<std::remove_const_t<X>, float>
void project(cpu& be, matrix_view<X> const& x, matrix_view<float const> const& w, matrix_view<float> const& y,
             std::type_identity_t<vector_view<float const>> const& bias = {}) {
  detail::check_projection(x, w, y, bias);
  detail::run_product(be, detail::this_cpu(), matrix_view<float const>(x), w, y, bias);
}
template <class X>
  requires std::same_as<std::remove_const_t<X>, float>
void project(cpu& be, matrix_view<X> const& x, matrix_view<bfloat16 const> const& w, matrix_view<float> const& y,
             std::type_identity_t<vector_view<float const>> const& bias = {}) {
  detail::check_projection(x, w, y, bias);
  detail::run_product(be, detail::this_cpu(), matrix_view<float const>(x), w, y, bias);
}
template <class X>
  requires std::same_as<std::remove_const_t<X>, float>
void project(cpu& be, matrix_view<X> const& x, int8_matrix<host_space> const& w, matrix_view<float> const& y,
             std::type_identity_t<vector_view<float const>> const& bias = {}) {
  detail::check_projection(x, w, y, bias);
  detail::run_product(be, detail::this_cpu(), matrix_view<float const>(x), w, y, bias);
}

/// Gradients of project, as backend/weights.hpp has them: on AVX-512 by the kernels of project. Throws shape_error.
inline void project_backward(cpu& be, matrix_view<float const> const& x, matrix_view<float const> const& w, matrix_view<float const> const& dy,
                             matrix_view<float> const& dw, matrix_view<float> const& dx, bool accumulate = false) {
  check_shape("project_backward: gradient of the output", dy.shape(), extents{x.extent(0), w.extent(0)});
  check_shape("project_backward: gradient of the weights", dw.shape(), w.shape());
  check_shape("project_backward: weights", w.shape(), extents{dy.extent(1), x.extent(1)});
  if (!dx.empty()) check_shape("project_backward: gradient of the input", dx.shape(), x.shape());
  auto const dense = [](auto const& m) { return m.stride(1) == 1; };
  bool const all_dense = dense(x) && dense(w) && dense(dy) && dense(dw) && (dx.empty() || dense(dx));
  if (!all_dense || !detail::run_float_product(be, detail::this_cpu(), transposed(dy), x, dw, true)) gemm(be, transposed(dy), x, dw, true);
  if (!dx.empty() && (!all_dense || !detail::run_float_product(be, detail::this_cpu(), dy, w, dx, accumulate))) gemm(be, dy, w, dx, accumulate);
}

/// Weights (out, in) to int8, as backend/weights.hpp has it, by all threads. Throws shape_error.
template <class T>
  requires weight_element<std::remove_const_t<T>>
void quantize(cpu& be, matrix_view<T> const& w, matrix_view<std::int8_t> const& values, vector_view<float> const& scale) {
  check_shape("quantize: values", values.shape(), w.shape());
  check_shape("quantize: scales", scale.shape(), extents{w.extent(0)});
  using element = std::remove_const_t<T>;
  if ((w.stride(1) == 1 && values.stride(1) == 1) || w.extent(1) <= 1)
    detail::quantize_rows(be, detail::this_cpu(), matrix_view<element const>(w), values, scale);
  else
    for_each_index(be, extents{w.extent(0)}, reference::quantize_row<element, host_space>{w, values, scale});
}

// Reductions ------------------------------------------------------------------------------------------------------

/// Fold of f(x[i]) under an associative functor; both also work on packs, and `initial` is the fold's identity. The order
/// is fixed: lane by lane, then halving.
template <class T, class Op, class F = math::identity>
std::remove_const_t<T> reduce(cpu&, vector_view<T> const& x, Op const& op, std::remove_const_t<T> initial,
                              F const& f = {}) {
  using value = std::remove_const_t<T>;
  using lanes = pack<value>;
  value result = initial;
  if (x.stride(0) != 1) {
    for (index_t i = 0; i < x.extent(0); ++i) result = op(result, f(x[i]));
    return result;
  }
  index_t i = 0;
  if (x.extent(0) >= lanes::lanes) {
    lanes folded = f(lanes::load(x.data()));
    for (i = lanes::lanes; i + lanes::lanes <= x.extent(0); i += lanes::lanes)
      folded = op(folded, f(lanes::load(x.data() + i)));
    value lane[lanes::lanes];
    folded.store(lane);
    for (int half = lanes::lanes / 2; half > 0; half /= 2)
      for (int k = 0; k < half; ++k) lane[k] = op(lane[k], lane[k + half]);
    result = op(result, lane[0]);
  }
  for (; i < x.extent(0); ++i) result = op(result, f(x[i]));
  return result;
}

/// Sum of f(x[i]).
template <class T, class F = math::identity>
std::remove_const_t<T> sum(cpu& be, vector_view<T> const& x, F const& f = {}) {
  return reduce(be, x, math::plus{}, std::remove_const_t<T>(0), f);
}

/// out[i] = sum of row i. Throws shape_error.
template <class T, class U>
void reduce_rows(cpu& be, matrix_view<U> const& x, vector_view<T> const& out) {
  check_shape("reduce_rows: output", out.shape(), extents{x.extent(0)});
  for (index_t i = 0; i < x.extent(0); ++i) out[i] = sum(be, x(i));
}

/// out[j] = sum of column j, added to what is there with `accumulate`. Rows are added in order. Throws shape_error.
template <class T, class U>
void reduce_columns(cpu& be, matrix_view<U> const& x, vector_view<T> const& out, bool accumulate = false) {
  check_shape("reduce_columns: output", out.shape(), extents{x.extent(1)});
  if (!accumulate) fill(be, out, T(0));
  using lanes = pack<T>;
  index_t j = 0;
  if (x.stride(1) == 1 && out.stride(0) == 1) {
    for (; j + lanes::lanes <= x.extent(1); j += lanes::lanes) {
      lanes total = lanes::load(out.data() + j);
      for (index_t i = 0; i < x.extent(0); ++i) total += lanes::load(x.data() + i * x.stride(0) + j);
      total.store(out.data() + j);
    }
  }
  for (; j < x.extent(1); ++j)
    for (index_t i = 0; i < x.extent(0); ++i) out[j] += x(i, j);
}

/// Index of the smallest element, the first of equals; NaN loses against any number. Throws shape_error if empty.
template <class T>
index_t argmin(cpu&, vector_view<T> const& x) {
  if (x.extent(0) == 0) throw shape_error("argmin of an empty vector");
  index_t best = 0;
  for (index_t i = 1; i < x.extent(0); ++i)
    if (x[i] < x[best] || (x[best] != x[best] && x[i] == x[i])) best = i;
  return best;
}

/// Index of the largest element, the first of equals; NaN loses against any number. Throws shape_error if empty.
template <class T>
index_t argmax(cpu&, vector_view<T> const& x) {
  if (x.extent(0) == 0) throw shape_error("argmax of an empty vector");
  index_t best = 0;
  for (index_t i = 1; i < x.extent(0); ++i)
    if (x[i] > x[best] || (x[best] != x[best] && x[i] == x[i])) best = i;
  return best;
}

/// out[i] = x[0] + ... + x[i]. Throws shape_error.
template <class T, class U>
void inclusive_scan(cpu&, vector_view<U> const& x, vector_view<T> const& out) {
  check_shape("inclusive_scan: output", out.shape(), x.shape());
  T total = 0;
  for (index_t i = 0; i < x.extent(0); ++i) out[i] = total += x[i];
}

/// Sorts keys ascending, NaN last, and moves values along; equal keys keep their order. Throws shape_error.
template <class Key, class Value>
void sort_by_key(cpu& be, vector_view<Key> const& keys, vector_view<Value> const& values) {
  check_shape("sort_by_key: values", values.shape(), keys.shape());
  struct entry {
    Key key;
    Value value;
    index_t position;
  };
  index_t const n = keys.extent(0);
  auto* entries = static_cast<entry*>(be.scratch().reserve(n * static_cast<index_t>(sizeof(entry))));
  for (index_t i = 0; i < n; ++i) entries[i] = entry{keys[i], values[i], i};
  std::sort(entries, entries + n, [](entry const& a, entry const& b) {
    bool const a_last = a.key != a.key, b_last = b.key != b.key;
    if (a_last != b_last) return b_last;
    return a.key < b.key || (!(b.key < a.key) && a.position < b.position);
  });
  for (index_t i = 0; i < n; ++i) {
    keys[i] = entries[i].key;
    values[i] = entries[i].value;
  }
}

// Randomness ------------------------------------------------------------------------------------------------------

/// out[i] = stream.uniform(first + i), in (0, 1).
template <class T>
void fill_uniform(cpu&, vector_view<T> const& out, philox_stream const& stream, index_t first = 0) {
  for (index_t i = 0; i < out.extent(0); ++i) out[i] = static_cast<T>(stream.uniform(first + i));
}

/// out[i] = stream.normal(first + i) to rounding, standard normal.
template <class T>
void fill_normal(cpu&, vector_view<T> const& out, philox_stream const& stream, index_t first = 0) {
  float z[detail::noise_elements];
  for (index_t i = 0; i < out.extent(0);) {
    index_t const block = (first + i) / 4, skipped = first + i - 4 * block;
    index_t const end = std::min(out.extent(0), i + detail::noise_elements - skipped);
    detail::normal_blocks(stream, block, (skipped + end - i + 3) / 4, z);
    for (float const* from = z + skipped; i < end; ++i) out[i] = static_cast<T>(*from++);
  }
}

/// out[i] = stream.below(first + i, n), uniform on {0, ..., n - 1}. Throws argument_error unless 1 <= n <= 2^32.
inline void fill_below(cpu&, vector_view<index_t> const& out, index_t n, philox_stream const& stream,
                       index_t first = 0) {
  if (n < 1 || n > index_t{1} << 32)
    throw argument_error(parapet::detail::concat("fill_below: ", n, " values, expected 1 to 2^32"));
  for (index_t i = 0; i < out.extent(0); ++i) out[i] = stream.below(first + i, n);
}

}  // namespace parapet::inline PARAPET_ABI::backend
