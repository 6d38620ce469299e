// reduce, sum, argmin, argmax: each block folds its share of the vector, one block folds the blocks' results, the host waits.
//
// The order depends on the length alone, so a sum has the same bits on every device and in every run.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/backend.cuh>
#include <parapet/backend/cuda/lanes.cuh>
#include <parapet/backend/cuda/reduce.hpp>
#include <parapet/math/functions.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

/// partial[block] = what the threads of a block fold.
template <class Body>
__global__ void __launch_bounds__(threads_per_block) reduce_kernel(Body body, typename Body::value* partial) {
  __shared__ typename Body::value slots[threads_per_block];
  index_t const first = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x, step = static_cast<index_t>(gridDim.x) * blockDim.x;
  auto const result = block_lanes<typename Body::value>{slots}.fold(body(first, step), body.op);
  if (threadIdx.x == 0) partial[blockIdx.x] = result;
}

/// The fold of n elements by `body`; `second(partial results)` is the body that folds those.
template <class Body, class Second>
auto reduce_all(cuda& be, char const* what, index_t n, Body const& body, Second const& second) {
  using value = typename Body::value;
  be.refuse_capture(what);
  value* const partial = be.partial_results<value>();
  index_t const blocks = partial_results(n);
  launch_shape const many{static_cast<unsigned>(blocks), 1, static_cast<unsigned>(threads_per_block), 1};
  launch_shape const one{1, 1, static_cast<unsigned>(threads_per_block), 1};
  launch(be, what, n, many, reduce_kernel<Body>, body, partial);
  if (blocks > 1) {
    auto const rest = second(vector_view<value const, device_space>(partial, extents{blocks}));
    launch(be, what, blocks, one, reduce_kernel<std::remove_const_t<decltype(rest)>>, rest, partial);
  }
  return be.read_back(partial);
}

template <bool Largest, class T>
index_t find_place(cuda& be, char const* what, vector_view<T, device_space> const& x) {
  if (x.extent(0) == 0) throw shape_error(parapet::detail::concat(what, " of an empty vector"));
  using op = better_place<Largest>;
  using value = place<std::remove_const_t<T>>;
  auto const second = [](vector_view<value const, device_space> const& partial) {
    return fold_body<value, value const, device_space, op, as_it_is>{partial, op{}, value{0, -1}, {}};
  };
  return reduce_all(be, what, x.extent(0), place_body<T, device_space, op>{x, {}}, second).index;
}

}  // namespace cuda_detail

/// Fold of f(x[i]) under an associative and commutative functor; `initial` is its identity.
template <class T, class Op, class F = math::identity>
std::remove_const_t<T> reduce(cuda& be, vector_view<T, device_space> const& x, Op const& op, std::remove_const_t<T> initial, F const& f = {}) {
  using value = std::remove_const_t<T>;
  if (x.extent(0) == 0) return initial;
  auto const second = [&](vector_view<value const, device_space> const& partial) {
    return cuda_detail::fold_body<value, value const, device_space, Op, cuda_detail::as_it_is>{partial, op, initial, {}};
  };
  return cuda_detail::reduce_all(be, "reduce", x.extent(0), cuda_detail::fold_body<value, T, device_space, Op, F>{x, op, initial, f}, second);
}

/// Sum of f(x[i]).
template <class T, class F = math::identity>
std::remove_const_t<T> sum(cuda& be, vector_view<T, device_space> const& x, F const& f = {}) {
  return reduce(be, x, math::plus{}, std::remove_const_t<T>(0), f);
}

/// Index of the smallest element, the first of equals; NaN loses against any number. Throws shape_error if empty.
template <class T>
index_t argmin(cuda& be, vector_view<T, device_space> const& x) {
  return cuda_detail::find_place<false>(be, "argmin", x);
}
/// Index of the largest element, the first of equals; NaN loses against any number. Throws shape_error if empty.
template <class T>
index_t argmax(cuda& be, vector_view<T, device_space> const& x) {
  return cuda_detail::find_place<true>(be, "argmax", x);
}

}  // namespace parapet::inline PARAPET_ABI::backend
