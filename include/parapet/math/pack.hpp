// pack<T>: sixteen floats or eight doubles that behave like one number.
//
// Elementwise functors are written once, generic in their argument type X: CUDA calls them with a float, the
// CPU with a pack. A pack is always 64 bytes, held in as many native registers as that takes, so results do not
// depend on the register width. Operators return values, never proxies: `auto` locals are safe. A condition is a
// mask, and `where(mask, a, b)` replaces `?:`.
#pragma once

#include <parapet/config.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace parapet::inline PARAPET_ABI {

namespace detail {

template <class T>
struct native_vector {
  typedef T type __attribute__((vector_size(PARAPET_SIMD_BYTES)));  // g++ ignores the attribute in a `using`
};
template <class T>
using native = typename native_vector<T>::type;

/// The signed integer of the same width: what a comparison of T yields.
template <class T>
using mask_element = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

inline constexpr int natives_per_pack = 64 / PARAPET_SIMD_BYTES;

}  // namespace detail

/// All ones or all zeros in every lane.
template <class T>
struct pack_mask {
  detail::native<detail::mask_element<T>> part[detail::natives_per_pack];

  friend PARAPET_INLINE pack_mask operator&(pack_mask const& a, pack_mask const& b) {
    pack_mask r;
    PARAPET_UNROLL for (int i = 0; i < detail::natives_per_pack; ++i) r.part[i] = a.part[i] & b.part[i];
    return r;
  }
  friend PARAPET_INLINE pack_mask operator|(pack_mask const& a, pack_mask const& b) {
    pack_mask r;
    PARAPET_UNROLL for (int i = 0; i < detail::natives_per_pack; ++i) r.part[i] = a.part[i] | b.part[i];
    return r;
  }
  friend PARAPET_INLINE pack_mask operator!(pack_mask const& a) {
    pack_mask r;
    PARAPET_UNROLL for (int i = 0; i < detail::natives_per_pack; ++i) r.part[i] = ~a.part[i];
    return r;
  }
};

/// 64 bytes of lanes of T (float or double).
template <class T>
struct pack {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "pack: lanes are float or double");
  using value_type = T;
  using native = detail::native<T>;
  static constexpr int parts = detail::natives_per_pack;
  static constexpr int lanes = 64 / static_cast<int>(sizeof(T));

  native part[parts];

  pack() = default;
  /// The same number in every lane.
  PARAPET_INLINE pack(T value) {  // NOLINT: a literal in a functor must convert
    PARAPET_UNROLL for (int i = 0; i < parts; ++i) part[i] = value - native{};  // value + 0 would be an addition, for the sake of -0
  }
  /// A literal of another arithmetic type, converted once: `0.5f * x` in a functor that runs on doubles.
  template <class U>
    requires(std::is_arithmetic_v<U> && !std::is_same_v<U, T>)
  PARAPET_INLINE pack(U value) : pack(static_cast<T>(value)) {}  // NOLINT

  static PARAPET_INLINE pack load(T const* from) {
    pack r;
    PARAPET_UNROLL for (int i = 0; i < parts; ++i) std::memcpy(&r.part[i], from + i * (lanes / parts), sizeof(native));
    return r;
  }
  PARAPET_INLINE void store(T* to) const {
    PARAPET_UNROLL for (int i = 0; i < parts; ++i) std::memcpy(to + i * (lanes / parts), &part[i], sizeof(native));
  }
  /// The first `count` lanes from memory, the others zero. A pure function: a loop that calls it may still keep what does not change.
  [[gnu::noinline, gnu::pure]] static pack load(T const* from, index_t count) {
    T lane[lanes] = {};
    std::memcpy(lane, from, static_cast<std::size_t>(count) * sizeof(T));
    return load(lane);
  }
  PARAPET_INLINE void store(T* to, index_t count) const {
    T lane[lanes];
    store(lane);
    std::memcpy(to, lane, static_cast<std::size_t>(count) * sizeof(T));
  }

#define PARAPET_PACK_OPERATOR(op)                                              \
  friend PARAPET_INLINE pack operator op(pack const& a, pack const& b) {       \
    pack r;                                                                    \
    PARAPET_UNROLL for (int i = 0; i < parts; ++i) r.part[i] = a.part[i] op b.part[i];        \
    return r;                                                                  \
  }                                                                            \
  PARAPET_INLINE pack& operator op##=(pack const& b) { return *this = *this op b; }
  PARAPET_PACK_OPERATOR(+)
  PARAPET_PACK_OPERATOR(-)
  PARAPET_PACK_OPERATOR(*)
  PARAPET_PACK_OPERATOR(/)
#undef PARAPET_PACK_OPERATOR

#define PARAPET_PACK_COMPARISON(op)                                                 \
  friend PARAPET_INLINE pack_mask<T> operator op(pack const& a, pack const& b) {    \
    pack_mask<T> r;                                                                 \
    PARAPET_UNROLL for (int i = 0; i < parts; ++i) r.part[i] = a.part[i] op b.part[i];             \
    return r;                                                                       \
  }
  PARAPET_PACK_COMPARISON(<)
  PARAPET_PACK_COMPARISON(<=)
  PARAPET_PACK_COMPARISON(>)
  PARAPET_PACK_COMPARISON(>=)
  PARAPET_PACK_COMPARISON(==)
#undef PARAPET_PACK_COMPARISON

  friend PARAPET_INLINE pack operator-(pack const& a) {
    pack r;
    PARAPET_UNROLL for (int i = 0; i < parts; ++i) r.part[i] = -a.part[i];
    return r;
  }
};

/// a where the mask is set, b elsewhere. Both are evaluated; NaN in the lane not chosen does no harm.
template <class T>
PARAPET_INLINE pack<T> where(pack_mask<T> const& mask, pack<T> const& a, pack<T> const& b) {
  pack<T> r;
  PARAPET_UNROLL for (int i = 0; i < pack<T>::parts; ++i) r.part[i] = mask.part[i] ? a.part[i] : b.part[i];
  return r;
}
template <class T>
PARAPET_INLINE pack<T> where(pack_mask<T> const& mask, pack<T> const& a, std::type_identity_t<T> b) {
  return where(mask, a, pack<T>(b));
}
template <class T>
PARAPET_INLINE pack<T> where(pack_mask<T> const& mask, std::type_identity_t<T> a, pack<T> const& b) {
  return where(mask, pack<T>(a), b);
}

/// Whether the mask is set in some lane.
template <class T>
PARAPET_INLINE bool any(pack_mask<T> const& mask) {
  auto folded = mask.part[0];
  PARAPET_UNROLL for (int i = 1; i < detail::natives_per_pack; ++i) folded |= mask.part[i];
#if PARAPET_SIMD_BYTES == 64 && defined(__AVX512DQ__) && !defined(__CUDACC__)
  typedef int words __attribute__((vector_size(64)));
  return __builtin_ia32_cvtd2mask512(reinterpret_cast<words>(folded)) != 0;
#elif PARAPET_SIMD_BYTES == 32 && !defined(__CUDACC__)
  typedef float floats __attribute__((vector_size(32)));
  return __builtin_ia32_movmskps256(reinterpret_cast<floats>(folded)) != 0;
#else
  std::int64_t word[sizeof folded / 8], all = 0;
  std::memcpy(word, &folded, sizeof folded);
  PARAPET_UNROLL for (std::int64_t w : word) all |= w;
  return all != 0;
#endif
}

/// Sum of the lanes by halving: a fixed order on every machine.
template <class T>
PARAPET_INLINE T sum_lanes(pack<T> const& a) {
  T lane[pack<T>::lanes];
  a.store(lane);
  for (int half = pack<T>::lanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

namespace detail {

/// Applies a scalar function lane by lane: the accurate, slow way, used for doubles.
template <class T, class F>
PARAPET_INLINE pack<T> lane_by_lane(pack<T> const& a, F f) {
  T lane[pack<T>::lanes];
  a.store(lane);
  for (T& x : lane) x = f(x);
  return pack<T>::load(lane);
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI
