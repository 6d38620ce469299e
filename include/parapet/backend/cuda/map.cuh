// map and for_each_index: grid-stride kernels around the bodies of backend/cuda/map_layout.hpp.
//
// map(be, f, views...) calls f with one reference per view. Views of const elements may repeat by strides of 0. Rows of aligned
// elements are read and written 16 bytes at a time. f is copied to the device: a named functor that owns nothing.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/check.hpp>
#include <parapet/backend/cuda/backend.cuh>
#include <parapet/backend/cuda/map_layout.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

template <class F, class... Ts>
__global__ void __launch_bounds__(threads_per_block) map_kernel(unsigned n, F f, extents<3> shape, map_argument<Ts>... x) {
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) map_element(f, unravel(i, shape), x...);
}
template <class F, class... Ts>
__global__ void __launch_bounds__(threads_per_block) map_vector_kernel(unsigned n, F f, extents<3> shape, map_argument<Ts>... x) {
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) map_vector_or_rest(f, i, shape, x...);
}
template <class F, int Rank>
__global__ void __launch_bounds__(threads_per_block) for_each_kernel(unsigned n, F f, extents<Rank> begin, extents<Rank> shape) {
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) call_at(f, i, begin, shape);
}

template <class F, class... Ts>
void launch_map(cuda& be, F const& f, extents<3> whole, map_argument<Ts>... x) {
  map_plan const plan = plan_map(whole, x...);
  for_each_part(extents<3>{{0, 0, 0}}, plan.shape, [&](extents<3> const& begin, extents<3> const& shape) {
    index_t const n = plan.threads(shape);
    launch(be, "map", shape.size(), shape_for_elements(n, be.multiprocessors()), plan.vectors ? map_vector_kernel<F, Ts...> : map_kernel<F, Ts...>,
           static_cast<unsigned>(n), f, shape, x.from(begin)...);
  });
}

}  // namespace cuda_detail

/// f(x...) on corresponding elements of views of one shape, rank 1 to 3; along the last axis each has a stride of 1 or, to repeat
/// a const element, 0. Throws shape_error.
template <class F, class T, int Rank, class... Ts>
void map(cuda& be, F const& f, tensor_view<T, Rank, device_space> const& first, tensor_view<Ts, Rank, device_space> const&... others) {
  static_assert((std::is_same_v<std::remove_const_t<T>, std::remove_const_t<Ts>> && ...),
                "map: all arguments must have the same element type");
  static_assert(std::is_trivially_copyable_v<F>, "map: a functor is copied to the device, so it must be trivially copyable");
  (check_shape("map: an argument", others.shape(), first.shape()), ...);
  detail::check_map_strides(first);
  (detail::check_map_strides(others), ...);
  if (first.size() == 0) return;
  cuda_detail::launch_map(be, f, cuda_detail::as_map_shape(first.shape()), cuda_detail::as_map_argument(first),
                          cuda_detail::as_map_argument(others)...);
}

/// f(i...) for every index of `shape`, in any order; f writes through views that it holds.
template <int Rank, class F>
void for_each_index(cuda& be, extents<Rank> const& shape, F const& f) {
  static_assert(std::is_trivially_copyable_v<F>, "for_each_index: a functor is copied to the device, so it must be trivially copyable");
  if (shape.size() == 0) return;
  cuda_detail::for_each_part(extents<Rank>{}, shape, [&](extents<Rank> const& begin, extents<Rank> const& part) {
    cuda_detail::launch(be, "for_each_index", part.size(), cuda_detail::shape_for_elements(part.size(), be.multiprocessors()),
                        cuda_detail::for_each_kernel<F, Rank>, static_cast<unsigned>(part.size()), f, begin, part);
  });
}

}  // namespace parapet::inline PARAPET_ABI::backend
