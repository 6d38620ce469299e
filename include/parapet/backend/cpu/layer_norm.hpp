// Layer norm on packs: the CPU's overloads of the kernels in backend/reference.hpp, one pass per row.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/math/pack.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

namespace detail {

/// f(lane load of x..., column) over a row in packs; a shorter last pack is zero-filled and told by `count`.
template <class T, class F>
PARAPET_INLINE void for_each_pack(index_t columns, F const& f) {
  constexpr index_t lanes = pack<T>::lanes;
  index_t j = 0;
  for (; j + lanes <= columns; j += lanes) f(j, lanes);
  if (j < columns) f(j, columns - j);
}

template <class T>
PARAPET_INLINE pack<T> load_pack(T const* from, index_t count) {
  return count == pack<T>::lanes ? pack<T>::load(from) : pack<T>::load(from, count);
}
template <class T>
PARAPET_INLINE void store_pack(pack<T> const& x, T* to, index_t count) {
  if (count == pack<T>::lanes) x.store(to);
  else x.store(to, count);
}

}  // namespace detail

template <class T>
void layer_norm_forward(cpu&, matrix_view<T const> const& x, vector_view<T const> const& scale,
                        vector_view<T const> const& shift, std::type_identity_t<T> epsilon, matrix_view<T> const& y,
                        matrix_view<T> const& normalized, vector_view<T> const& inverse_deviation) {
  reference::check_layer_norm(x, scale, shift, y, normalized, inverse_deviation);
  index_t const n = x.extent(1);
  bool const shifted = !shift.empty();
  T const inverse_n = T(1) / static_cast<T>(n);
  for (index_t i = 0; i < x.extent(0); ++i) {
    T const* const row = x.data() + i * x.stride(0);
    T* const kept = normalized.data() + i * normalized.stride(0);
    T* const out = y.data() + i * y.stride(0);
    pack<T> total = T(0);
    detail::for_each_pack<T>(n, [&](index_t j, index_t count) { total += detail::load_pack(row + j, count); });
    T const mean = sum_lanes(total) * inverse_n;
    pack<T> squares = T(0);
    detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
      auto centred = detail::load_pack(row + j, count) - mean;
      detail::store_pack(centred, kept + j, count);
      if (count < pack<T>::lanes) centred = detail::load_pack<T>(kept + j, count);  // zero beyond the row
      squares += centred * centred;
    });
    T const inverse = T(1) / math::sqrt(sum_lanes(squares) * inverse_n + epsilon);
    inverse_deviation[i] = inverse;
    detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
      auto const z = detail::load_pack<T>(kept + j, count) * inverse;
      detail::store_pack(z, kept + j, count);
      auto const scaled = z * detail::load_pack(scale.data() + j, count);
      detail::store_pack(shifted ? scaled + detail::load_pack(shift.data() + j, count) : scaled, out + j, count);
    });
  }
}

template <class T>
void layer_norm_backward(cpu&, vector_view<T const> const& scale, matrix_view<T const> const& normalized,
                         vector_view<T const> const& inverse_deviation, matrix_view<T const> const& dy,
                         matrix_view<T> const& dx, vector_view<T> const& dscale, vector_view<T> const& dshift) {
  reference::check_layer_norm(dy, scale, dshift, dx, normalized, inverse_deviation);
  check_shape("layer_norm: scale gradient", dscale.shape(), scale.shape());
  index_t const n = dy.extent(1);
  bool const shifted = !dshift.empty();
  T const inverse_n = T(1) / static_cast<T>(n);
  for (index_t i = 0; i < dy.extent(0); ++i) {
    T const* const g = dy.data() + i * dy.stride(0);
    T const* const z = normalized.data() + i * normalized.stride(0);
    T* const out = dx.data() + i * dx.stride(0);
    pack<T> mean = T(0), projection = T(0);
    detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
      auto const dyj = detail::load_pack(g + j, count), zj = detail::load_pack(z + j, count);
      if (shifted) detail::store_pack(detail::load_pack<T>(dshift.data() + j, count) + dyj, dshift.data() + j, count);
      detail::store_pack(detail::load_pack<T>(dscale.data() + j, count) + dyj * zj, dscale.data() + j, count);
      auto const scaled = dyj * detail::load_pack(scale.data() + j, count);
      mean += scaled;
      projection += scaled * zj;
    });
    T const m = sum_lanes(mean) * inverse_n, p = sum_lanes(projection) * inverse_n;
    detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
      auto const scaled = detail::load_pack(g + j, count) * detail::load_pack(scale.data() + j, count);
      detail::store_pack((scaled - m - detail::load_pack(z + j, count) * p) * inverse_deviation[i], out + j, count);
    });
  }
}

}  // namespace parapet::inline PARAPET_ABI::backend
