// copy, fill, gather.
//
// Copies within the device and between it and pinned memory are queued. After a copy from or to ordinary host memory, that memory
// may be reused or read at once: such a copy waits, unless it is small, dense and goes to the device. A captured step cannot have it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/map.cuh>

#include <concepts>
#include <cstring>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

template <class T, class U, int Rank>
struct copy_elements {
  tensor_view<U, Rank, device_space> from;
  tensor_view<T, Rank, device_space> to;
  template <class... Indices>
  PARAPET_FN void operator()(Indices... i) const { to(i...) = from(i...); }
};
template <class T>
struct fill_with {
  T value;
  PARAPET_FN void operator()(T& x) const { x = value; }
};
template <class T, class U>
struct gather_elements {
  tensor_view<U, 2, device_space> from;
  vector_view<index_t const, device_space> indices;
  matrix_view<T, device_space> to;
  PARAPET_FN void operator()(index_t i, index_t j) const { to(i, j) = from(indices[i], j); }
};

/// Whether elements lie one after the other; an axis of one element may have any stride.
template <class T, int Rank, class Space>
constexpr bool is_dense(tensor_view<T, Rank, Space> const& x) {
  extents<Rank> const strides = row_major_strides(x.shape());
  for (int axis = 0; axis < Rank; ++axis)
    if (x.extent(axis) != 1 && x.stride(axis) != strides[axis]) return false;
  return true;
}

/// Queues a copy of which one side at least is on the host: one transfer where rows allow it.
template <class T, class U, int Rank, class From, class To>
void transfer(cuda& be, tensor_view<U, Rank, From> const& from, tensor_view<T, Rank, To> const& to) {
  if (to.size() == 0) return;
  if (is_dense(from) && is_dense(to)) {
    check_cuda(cudaMemcpyAsync(to.data(), from.data(), static_cast<std::size_t>(to.size()) * sizeof(T), cudaMemcpyDefault, be.stream()),
               "cudaMemcpyAsync of ", to.size(), " elements of ", static_cast<index_t>(sizeof(T)), " bytes");
  } else if constexpr (Rank == 1) {
    auto const pitch = [](auto const& x) { return static_cast<std::size_t>(x.extent(0) == 1 ? 1 : x.stride(0)) * sizeof(T); };
    if ((from.extent(0) != 1 && from.stride(0) < 1) || (to.extent(0) != 1 && to.stride(0) < 1))
      throw shape_error(parapet::detail::concat("copy: strides ", from.strides(), " and ", to.strides(), " between host and device, expected at least 1"));
    check_cuda(cudaMemcpy2DAsync(to.data(), pitch(to), from.data(), pitch(from), sizeof(T), static_cast<std::size_t>(to.size()), cudaMemcpyDefault,
                                 be.stream()),
               "cudaMemcpy2DAsync of ", to.size(), " elements with strides ", from.strides(), " and ", to.strides());
  } else {
    if constexpr (Rank == 2) {
      index_t const rows = to.extent(0), columns = to.extent(1);
      auto const has_rows = [&](auto const& x) { return (x.stride(1) == 1 || columns == 1) && (x.stride(0) >= columns || rows == 1); };
      auto const pitch = [&](auto const& x) { return static_cast<std::size_t>(rows == 1 ? columns : x.stride(0)) * sizeof(T); };
      if (has_rows(from) && has_rows(to)) {
        check_cuda(cudaMemcpy2DAsync(to.data(), pitch(to), from.data(), pitch(from), static_cast<std::size_t>(columns) * sizeof(T),
                                     static_cast<std::size_t>(rows), cudaMemcpyDefault, be.stream()),
                   "cudaMemcpy2DAsync of shape ", to.shape(), " with strides ", from.strides(), " and ", to.strides());
        return;
      }
    }
    for (index_t i = 0; i < to.extent(0); ++i) transfer(be, from(i), to(i));
  }
}

/// Queues a small dense copy to the device by way of page-locked memory, and returns whether it is one.
template <class T, class U, int Rank>
bool transfer_staged(cuda& be, tensor_view<U, Rank, host_space> const& from, tensor_view<T, Rank, device_space> const& to) {
  index_t const bytes = to.size() * static_cast<index_t>(sizeof(T));
  if (bytes == 0 || bytes > most_staged_bytes || !is_dense(from) || !is_dense(to)) return false;
  void* const room = be.stage(bytes);
  std::memcpy(room, from.data(), static_cast<std::size_t>(bytes));
  check_cuda(cudaMemcpyAsync(to.data(), room, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, be.stream()), "cudaMemcpyAsync of ", bytes,
             " bytes to the device");
  return true;
}

}  // namespace cuda_detail

/// to = from, element by element, between any of device_space, pinned_space and host_space. Throws shape_error.
template <class T, class U, int Rank, cuda_detail::cuda_memory From, cuda_detail::cuda_memory To>
  requires(std::same_as<std::remove_const_t<U>, T>)
void copy(cuda& be, tensor_view<U, Rank, From> const& from, tensor_view<T, Rank, To> const& to) {
  check_shape("copy: source", from.shape(), to.shape());
  if constexpr (std::same_as<From, device_space> && std::same_as<To, device_space>) {
    if (cuda_detail::is_dense(from) && cuda_detail::is_dense(to)) cuda_detail::transfer(be, from, to);
    else if constexpr (Rank <= 3) for_each_index(be, to.shape(), cuda_detail::copy_elements<T, U, Rank>{from, to});
    else for (index_t i = 0; i < to.extent(0); ++i) copy(be, from(i), to(i));
  } else {
    constexpr bool waits = std::same_as<From, host_space> || std::same_as<To, host_space>;
    if (waits) be.refuse_capture("copy from or to ordinary host memory");
    if constexpr (std::same_as<From, host_space> && std::same_as<To, device_space>)
      if (cuda_detail::transfer_staged(be, from, to)) return;
    cuda_detail::transfer(be, from, to);
    if (waits) check_cuda(cudaStreamSynchronize(be.stream()), "cudaStreamSynchronize");
  }
}

/// out = value in every element.
template <class T, int Rank>
void fill(cuda& be, tensor_view<T, Rank, device_space> const& out, std::type_identity_t<T> value) {
  if constexpr (Rank > 3) {
    if (cuda_detail::is_dense(out)) return fill(be, vector_view<T, device_space>(out.data(), extents{out.size()}), value);
    for (index_t i = 0; i < out.extent(0); ++i) fill(be, out(i), value);
  } else if (out.size() != 0) {
    cuda_detail::launch_map(be, cuda_detail::fill_with<T>{value}, cuda_detail::as_map_shape(out.shape()), cuda_detail::as_map_argument(out));
  }
}

/// to(i, :) = from(indices[i], :). Throws shape_error; indices must lie in range.
template <class T, class U>
void gather(cuda& be, tensor_view<U, 2, device_space> const& from, vector_view<index_t const, device_space> const& indices,
            tensor_view<T, 2, device_space> const& to) {
  check_shape("gather: output", to.shape(), extents{indices.extent(0), from.extent(1)});
  for_each_index(be, to.shape(), cuda_detail::gather_elements<T, U>{from, indices, to});
}

/// to[i] = from[indices[i]]. Throws shape_error.
template <class T, class U>
void gather(cuda& be, tensor_view<U, 1, device_space> const& from, vector_view<index_t const, device_space> const& indices,
            tensor_view<T, 1, device_space> const& to) {
  check_shape("gather: output", to.shape(), indices.shape());
  auto const as_column = []<class V>(vector_view<V, device_space> const& x) {
    return matrix_view<V, device_space>(x.data(), extents{x.extent(0), index_t{1}}, extents{x.stride(0), index_t{1}});
  };
  gather(be, as_column(from), indices, as_column(to));
}

}  // namespace parapet::inline PARAPET_ABI::backend
