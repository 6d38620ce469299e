// The Backend concept: the narrow waist on which every algorithm is written once.
//
// A backend is an object passed first to free functions found by argument-dependent lookup: they stand in the namespace of
// its class. It has a memory space and offers: copy, fill, gather; map and for_each_index; gemm
// (also of stacks, with a bias); reduce, sum, reduce_rows, reduce_columns, argmin, argmax, inclusive_scan,
// sort_by_key; fill_uniform, fill_normal, fill_below; for_each_shard, synchronize, capture. tests/conformance
// checks behaviour; docs/concepts.md has the list with shapes.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/argument.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>

#include <concepts>

namespace parapet::inline PARAPET_ABI::backend {

namespace detail {

/// An elementwise functor as a user would write it.
struct probe_functor {
  template <class X>
  PARAPET_FN void operator()(X& y, X const& x) const { y = x + x; }
};
struct probe_fold {
  template <class X>
  PARAPET_FN X operator()(X const& a, X const& b) const { return a + b; }
};
struct probe_index {
  PARAPET_FN void operator()(index_t) const {}
};
struct probe_shard {
  template <class Worker>
  void operator()(Worker&, index_t) const {}
};
struct probe_step {
  void operator()() const {}
};

template <class B>
using vec = vector_view<float, typename B::space>;
template <class B>
using const_vec = vector_view<float const, typename B::space>;
template <class B>
using mat = matrix_view<float, typename B::space>;
template <class B>
using const_mat = matrix_view<float const, typename B::space>;
template <class B>
using index_vec = vector_view<index_t, typename B::space>;

}  // namespace detail

template <class B>
concept has_movement = has_space<B> && requires(B& be, detail::vec<B> v, detail::const_vec<B> c, detail::mat<B> m,
                                                detail::const_mat<B> cm, vector_view<index_t const, typename B::space> i) {
  copy(be, c, v);
  fill(be, v, 0.0f);
  gather(be, cm, i, m);
};

template <class B>
concept has_map = has_space<B> && requires(B& be, detail::mat<B> m, detail::const_mat<B> cm) {
  map(be, detail::probe_functor{}, m, cm);
  for_each_index(be, extents<1>{{1}}, detail::probe_index{});
};

template <class B>
concept has_gemm = has_space<B> && requires(B& be, detail::const_mat<B> a, detail::mat<B> c, detail::const_vec<B> bias) {
  gemm(be, a, a, c);
  gemm(be, a, transposed(a), c, true);
  gemm(be, a, a, c, false, bias);
};

template <class B>
concept has_reductions = has_space<B> && requires(B& be, detail::vec<B> v, detail::const_vec<B> c, detail::const_mat<B> m,
                                                  detail::index_vec<B> order) {
  { reduce(be, c, detail::probe_fold{}, 0.0f) } -> std::convertible_to<float>;
  { sum(be, c) } -> std::convertible_to<float>;
  reduce_rows(be, m, v);
  reduce_columns(be, m, v, true);
  { argmin(be, c) } -> std::convertible_to<index_t>;
  { argmax(be, c) } -> std::convertible_to<index_t>;
  inclusive_scan(be, c, v);
  sort_by_key(be, v, order);
};

template <class B>
concept has_random_fills = has_space<B> && requires(B& be, detail::vec<B> v, detail::index_vec<B> i, philox_stream s) {
  fill_uniform(be, v, s, index_t{});
  fill_normal(be, v, s, index_t{});
  fill_below(be, i, index_t{}, s, index_t{});
};

template <class B>
concept has_execution = requires(B& be) {
  for_each_shard(be, index_t{1}, detail::probe_shard{});
  synchronize(be);
  capture(be, detail::probe_step{}).launch();
};

/// Everything an algorithm of this library asks of a backend.
template <class B>
concept backend = has_space<B> && has_movement<B> && has_map<B> && has_gemm<B> && has_reductions<B> &&
                  has_random_fills<B> && has_execution<B>;

/// Says in words what a backend lacks. Call it where a backend type enters.
template <class B>
consteval bool check_backend() {
  static_assert(has_space<B>, "a backend must name its memory: 'using space = ...' with static allocate and deallocate - see docs/concepts.md");
  static_assert(has_movement<B>, "a backend must provide copy, fill and gather - see docs/concepts.md");
  static_assert(has_map<B>, "a backend must provide map and for_each_index - see docs/concepts.md");
  static_assert(has_gemm<B>, "a backend must provide gemm with transposed views, accumulation and bias - see docs/concepts.md");
  static_assert(has_reductions<B>, "a backend must provide reduce, sum, reduce_rows, reduce_columns, argmin, argmax, inclusive_scan and sort_by_key - see docs/concepts.md");
  static_assert(has_random_fills<B>, "a backend must provide fill_uniform, fill_normal and fill_below - see docs/concepts.md");
  static_assert(has_execution<B>, "a backend must provide for_each_shard, synchronize and capture - see docs/concepts.md");
  return backend<B>;
}

}  // namespace parapet::inline PARAPET_ABI::backend
