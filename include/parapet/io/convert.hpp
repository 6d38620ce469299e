// Element types of files as numbers: conversion to float and double, and the checks on values that a format leaves to us.
//
// Conversion takes every element to the nearest value of the new type (ties to even); bf16 and f16 (IEEE 754 binary16) go
// to float exactly.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/io/text.hpp>
#include <parapet/math/bfloat16.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace parapet::inline PARAPET_ABI::io {

static_assert(std::endian::native == std::endian::little,
              "parapet/io reads and writes little-endian files without swapping bytes");

/// The value of an IEEE 754 binary16 number.
constexpr float decode_f16(std::uint16_t bits) {
  std::uint32_t const sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  std::uint32_t const exponent = bits >> 10 & 31u, fraction = bits & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  float const magnitude = static_cast<float>(fraction) * 0x1p-24f;  // zero or subnormal
  return sign != 0 ? -magnitude : magnitude;
}

/// The value of a bfloat16 number: the upper half of a float.
constexpr float decode_bf16(std::uint16_t bits) { return static_cast<float>(bfloat16{bits}); }

namespace detail {

/// Calls f(index, value) for each element of `tensor`; value is float for f16 and bf16, else what the type says. The
/// bytes need no alignment.
template <class F>
void for_each_element(const_tensor_ref const& tensor, F f) {
  auto const loop = [&]<class Stored>(Stored, auto decode) {
    index_t const size = tensor.size();
    for (index_t i = 0; i < size; ++i) {
      Stored stored;
      std::memcpy(&stored, tensor.data + i * index_t{sizeof(Stored)}, sizeof(Stored));
      f(i, decode(stored));
    }
  };
  auto const same = [](auto x) { return x; };
  switch (tensor.type) {
    case scalar_type::boolean:
    case scalar_type::u8: return loop(std::uint8_t{}, same);
    case scalar_type::i8: return loop(std::int8_t{}, same);
    case scalar_type::u16: return loop(std::uint16_t{}, same);
    case scalar_type::i16: return loop(std::int16_t{}, same);
    case scalar_type::u32: return loop(std::uint32_t{}, same);
    case scalar_type::i32: return loop(std::int32_t{}, same);
    case scalar_type::u64: return loop(std::uint64_t{}, same);
    case scalar_type::i64: return loop(std::int64_t{}, same);
    case scalar_type::f16: return loop(std::uint16_t{}, decode_f16);
    case scalar_type::bf16: return loop(std::uint16_t{}, decode_bf16);
    case scalar_type::f32: return loop(float{}, same);
    case scalar_type::f64: return loop(double{}, same);
  }
}

/// Throws io_error unless every byte of a bool array is 0 or 1: C++ may not read any other bool.
inline void check_booleans(std::string_view source, const_tensor_ref const& tensor) {
  if (tensor.type != scalar_type::boolean) return;
  for_each_element(tensor, [&](index_t i, auto value) {
    if (value > 1)
      throw io_error(concat(source, ": array ", printable(tensor.name), " is bool, but element ", i, " is ", static_cast<double>(value)));
  });
}

}  // namespace detail

/// Writes the elements of `from` to `to`, which is f32 or f64 and of the same shape.
inline void convert(const_tensor_ref const& from, tensor_ref const& to) {
  if (from.shape != to.shape)
    throw shape_error(detail::concat("convert: '", from.name, "' has shape ", shape_text(from.shape), ", the target ",
                                              shape_text(to.shape)));
  auto const fill = [&]<class T>(T* out) {
    detail::for_each_element(from, [&](index_t i, auto value) {
      out[i] = static_cast<T>(value);
      });
  };
  if (to.type == scalar_type::f32) fill(reinterpret_cast<float*>(to.data));
  else if (to.type == scalar_type::f64) fill(reinterpret_cast<double*>(to.data));
  else throw argument_error(detail::concat("convert: '", from.name, "' to ", name_of(to.type), ", expected f32 or f64"));
}

/// Throws io_error, with array and element, where `tensor` holds an infinity or a NaN; `source` names the file.
inline void check_finite(std::string_view source, const_tensor_ref const& tensor) {
  detail::for_each_element(tensor, [&](index_t i, auto value) {
    if (!std::isfinite(static_cast<double>(value)))
      throw io_error(detail::concat(source, ": array ", detail::printable(tensor.name), " is not finite at element ", i));
  });
}

/// The same for every array of an archive.
inline void check_finite(tensor_archive const& archive) {
  for (const_tensor_ref const tensor : archive.tensors()) check_finite(archive.source(), tensor);
}

}  // namespace parapet::inline PARAPET_ABI::io
