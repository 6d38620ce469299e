#include <parapet/io/safetensors.hpp>

#include "io/temporary_folder.hpp"
#include "support/mutate.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {

/// A file of a header and data, the length prefix as it should be.
std::string file_of(std::string const& header, std::string const& data) {
  std::string prefix(8, '\0');
  for (int i = 0; i < 8; ++i) prefix[static_cast<std::size_t>(i)] = static_cast<char>(header.size() >> (8 * i));
  return prefix + header + data;
}

tensor_archive read(std::string const& bytes, io::safetensors_limits const& limits = {}) {
  return io::read_safetensors_from(support::bytes_of(bytes), "file", limits);
}

void check_refused(std::string const& header, std::string const& data, char const* message) {
  CAPTURE(header);
  CHECK_THROWS_WITH_AS(read(file_of(header, data)), Contains("file: "), io_error);
  CHECK_THROWS_WITH_AS(read(file_of(header, data)), Contains(message), io_error);
}

std::string const bytes24(24, 'x');

}  // namespace

TEST_CASE("the reference implementation's file is read: types, shapes, values, metadata") {
  tensor_archive const file = io::read_safetensors("goldens/io/reference.safetensors");
  CHECK(file.metadata() == std::map<std::string, std::string>{{"who", "safetensors.numpy"}, {"\u03b1", "line\nbreak"}});
  CHECK(file.tensors().size() == 15);
  auto const f4 = file.view<float, 2>("f4");
  auto const f8 = file.view<double, 2>("f8");
  CHECK(f4.shape() == extents<2>{2, 3});
  for (index_t k = 0; k < 6; ++k) {
    CHECK(f4(k / 3, k % 3) == static_cast<float>(k) / 4 - 1);
    CHECK(f8(k / 3, k % 3) == static_cast<double>(k) / 4 - 1);
  }
  auto const b1 = file.view<bool, 1>("b1");
  for (index_t k = 0; k < 7; ++k) CHECK(b1[k] == (k % 3 == 0));
  auto const check_squares = [&]<class T>(char const* name, T) {
    auto const squares = file.view<T, 1>(name);
    CHECK(squares.size() == 5);
    for (index_t k = 0; k < 5; ++k) CHECK(squares[k] == static_cast<T>(k * k));
  };
  check_squares("u1", std::uint8_t{}), check_squares("i1", std::int8_t{}), check_squares("u2", std::uint16_t{});
  check_squares("i2", std::int16_t{}), check_squares("u4", std::uint32_t{}), check_squares("i4", std::int32_t{});
  check_squares("u8", std::uint64_t{}), check_squares("i8", std::int64_t{});
  CHECK(file.at("scalar").shape.empty());
  CHECK(*reinterpret_cast<double const*>(file.at("scalar").data) == 2.5);
  CHECK(file.at("none").shape == std::vector<index_t>{0, 3});
  CHECK(file.view<std::uint8_t, 1>("\u00e4 \"quoted\"")[0] == 7);
  CHECK(file.at("f2").type == scalar_type::f16);
  CHECK_THROWS_WITH_AS(io::check_finite(file), Contains("array 'f2' is not finite at element 3"), io_error);

  tensor_archive const bfloat = io::read_safetensors("goldens/io/bfloat16.safetensors");
  std::vector<float> values(3);
  io::convert(bfloat.at("bf16"), {"", scalar_type::f32, {3}, reinterpret_cast<unsigned char*>(values.data())});
  CHECK(values == std::vector<float>{1, -2, 0.333984375f});
}

TEST_CASE("what is written is read back, byte for byte, and every array is aligned in the file") {
  support::temporary_folder const folder;
  tensor_archive const file = io::read_safetensors("goldens/io/reference.safetensors");
  std::vector<const_tensor_ref> const tensors(file.tensors().rbegin(), file.tensors().rend());  // narrow types first
  io::write_safetensors(folder / "copy", tensors, file.metadata());
  CHECK(folder.count() == 1);
  io::safetensors_reader const reader(folder / "copy");
  for (io::safetensors_entry const& entry : reader.layout().entries) CHECK(entry.begin % size_of(entry.type) == 0);
  tensor_archive const copy = io::read_safetensors(folder / "copy");
  CHECK(copy.metadata() == file.metadata());
  CHECK(copy.tensors().size() == file.tensors().size());
  for (const_tensor_ref const a : file.tensors()) {
    const_tensor_ref const b = copy.at(a.name);
    CHECK(a.type == b.type);
    CHECK(a.shape == b.shape);
    CHECK(std::string_view(reinterpret_cast<char const*>(a.data), static_cast<std::size_t>(a.bytes())) ==
          std::string_view(reinterpret_cast<char const*>(b.data), static_cast<std::size_t>(b.bytes())));
  }
  io::write_safetensors(folder / "empty", {});
  CHECK(io::read_safetensors(folder / "empty").tensors().empty());
  CHECK(io::read_file(folder / "empty").size() == 16);
}

TEST_CASE("a writer refuses names that no reader would take, and writes nothing") {
  support::temporary_folder const folder;
  float const x = 1;
  const_tensor_ref const tensor{"x", scalar_type::f32, {}, reinterpret_cast<unsigned char const*>(&x)};
  auto renamed = [&](std::string name) { return const_tensor_ref{std::move(name), scalar_type::f32, {}, tensor.data}; };
  CHECK_THROWS_WITH_AS(io::write_safetensors(folder / "f", {tensor, tensor}), Contains("two arrays are named 'x'"),
                       argument_error);
  CHECK_THROWS_WITH_AS(io::write_safetensors(folder / "f", {renamed("__metadata__")}), Contains("__metadata__"),
                       argument_error);
  CHECK_THROWS_AS(io::write_safetensors(folder / "f", {renamed("\xff")}), argument_error);
  CHECK_THROWS_AS(io::write_safetensors(folder / "f", {tensor}, {{"k", "\xff"}}), argument_error);
  CHECK(folder.count() == 0);
}

TEST_CASE("a full disk or a missing folder is an error with the path, and the old file stays") {
  support::temporary_folder const folder;
  std::vector<float> const x(10000, 1.5f);
  const_tensor_ref const tensor = named("x", vector_view<float const>(x.data(), extents<1>{10000}));
  std::string const path = folder / "f";
  io::write_safetensors(path, {}, {{"old", "file"}});
  support::with_full_disk(5000, [&] {
    CHECK_THROWS_WITH_AS(io::write_safetensors(path, {tensor}), (path + ": cannot write: File too large").c_str(), io_error);
  });
  CHECK(io::read_safetensors(path).metadata().at("old") == "file");
  CHECK(folder.count() == 1);
  std::string const nowhere = folder / "none/f";
  CHECK_THROWS_WITH_AS(io::write_safetensors(nowhere, {tensor}), Contains(nowhere.c_str()), io_error);
}

TEST_CASE("the prefix: too short a file, lengths beyond the file, the limit and 64 bits") {
  CHECK_THROWS_WITH_AS(read(""), "file: has 0 bytes, too few for a safetensors file", io_error);
  CHECK_THROWS_WITH_AS(read("1234567"), Contains("has 7 bytes"), io_error);
  CHECK_THROWS_WITH_AS(read(std::string(8, '\0')), "file: byte 8: the header does not start with '{'", io_error);
  CHECK_THROWS_WITH_AS(read(std::string(8, '\xff')),
                       "file: byte 0: the header has 18446744073709551615 bytes, the limit is 100000000", io_error);
  std::string bytes = file_of("{}", "");
  bytes[0] = 3;
  CHECK_THROWS_WITH_AS(read(bytes), "file: byte 0: the header has 3 bytes, but the file only 10", io_error);
  CHECK_THROWS_WITH_AS(read(file_of("{}      ", ""), {.max_header = 7}), Contains("the limit is 7"), io_error);
  CHECK(read(file_of("{}", "")).tensors().empty());
  CHECK_THROWS_WITH_AS(read(file_of(" {}", "")), Contains("does not start with '{'"), io_error);
}

TEST_CASE("the header: anything but strict JSON of the right form is refused, with its byte") {
  std::string const good = R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})";
  CHECK(read(file_of(good, bytes24)).at("a").shape == std::vector<index_t>{2, 3});
  CHECK(read(file_of(good + "   ", bytes24)).contains("a"));

  check_refused("[]", "", "does not start with '{'");
  check_refused("{\"a\"", "", "expected ':'");
  check_refused("{}x", "", "goes on");
  check_refused("{\"\xff\":1}", "", "byte 10: the text is not UTF-8");
  check_refused(R"({"a":1})", "", "byte 13: expected an object");
  check_refused(
      R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"a":{"dtype":"F32","shape":[0],"data_offsets":[24,24]}})",
      bytes24, "key 'a' twice");
  check_refused(R"({"a":{"dtype":"F32","shape":[6],"shape":[6],"data_offsets":[0,24]}})", bytes24, "key 'shape' twice");
  check_refused(R"({"__metadata__":{"k":1}})", "", "expected a string, found a number");
  check_refused(R"({"__metadata__":["k"]})", "", "expected an object");
  check_refused(R"({"__metadata__":{"k":"a","k":"b"}})", "", "key 'k' twice");
  check_refused(R"({"a":{"dtype":"F32","shape":[2,3]}})", bytes24, "array 'a': expected exactly");
  check_refused(R"({"a":{"dtype":"F32","shape":[2,3],"offsets":[0,24]}})", bytes24, "no key 'data_offsets'");
  check_refused(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24],"strides":[3,1]}})", bytes24, "expected exactly");
  check_refused(R"({"a":{"dtype":"F32","shape":6,"data_offsets":[0,24]}})", bytes24, "'shape' as an array");
  check_refused(R"({"a":{"dtype":"F32","shape":[6],"data_offsets":[0,24,24]}})", bytes24,
                "'data_offsets' as an array of two");
  check_refused(R"({"a":{"dtype":"F32","shape":[6],"data_offsets":{"b":0,"e":24}}})", bytes24,
                "'data_offsets' as an array of two");
  check_refused(R"({"a":{"dtype":"F31","shape":[6],"data_offsets":[0,24]}})", bytes24, "dtype 'F31' is not known here");
  check_refused(R"({"a":{"dtype":"F8_E4M3","shape":[24],"data_offsets":[0,24]}})", bytes24, "dtype 'F8_E4M3'");
  check_refused(R"({"a":{"dtype":7,"shape":[6],"data_offsets":[0,24]}})", bytes24, "expected a string");
  check_refused(R"({"a":{"dtype":"F32","shape":[6.0],"data_offsets":[0,24]}})", bytes24, "expected an integer");
  check_refused(R"({"a":{"dtype":"F32","shape":["6"],"data_offsets":[0,24]}})", bytes24, "expected a number");
  check_refused(R"({"a":{"dtype":"F32","shape":[-2,-3],"data_offsets":[0,24]}})", bytes24, "negative extent");
  check_refused(R"({"a":{"dtype":"F32","shape":[6],"data_offsets":[0,99999999999999999999]}})", bytes24, "at most 63 bits");
}

TEST_CASE("the arrays: end to end, from the first byte to the last, of the size that the shape says") {
  check_refused(R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,24]}})", bytes24,
                "array 'a' of type f32 and shape (7) has 28 bytes, but data_offsets [0, 24)");
  check_refused(R"({"a":{"dtype":"F32","shape":[6],"data_offsets":[24,0]}})", bytes24, "data_offsets [24, 0)");
  check_refused(R"({"a":{"dtype":"F32","shape":[6],"data_offsets":[-24,0]}})", bytes24, "data_offsets [-24, 0)");
  check_refused(R"({"a":{"dtype":"F32","shape":[5],"data_offsets":[4,24]}})", bytes24, "leaves a gap");
  check_refused(R"({"a":{"dtype":"F32","shape":[5],"data_offsets":[0,20]}})", bytes24,
                "the arrays end here, but the file has");
  check_refused(R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,28]}})", bytes24,
                "the arrays end here, but the file has");
  check_refused("{}", "x", "the arrays end here, but the file has 11 bytes");
  check_refused(
      R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}})",
      bytes24, "array 'b' starts at byte");
  check_refused(
      R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}})",
      bytes24, "overlaps");
  check_refused(
      R"({"a":{"dtype":"F32","shape":[6],"data_offsets":[0,24]},"b":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}})",
      bytes24, "overlaps");
  check_refused(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[3],"data_offsets":[12,24]}})",
      bytes24, "leaves a gap");
  // An empty array may lie at any seam, and only there.
  CHECK(
      read(
          file_of(
              R"({"b":{"dtype":"U8","shape":[24],"data_offsets":[0,24]},"a":{"dtype":"F32","shape":[0,9],"data_offsets":[24,24]}})",
              bytes24))
          .tensors()
          .size() == 2);
  check_refused(
      R"({"b":{"dtype":"U8","shape":[24],"data_offsets":[0,24]},"a":{"dtype":"F32","shape":[0],"data_offsets":[9,9]}})",
      bytes24, "overlaps");
  CHECK(read(file_of(R"({"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}})", "12345678")).at("a").shape.empty());
}

TEST_CASE("extents whose product overflows are refused, with and without an extent of 0") {
  for (char const* shape :
       {"[4294967296,4294967296,4]", "[9223372036854775807,2]", "[0,9223372036854775807,9223372036854775807]",
        "[4611686018427387904,4]", "[9223372036854775807,9223372036854775807,0]"})
    check_refused(R"({"a":{"dtype":"F32","shape":)" + std::string(shape) + R"(,"data_offsets":[0,24]}})", bytes24,
                  "more than memory can hold");
  check_refused(R"({"a":{"dtype":"F32","shape":[2305843009213693951],"data_offsets":[0,9223372036854775804]}})", bytes24,
                "memory can hold");
  check_refused(
      R"({"a":{"dtype":"U8","shape":[4611686018427387903],"data_offsets":[4611686018427387904,9223372036854775807]}})",
      bytes24, "ends beyond any file");
}

TEST_CASE("limits: number of arrays, axes, length of names") {
  std::string const two =
      R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"bb":{"dtype":"U8","shape":[0,1,1],"data_offsets":[0,0]}})";
  CHECK_NOTHROW(read(file_of(two, ""), {.max_tensors = 2, .max_rank = 3, .max_name = 2}));
  CHECK_THROWS_WITH_AS(read(file_of(two, ""), {.max_tensors = 1}), Contains("2 arrays, the limit is 1"), io_error);
  CHECK_THROWS_WITH_AS(read(file_of(two, ""), {.max_rank = 2}), Contains("array 'bb' has 3 axes"), io_error);
  CHECK_THROWS_WITH_AS(read(file_of(two, ""), {.max_name = 1}), Contains("array 'bb' has a name of 2 bytes"), io_error);
  CHECK_THROWS_WITH_AS(read(file_of(two, ""), {.json = {.max_depth = 2}}), Contains("nested deeper than 2"), io_error);
  std::string nested = R"({"a":)" + std::string(100000, '[');
  check_refused(nested, "", "nested deeper");
}

TEST_CASE("a bool that is neither 0 nor 1 is refused") {
  std::string const header = R"({"a":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})";
  CHECK(read(file_of(header, std::string("\0\1\0", 3))).view<bool, 1>("a")[1]);
  check_refused(header, std::string("\0\1\2", 3), "array 'a' is bool, but element 2 is 2");
}

TEST_CASE("names from the file cannot write control characters into a message") {
  try {
    read(file_of(R"({"a\u001b[31m\n":{"dtype":"U8","shape":[1],"data_offsets":[0,0]}})", ""));
    FAIL("accepted");
  } catch (io_error const& e) {
    std::string const message = e.what();
    CHECK(message.find_first_of("\x1b\n") == message.npos);
  }
}

TEST_CASE("a file is read as its bytes are, and every cut of it is refused") {
  std::string const bytes = io::read_file("goldens/io/reference.safetensors");
  CHECK(read(bytes).tensors().size() == 15);
  for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_THROWS_AS(read(bytes.substr(0, n)), io_error);
  CHECK_THROWS_AS(read(bytes + '\0'), io_error);
  support::temporary_folder const folder;
  io::write_file(folder / "cut", bytes.substr(0, 500));
  CHECK_THROWS_WITH_AS(io::read_safetensors(folder / "cut"), Contains((folder / "cut").c_str()), io_error);
}
