#include <parapet/io/gguf.hpp>

#include "io/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {

template <class T>
std::string bytes_of(T value) {
  return {reinterpret_cast<char const*>(&value), sizeof value};
}
std::string u32(std::uint32_t value) { return bytes_of(value); }
std::string u64(std::uint64_t value) { return bytes_of(value); }
std::string text(std::string const& s) { return u64(s.size()) + s; }

/// A file of settings and descriptions of arrays, with `data` bytes after the padding.
std::string file_of(std::vector<std::string> const& values, std::vector<std::string> const& tensors, std::size_t data, std::uint32_t version = 3) {
  std::string file = "GGUF" + u32(version) + u64(tensors.size()) + u64(values.size());
  for (std::string const& value : values) file += value;
  for (std::string const& tensor : tensors) file += tensor;
  file.resize((file.size() + 31) / 32 * 32 + data, '\1');
  return file;
}
std::string setting(std::string const& key, std::uint32_t type, std::string const& value) { return text(key) + u32(type) + value; }
std::string tensor(std::string const& name, std::vector<std::uint64_t> const& extents, std::uint32_t type, std::uint64_t offset) {
  std::string out = text(name) + u32(static_cast<std::uint32_t>(extents.size()));
  for (std::uint64_t const extent : extents) out += u64(extent);
  return out + u32(type) + u64(offset);
}

io::gguf_layout parse(std::string const& bytes, io::gguf_limits const& limits = {}) {
  return io::parse_gguf({reinterpret_cast<unsigned char const*>(bytes.data()), extents<1>{static_cast<index_t>(bytes.size())}}, "file", limits);
}

void check_refused(std::string const& bytes, char const* message, io::gguf_limits const& limits = {}) {
  CHECK_THROWS_WITH_AS(parse(bytes, limits), Contains("file: "), io_error);
  CHECK_THROWS_WITH_AS(parse(bytes, limits), Contains(message), io_error);
}

constexpr std::uint32_t f32 = 0, q8_0 = 8;

}  // namespace

TEST_CASE("the settings of a file that llama.cpp's package wrote") {
  io::gguf_file opened("goldens/io/reference.gguf");
  io::gguf_file const file = std::move(opened);
  CHECK(file.version() == 3);
  CHECK(file.at("general.architecture").string() == "llama");
  for (char const* key : {"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"}) {
    CAPTURE(key);
    int const bits = std::stoi(key + 1);
    if (std::string_view(key) == "u64") CHECK_THROWS_WITH_AS(file.at(key).integer(), Contains("expected an integer of at most 63 bits"), io_error);
    else if (key[0] == 'u') CHECK(file.at(key).integer() == (index_t{1} << bits) - 1);
    else CHECK(file.at(key).integer() == std::numeric_limits<index_t>::min() >> (64 - bits));
  }
  CHECK(file.at("u64").number() == 0x1p64);
  CHECK(file.at("f32").number() == 0.25);
  CHECK(file.at("f64").number() == 0.1);
  CHECK(file.at("yes").boolean());
  CHECK_FALSE(file.at("no").boolean());
  CHECK(file.at("text").string() == "ä\nb");

  auto const tokens = file.at("tokens").items();
  REQUIRE(tokens.size() == 3);
  CHECK(tokens[0].string() == "<s>");
  CHECK(tokens[1].string().empty());
  CHECK(tokens[2].string() == "▁of");
  auto const scores = file.at("scores").items();
  REQUIRE(scores.size() == 3);
  CHECK(scores[1].number() == -1.5);
  auto const flags = file.at("flags").items();
  REQUIRE(flags.size() == 2);
  CHECK(flags[0].boolean());
  CHECK_FALSE(flags[1].boolean());
  auto const nested = file.at("nested").items();
  REQUIRE(nested.size() == 3);
  REQUIRE(nested[2].items().size() == 3);
  CHECK(nested[2].items()[1].integer() == 5);

  CHECK(file.find("none") == nullptr);
  CHECK_THROWS_WITH_AS(file.at("none"), Contains("reference.gguf: none of the "), io_error);
  CHECK_THROWS_WITH_AS(file.at("text").integer(), Contains(": expected a number, found a string"), io_error);
  CHECK_THROWS_WITH_AS(file.at("f32").integer(), Contains("expected an integer, found f32"), io_error);
  CHECK_THROWS_WITH_AS(file.at("u8").string(), Contains("expected a string, found u8"), io_error);
  CHECK_THROWS_WITH_AS(file.at("u8").boolean(), Contains("expected a bool, found u8"), io_error);
  CHECK_THROWS_WITH_AS(file.at("u8").items(), Contains("expected an array, found u8"), io_error);
}

TEST_CASE("its arrays, of every type that is read") {
  io::gguf_file const file("goldens/io/reference.gguf");
  CHECK(file.tensors().size() == 10);
  for (char const* name : {"f32", "f16", "bf16", "f8"}) {
    CAPTURE(name);
    float values[6] = {};
    file.read(name, named("to", matrix_view<float>(values, extents<2>{2, 3})));
    for (int k = 0; k < 6; ++k) CHECK(values[k] == static_cast<float>(k) / 4 - 1);
  }
  for (char const* name : {"i1", "i2", "i4", "i8"}) {  // NumPy cuts the fractions off
    CAPTURE(name);
    double values[6] = {};
    file.read(name, named("to", matrix_view<double>(values, extents<2>{2, 3})));
    for (int k = 0; k < 6; ++k) CHECK(values[k] == (k == 0 ? -1 : 0));
  }
  CHECK(file.array("f16").type == scalar_type::f16);
  auto const cube = view_of<float, 3>(file.array("cube"), file.path());
  CHECK(cube.shape() == extents<3>{2, 3, 4});
  CHECK(cube(1, 0, 2) == 14.0f / 4 - 1);
  CHECK(file.contains("cube"));
  CHECK_FALSE(file.contains("none"));
  CHECK_THROWS_WITH_AS(file.array("none"), Contains("none of the 10 arrays is named 'none'"), io_error);
}

TEST_CASE("Q8_0: the blocks in place, and as the package dequantizes them") {
  io::gguf_file const file("goldens/io/reference.gguf");
  CHECK(file.tensor("q8_0").shape == std::vector<index_t>{3, 64});
  CHECK_FALSE(file.tensor("q8_0").type.has_value());
  std::string const expected = io::read_file("goldens/io/reference_q8_0.f32");
  std::vector<float> values(192);
  REQUIRE(expected.size() == values.size() * sizeof(float));
  file.read("q8_0", named("to", matrix_view<float>(values.data(), extents<2>{3, 64})));
  CHECK(std::memcmp(values.data(), expected.data(), expected.size()) == 0);

  auto const blocks = file.blocks("q8_0");
  REQUIRE(blocks.size() == 6);
  CHECK(io::decode_f16(blocks[5].scale) * static_cast<float>(blocks[5].values[31]) == values[191]);

  CHECK_THROWS_WITH_AS(file.array("q8_0"), Contains("array 'q8_0' is stored as Q8_0 blocks"), io_error);
  CHECK_THROWS_WITH_AS(file.blocks("f32"), Contains("array 'f32' is f32, not Q8_0"), io_error);
  CHECK_THROWS_WITH_AS(file.read("q8_0", named("to", vector_view<float>(values.data(), extents<1>{192}))),
                       Contains("has shape (3, 64), the target (192)"), shape_error);
  std::vector<double> wide(192);
  CHECK_THROWS_WITH_AS(file.read("q8_0", named("to", matrix_view<double>(wide.data(), extents<2>{3, 64}))), Contains("to f64, expected f32"),
                       argument_error);
}

TEST_CASE("another alignment, and what is refused of the package's files") {
  io::gguf_file const file("goldens/io/aligned.gguf");
  CHECK(file.at("general.alignment").integer() == 64);
  CHECK(file.tensors()[1].begin - file.tensors()[0].begin == 64);
  CHECK(view_of<float, 2>(file.array("b"), file.path())(1, 2) == 0.25f);
  CHECK_THROWS_WITH_AS(io::gguf_file("goldens/io/refused_q4_0.gguf"),
                       Contains("array 'weights' is of type Q4_0; read are F32"), io_error);
  CHECK_THROWS_WITH_AS(io::gguf_file("goldens/io/refused_big_endian.gguf"), Contains("(big-endian)"), io_error);
  CHECK_THROWS_WITH_AS(io::gguf_file("goldens/io/reference.safetensors"), Contains("byte 0: not a GGUF file"), io_error);
}

TEST_CASE("a file that is cut: at opening, and after it was mapped") {
  std::string const bytes = io::read_file("goldens/io/reference.gguf");
  for (std::size_t size = 0; size < bytes.size() - 32; ++size) CHECK_THROWS_AS(parse(bytes.substr(0, size)), io_error);
  CHECK_THROWS_WITH_AS(parse(bytes + '\0'), Contains("the arrays end here, but the file has"), io_error);

  support::temporary_folder const folder;
  support::write_quickly(folder / "f.gguf", bytes);
  io::gguf_file const file(folder / "f.gguf");
  std::filesystem::resize_file(folder / "f.gguf", bytes.size() - 1);
  CHECK_THROWS_WITH_AS(file.array("f32"), Contains("when it was mapped"), io_error);
}

TEST_CASE("GGUF: small files by hand are read") {
  CHECK(parse(file_of({}, {}, 0)).tensors.empty());
  CHECK(parse(file_of({}, {}, 0, 2)).version == 2);
  CHECK(parse("GGUF" + u32(3) + u64(0) + u64(0)).values.empty());  // not even padded
  io::gguf_layout const layout = parse(file_of({}, {tensor("a", {3, 2}, f32, 0), tensor("none", {0, 4}, f32, 32), tensor("s", {}, f32, 32)}, 36));
  REQUIRE(layout.tensors.size() == 3);
  CHECK(layout.tensors[0].shape == std::vector<index_t>{2, 3});
  CHECK(layout.tensors[1].shape == std::vector<index_t>{4, 0});
  CHECK(layout.tensors[1].begin == layout.tensors[1].end);
  CHECK(layout.tensors[2].shape.empty());
  CHECK(layout.tensors[2].end - layout.tensors[2].begin == 4);
}

TEST_CASE("GGUF: a number that is not believed") {
  check_refused(file_of({}, {}, 0, 1), "GGUF version 1, read are 2 and 3");
  check_refused("GGUF" + u32(3) + u64(10001) + u64(0), "10001 arrays, the limit is 10000");
  check_refused("GGUF" + u32(3) + u64(0) + u64(~0ull), "18446744073709551615 settings, the limit is 10000");
  check_refused("GGUF" + u32(3) + u64(0) + u64(1), "but only 0 bytes are left");
  check_refused(file_of({u64(~0ull)}, {}, 0), "18446744073709551615 elements of 1 bytes, but only");
  check_refused(file_of({setting("a", 13, "")}, {}, 0), "a value of type 13");
  check_refused(file_of({setting("a", 8, u64(1ull << 40))}, {}, 0), "elements of 1 bytes, but only");
  check_refused(file_of({setting("a", 9, u32(10) + u64(1ull << 61))}, {}, 0), "2305843009213693952 elements of 8 bytes, but only");
  check_refused(file_of({setting("a", 9, u32(8) + u64(1ull << 61))}, {}, 0), "bytes are left");
  check_refused(file_of({setting("a", 7, "\2")}, {}, 0), "a bool that is neither 0 nor 1");
  check_refused(file_of({setting("a", 9, u32(7) + u64(2) + "\1\2")}, {}, 0), "a bool that is neither 0 nor 1");
  std::string deep = u32(0) + u64(0);
  for (int k = 0; k < 4; ++k) deep = u32(9) + u64(1) + deep;
  check_refused(file_of({setting("a", 9, deep)}, {}, 0), "arrays are nested too deep");
  CHECK(parse(file_of({setting("a", 9, deep)}, {}, 0), {.max_depth = 5}).values.size() == 1);
  check_refused(file_of({setting("a", 0, "x"), setting("a", 0, "x")}, {}, 0), "two settings are named 'a'");
  check_refused(file_of({setting("\xff", 0, "x")}, {}, 0), "a setting has a name that is not UTF-8");
  check_refused(file_of({setting(std::string("k\0y", 3), 0, "x")}, {}, 0), "a setting has a NUL in its name");
  check_refused(file_of({setting("key", 0, "x")}, {}, 0), "a setting has a name of 3 bytes, the limit is 2", {.max_key = 2});
  for (std::uint32_t const alignment : {0u, 4u, 24u, 1u << 21, ~0u})
    check_refused(file_of({setting("general.alignment", 4, u32(alignment))}, {}, 0), "expected a u32 that is a power of two from 8");
  check_refused(file_of({setting("general.alignment", 5, u32(32))}, {}, 0), "expected a u32");
  check_refused(file_of({setting("general.alignment", 8, text("32"))}, {}, 0), "expected a number, found a string");
}

TEST_CASE("GGUF: an array that does not lie where it should") {
  check_refused(file_of({}, {tensor("a", {4}, f32, 32)}, 48), "array 'a' is at offset 32, expected 0");
  check_refused(file_of({}, {tensor("a", {4}, f32, 0), tensor("b", {4}, f32, 16)}, 48), "array 'b' is at offset 16, expected 32");
  check_refused(file_of({}, {tensor("a", {4}, f32, 0), tensor("b", {4}, f32, 0)}, 48), "array 'b' is at offset 0, expected 32");
  check_refused(file_of({}, {tensor("a", {4}, f32, ~0ull)}, 48), "array 'a' starts beyond any file");
  check_refused(file_of({}, {tensor("a", {4}, f32, 0)}, 15), "array 'a' ends at offset 16 of the arrays, which start at byte");
  check_refused(file_of({}, {tensor("a", {4}, f32, 0)}, 33), "the arrays end here, but the file has");
  CHECK(parse(file_of({}, {tensor("a", {4}, f32, 0)}, 32)).tensors.size() == 1);
  check_refused(file_of({}, {tensor("a", {1ull << 32, 1ull << 32}, f32, 0)}, 0), "extents that multiply to more than memory can hold");
  check_refused(file_of({}, {tensor("a", {0, 1ull << 62, 1ull << 62}, f32, 0)}, 0), "extents that multiply to more than memory can hold");
  check_refused(file_of({}, {tensor("a", {~0ull}, f32, 0)}, 0), "extents that multiply to more than memory can hold");
  check_refused(file_of({}, {tensor("a", {1, 1, 1, 1, 1}, f32, 0)}, 0), "array 'a' has 5 axes, the limit is 4");
  check_refused(file_of({}, {tensor("a", {33}, q8_0, 0)}, 64), "array 'a' is stored as Q8_0, but its rows have 33 elements");
  check_refused(file_of({}, {tensor("a", {}, q8_0, 0)}, 64), "its rows have 1 elements");
  check_refused(file_of({}, {tensor("a", {4}, 99, 0)}, 64), "array 'a' is of type number 99; read are");
  check_refused(file_of({}, {tensor("a", {4}, 12, 0)}, 64), "array 'a' is of type Q4_K");
  check_refused(file_of({}, {tensor("a", {8}, f32, 0), tensor("a", {8}, f32, 32)}, 64), "two arrays are named 'a'");
  check_refused(file_of({}, {tensor(std::string(65, 'a'), {8}, f32, 0)}, 32), "an array has a name of 65 bytes, the limit is 64");
}
