// Rows to lanes and back, four by four: attention on the CPU spends a fifth of its time here for 128 tokens where it is done one by one.
#pragma once

#include <parapet/config.hpp>

#include <cstring>

namespace parapet::inline PARAPET_ABI::backend::detail {

/// Four rows of four numbers, which become their columns.
template <class T>
struct square {
  typedef T quad __attribute__((vector_size(4 * sizeof(T))));
  quad row[4];

  PARAPET_INLINE void transpose() {
    quad const low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5), high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
    quad const low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5), high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
    row[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
    row[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
    row[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
    row[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
  }
};

/// to[t to_stride + i] = factor from[i][t] for four rows i of `count` numbers.
template <class T>
void rows_to_columns(T const* const (&from)[4], index_t count, T factor, T* to, index_t to_stride) {
  index_t t = 0;
  for (; t + 4 <= count; t += 4) {
    square<T> x;
    PARAPET_UNROLL for (int i = 0; i < 4; ++i) std::memcpy(&x.row[i], from[i] + t, sizeof x.row[i]);
    x.transpose();
    PARAPET_UNROLL for (int i = 0; i < 4; ++i) {
      x.row[i] *= factor;
      std::memcpy(to + (t + i) * to_stride, &x.row[i], sizeof x.row[i]);
    }
  }
  for (; t < count; ++t)
    for (int i = 0; i < 4; ++i) to[t * to_stride + i] = factor * from[i][t];
}

/// to[i][t] = factor[i] from[t from_stride + i] for four rows i of `count` numbers.
template <class T>
void columns_to_rows(T const* from, index_t from_stride, index_t count, T const* factor, T* const (&to)[4]) {
  index_t t = 0;
  for (; t + 4 <= count; t += 4) {
    square<T> x;
    typename square<T>::quad by;
    std::memcpy(&by, factor, sizeof by);
    PARAPET_UNROLL for (int i = 0; i < 4; ++i) {
      std::memcpy(&x.row[i], from + (t + i) * from_stride, sizeof x.row[i]);
      x.row[i] *= by;
    }
    x.transpose();
    PARAPET_UNROLL for (int i = 0; i < 4; ++i) std::memcpy(to[i] + t, &x.row[i], sizeof x.row[i]);
  }
  for (; t < count; ++t)
    for (int i = 0; i < 4; ++i) to[i][t] = factor[i] * from[t * from_stride + i];
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
