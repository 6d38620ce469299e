// fill_uniform, fill_normal, fill_below: elements of a Philox stream. Uniforms and integers are those of every backend, bit by
// bit; normals go through the device's logarithm, sine and cosine, and differ by a few units in the last place.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/map.cuh>
#include <parapet/backend/cuda/random.hpp>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {
template <class T, class Draw>
void fill_random(cuda& be, vector_view<T, device_space> const& out, philox_stream const& stream, index_t first, Draw const& draw) {
  fill_from_stream<T, device_space, Draw> const body{out, stream, first, draw};
  if (out.size() != 0) for_each_index(be, extents{body.blocks()}, body);
}
}  // namespace cuda_detail

/// out[i] = stream.uniform(first + i), in (0, 1).
template <class T>
void fill_uniform(cuda& be, vector_view<T, device_space> const& out, philox_stream const& stream, index_t first = 0) {
  cuda_detail::fill_random(be, out, stream, first, cuda_detail::draw_uniform{});
}

/// out[i] = stream.normal(first + i), standard normal.
template <class T>
void fill_normal(cuda& be, vector_view<T, device_space> const& out, philox_stream const& stream, index_t first = 0) {
  cuda_detail::fill_random(be, out, stream, first, cuda_detail::draw_normal{});
}

/// out[i] = stream.below(first + i, n), uniform on {0, ..., n - 1}. Throws argument_error unless 1 <= n <= 2^32.
inline void fill_below(cuda& be, vector_view<index_t, device_space> const& out, index_t n, philox_stream const& stream, index_t first = 0) {
  if (n < 1 || n > index_t{1} << 32) throw argument_error(parapet::detail::concat("fill_below: ", n, " values, expected 1 to 2^32"));
  cuda_detail::fill_random(be, out, stream, first, cuda_detail::draw_below{n});
}

}  // namespace parapet::inline PARAPET_ABI::backend
