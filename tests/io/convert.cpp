#include <parapet/io/convert.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {
template <class T>
const_tensor_ref array_of(std::vector<T> const& values, scalar_type type = scalar_type_of<T>()) {
  return {"x", type, {static_cast<index_t>(values.size())}, reinterpret_cast<unsigned char const*>(values.data())};
}
}  // namespace

TEST_CASE("binary16: every value, against its definition") {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    int const exponent = static_cast<int>(bits >> 10 & 31), fraction = static_cast<int>(bits & 1023);
    double const sign = bits >= 32768 ? -1 : 1;
    float const value = io::decode_f16(static_cast<std::uint16_t>(bits));
    if (exponent == 31 && fraction != 0) REQUIRE(std::isnan(value));
    else if (exponent == 31) REQUIRE(value == sign * std::numeric_limits<double>::infinity());
    else {
      double const expected = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
      REQUIRE(static_cast<double>(value) == sign * expected);
      REQUIRE(std::signbit(value) == (sign < 0));
    }
  }
}

TEST_CASE("bfloat16 is the upper half of a float") {
  CHECK(io::decode_bf16(0x3F80) == 1.0f);
  CHECK(io::decode_bf16(0xC049) == -3.140625f);
  CHECK(std::isinf(io::decode_bf16(0x7F80)));
  CHECK(std::isnan(io::decode_bf16(0x7FC0)));
}

TEST_CASE_TEMPLATE("every type goes to float and double", T, std::uint8_t, std::int8_t, std::uint16_t, std::int16_t,
                   std::uint32_t, std::int32_t, std::uint64_t, std::int64_t, float, double) {
  std::vector<T> const values{T{0}, T{100}, std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest()};
  std::vector<float> f(4);
  std::vector<double> d(4);
  io::convert(array_of(values), {"f", scalar_type::f32, {4}, reinterpret_cast<unsigned char*>(f.data())});
  io::convert(array_of(values), {"d", scalar_type::f64, {4}, reinterpret_cast<unsigned char*>(d.data())});
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(f[i] == static_cast<float>(values[i]));
    CHECK(d[i] == static_cast<double>(values[i]));
  }
}

TEST_CASE("halves and bools go to float; other targets and shapes are refused") {
  std::vector<float> f(2);
  tensor_ref const to{"f", scalar_type::f32, {2}, reinterpret_cast<unsigned char*>(f.data())};
  io::convert(array_of(std::vector<std::uint16_t>{0x3C00, 0xC000}, scalar_type::f16), to);
  CHECK(f == std::vector<float>{1, -2});
  io::convert(array_of(std::vector<std::uint16_t>{0x3F80, 0xC000}, scalar_type::bf16), to);
  CHECK(f == std::vector<float>{1, -2});
  io::convert(array_of(std::vector<std::uint8_t>{0, 1}, scalar_type::boolean), to);
  CHECK(f == std::vector<float>{0, 1});
  CHECK_THROWS_WITH_AS(io::convert(array_of(std::vector<float>(3)), to), "convert: 'x' has shape (3), the target (2)",
                       shape_error);
  tensor_ref integers = to;
  integers.type = scalar_type::i32;
  CHECK_THROWS_WITH_AS(io::convert(array_of(std::vector<float>(2)), integers), Contains("to i32, expected f32 or f64"),
                       argument_error);
}

TEST_CASE("elements need no alignment") {
  std::vector<unsigned char> bytes(1 + 2 * sizeof(double));
  double const values[] = {2.5, -1};
  std::memcpy(bytes.data() + 1, values, sizeof values);
  std::vector<float> f(2);
  io::convert({"x", scalar_type::f64, {2}, bytes.data() + 1},
              {"f", scalar_type::f32, {2}, reinterpret_cast<unsigned char*>(f.data())});
  CHECK(f == std::vector<float>{2.5f, -1});
}

TEST_CASE("what is not finite is found, what cannot be is not looked for") {
  float const infinity = std::numeric_limits<float>::infinity();
  CHECK_NOTHROW(io::check_finite("f", array_of(std::vector<float>{1, -2})));
  CHECK_THROWS_WITH_AS(io::check_finite("f", array_of(std::vector<float>{1, -infinity})),
                       "f: array 'x' is not finite at element 1", io_error);
  CHECK_THROWS_WITH_AS(io::check_finite("f", array_of(std::vector<double>{std::nan("")})), Contains("element 0"), io_error);
  CHECK_THROWS_AS(io::check_finite("f", array_of(std::vector<std::uint16_t>{0x7C00}, scalar_type::f16)), io_error);
  CHECK_THROWS_AS(io::check_finite("f", array_of(std::vector<std::uint16_t>{0xFF80}, scalar_type::bf16)), io_error);
  CHECK_NOTHROW(io::check_finite("f", array_of(std::vector<std::uint16_t>{0x7C00, 0xFF80})));

  tensor_archive archive("g");
  tensor_ref const y = archive.add("y", scalar_type::f32, {2});
  float const bad[] = {0, infinity};
  std::memcpy(y.data, bad, sizeof bad);
  CHECK_THROWS_WITH_AS(io::check_finite(archive), "g: array 'y' is not finite at element 1", io_error);
}
