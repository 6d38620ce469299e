// Row kernels of transformers on packs: the CPU's overloads of backend/transformer_rows.hpp, and of softmax_rows.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/backend/transformer_rows.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/math/pack.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::backend {

namespace detail {

/// The first `count` lanes of x, and `other` in the rest.
template <class T>
PARAPET_INLINE pack<T> first_lanes(pack<T> const& x, index_t count, T other) {
  T lane[pack<T>::lanes];
  x.store(lane);
  for (index_t i = count; i < pack<T>::lanes; ++i) lane[i] = other;
  return pack<T>::load(lane);
}

}  // namespace detail

template <class T>
void softmax_rows(cpu&, matrix_view<T const> const& x, matrix_view<T> const& y) {
  check_shape("softmax_rows: output", y.shape(), x.shape());
  index_t const n = x.extent(1);
  for (index_t i = 0; i < x.extent(0) && n > 0; ++i) {
    T const* const from = x.data() + i * x.stride(0);
    T* const to = y.data() + i * y.stride(0);
    pack<T> top = from[0];
    detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
      auto const z = detail::load_pack(from + j, count);
      top = math::max(top, count == pack<T>::lanes ? z : detail::first_lanes(z, count, from[0]));
    });
    T lane[pack<T>::lanes], highest;
    top.store(lane);
    highest = lane[0];
    for (T const other : lane) highest = math::max(highest, other);
    pack<T> total = T(0);
    detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
      auto const e = math::exp(detail::load_pack(from + j, count) - highest);
      detail::store_pack(e, to + j, count);
      total += count == pack<T>::lanes ? e : detail::first_lanes(e, count, T(0));
    });
    pack<T> const sum = sum_lanes(total);
    detail::for_each_pack<T>(n, [&](index_t j, index_t count) { detail::store_pack(detail::load_pack<T>(to + j, count) / sum, to + j, count); });
  }
}

template <class T>
void rms_norm_rows(cpu&, tensor_view<T const, 3> const& x, vector_view<T const> const& scale, std::type_identity_t<T> epsilon,
                   std::type_identity_t<T> offset, tensor_view<T, 3> const& y, matrix_view<T> const& inverse_rms) {
  index_t const n = x.extent(2);
  T const inverse_n = T(1) / static_cast<T>(n);
  for (index_t m = 0; m < x.extent(0); ++m)
    for (index_t i = 0; i < x.extent(1); ++i) {
      T const* const row = x.data() + m * x.stride(0) + i * x.stride(1);
      T* const out = y.data() + m * y.stride(0) + i * y.stride(1);
      pack<T> squares = T(0);
      detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
        auto const z = detail::load_pack(row + j, count);  // zero beyond the row
        squares += z * z;
      });
      T const inverse = T(1) / math::sqrt(sum_lanes(squares) * inverse_n + epsilon);
      if (!inverse_rms.empty()) inverse_rms(m, i) = inverse;
      detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
        detail::store_pack(detail::load_pack(row + j, count) * inverse * (detail::load_pack(scale.data() + j, count) + offset), out + j, count);
      });
    }
}

template <class T>
void rms_norm_rows_backward(cpu&, tensor_view<T const, 3> const& x, vector_view<T const> const& scale, std::type_identity_t<T> offset,
                            matrix_view<T const> const& inverse_rms, tensor_view<T const, 3> const& dy, tensor_view<T, 3> const& dx,
                            vector_view<T> const& dscale) {
  index_t const n = x.extent(2);
  for (index_t m = 0; m < x.extent(0); ++m)
    for (index_t i = 0; i < x.extent(1); ++i) {
      T const* const row = x.data() + m * x.stride(0) + i * x.stride(1);
      T const* const g = dy.data() + m * dy.stride(0) + i * dy.stride(1);
      T* const out = dx.data() + m * dx.stride(0) + i * dx.stride(1);
      T const inverse = inverse_rms(m, i);
      pack<T> projection = T(0);
      detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
        auto const product = detail::load_pack(g + j, count) * detail::load_pack(row + j, count);
        if (!dscale.empty())
          detail::store_pack(detail::load_pack<T>(dscale.data() + j, count) + product * inverse, dscale.data() + j, count);
        projection += product * (detail::load_pack(scale.data() + j, count) + offset);
      });
      T const p = sum_lanes(projection) * inverse * inverse / static_cast<T>(n);
      detail::for_each_pack<T>(n, [&](index_t j, index_t count) {
        auto const scaled = detail::load_pack(g + j, count) * (detail::load_pack(scale.data() + j, count) + offset);
        detail::store_pack((scaled - detail::load_pack(row + j, count) * p) * inverse, out + j, count);
      });
    }
}

template <class T>
void rotate_rows(cpu&, rotary_layout layout, rotary_angles<T> const& angles, vector_view<index_t const> const& positions, tensor_view<T, 3> const& x,
                 std::type_identity_t<T> direction) {
  index_t const pairs = angles.cosine.extent(1);
  for (index_t i = 0; i < x.extent(0); ++i) {
    T const *const c = angles.cosine.data() + positions[i] * angles.cosine.stride(0), *const s = angles.sine.data() + positions[i] * angles.sine.stride(0);
    for (index_t head = 0; head < x.extent(1); ++head) {
      T* const a = x.data() + i * x.stride(0) + head * x.stride(1);
      if (layout == rotary_layout::interleaved) {
        for (index_t pair = 0; pair < pairs; ++pair) {
          T const before = a[2 * pair], sine = direction * s[pair];
          a[2 * pair] = before * c[pair] - a[2 * pair + 1] * sine;
          a[2 * pair + 1] = a[2 * pair + 1] * c[pair] + before * sine;
        }
      } else {
        detail::for_each_pack<T>(pairs, [&](index_t j, index_t count) {
          auto const low = detail::load_pack<T>(a + j, count), high = detail::load_pack<T>(a + pairs + j, count);
          auto const cosine = detail::load_pack(c + j, count), sine = detail::load_pack(s + j, count) * direction;
          detail::store_pack(low * cosine - high * sine, a + j, count);
          detail::store_pack(high * cosine + low * sine, a + pairs + j, count);
        });
      }
    }
  }
}

template <class T, class Id>
void scatter_add(cpu&, vector_view<Id const> const& ids, matrix_view<T const> const& rows, matrix_view<T> const& table) {
  for (index_t i = 0; i < rows.extent(0); ++i) {
    T const* const from = rows.data() + i * rows.stride(0);
    T* const to = table.data() + static_cast<index_t>(ids[i]) * table.stride(0);
    detail::for_each_pack<T>(rows.extent(1), [&](index_t j, index_t count) {
      detail::store_pack(detail::load_pack<T>(to + j, count) + detail::load_pack(from + j, count), to + j, count);
    });
  }
}

}  // namespace parapet::inline PARAPET_ABI::backend
