#include <doctest/doctest.h>

#if !defined(WITH_XTENSOR)
TEST_CASE("npy: left out, xtensor was not found") { MESSAGE("left out: xtensor was not found"); }
#else

#include <parapet/io/npy.hpp>

#include "io/temporary_folder.hpp"
#include "support/mutate.hpp"

#include <string>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {

/// A version 1.0 file of a header (without its line feed) and data.
std::string file_of(std::string header, std::string const& data) {
  header += '\n';
  std::string out("\x93NUMPY\x01\0", 8);
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  return out + header + data;
}

tensor_archive read(std::string const& bytes) { return io::read_npy_from(support::bytes_of(bytes), "file"); }

void check_refused(std::string const& header, std::string const& data, char const* message) {
  CAPTURE(header);
  CHECK_THROWS_WITH_AS(read(file_of(header, data)), Contains("file: byte "), io_error);
  CHECK_THROWS_WITH_AS(read(file_of(header, data)), Contains(message), io_error);
}

std::string const bytes24(24, 'x');
std::vector<std::string> const names{"f4", "f8", "b1", "u1", "i1",     "u2",   "i2",
                                     "u4", "i4", "u8", "i8", "scalar", "none", "rank32"};

}  // namespace

TEST_CASE("NumPy's files are read: types, shapes, values") {
  tensor_archive const files = io::read_npy_folder("goldens/io/npy", names);
  auto const f4 = files.view<float, 2>("f4");
  auto const f8 = files.view<double, 2>("f8");
  CHECK(f4.shape() == extents<2>{2, 3});
  for (index_t k = 0; k < 6; ++k) {
    CHECK(f4(k / 3, k % 3) == static_cast<float>(k) / 4 - 1);
    CHECK(f8(k / 3, k % 3) == static_cast<double>(k) / 4 - 1);
  }
  for (index_t k = 0; k < 7; ++k) CHECK(files.view<bool, 1>("b1")[k] == (k % 3 == 0));
  auto const check_squares = [&]<class T>(char const* name, T) {
    auto const squares = files.view<T, 1>(name);
    CHECK(squares.size() == 5);
    for (index_t k = 0; k < 5; ++k) CHECK(squares[k] == static_cast<T>(k * k));
  };
  check_squares("u1", std::uint8_t{}), check_squares("i1", std::int8_t{}), check_squares("u2", std::uint16_t{});
  check_squares("i2", std::int16_t{}), check_squares("u4", std::uint32_t{}), check_squares("i4", std::int32_t{});
  check_squares("u8", std::uint64_t{}), check_squares("i8", std::int64_t{});
  CHECK(files.at("scalar").shape.empty());
  CHECK(*reinterpret_cast<double const*>(files.at("scalar").data) == 2.5);
  CHECK(files.at("none").shape == std::vector<index_t>{0, 3});
  CHECK(files.at("rank32").shape == std::vector<index_t>(32, 1));  // a header of more than 127 bytes
  CHECK(*reinterpret_cast<std::int32_t const*>(files.at("rank32").data) == 3);
  CHECK(io::read_npy("goldens/io/npy/f4.npy").contains("f4"));
}

TEST_CASE("what is written is read back, byte for byte") {
  support::temporary_folder const folder;
  tensor_archive const files = io::read_npy_folder("goldens/io/npy", names);
  std::vector<const_tensor_ref> const tensors(files.tensors().begin(), files.tensors().end());
  io::write_npy_folder(folder / "copy", tensors);
  io::write_npy_folder(folder / "copy", tensors);  // over the old ones
  tensor_archive const copies = io::read_npy_folder(folder / "copy", names);
  for (const_tensor_ref const& a : tensors) {
    CAPTURE(a.name);
    const_tensor_ref const b = copies.at(a.name);
    CHECK(a.type == b.type);
    CHECK(a.shape == b.shape);
    CHECK(std::string_view(reinterpret_cast<char const*>(a.data), static_cast<std::size_t>(a.bytes())) ==
          std::string_view(reinterpret_cast<char const*>(b.data), static_cast<std::size_t>(b.bytes())));
  }
}

TEST_CASE("files of other kinds are refused with the reason") {
  auto const refused = [](std::string const& name, char const* message) {
    std::string const path = "goldens/io/npy/refused_" + name + ".npy";
    CHECK_THROWS_WITH_AS(io::read_npy(path), Contains((path + ": byte ").c_str()), io_error);
    CHECK_THROWS_WITH_AS(io::read_npy(path), Contains(message), io_error);
  };
  refused("fortran", "column-major");
  refused("big_endian", "'>f8' is not supported: it is big-endian");
  refused("f2", "'<f2' is not supported: convert it to float32");
  refused("text", "'<U1' is not supported");
  refused("structure", "structures");
  refused("version2", "byte 6: format version 2.0, only 1.0");
  CHECK_THROWS_WITH_AS(io::read_npy("goldens/io/write_goldens.py"), Contains("byte 0: not a .npy file"), io_error);
  CHECK_THROWS_WITH_AS(io::read_npy("goldens/io/none.npy"), Contains("goldens/io/none.npy: cannot open"), io_error);
  CHECK_THROWS_AS(io::read_npy_folder("goldens/io/npy", {"../npy/f4"}), argument_error);
}

TEST_CASE("the header: keys in any order, each once, and nothing else") {
  CHECK(read(file_of("{'shape':(2,3),'fortran_order':False,'descr':'<f4'}", bytes24)).at("array").shape ==
        std::vector<index_t>{2, 3});
  CHECK(read(file_of("{\"descr\": \"<f4\", \"shape\": (6,), \"fortran_order\": False, }    ", bytes24)).contains("array"));
  CHECK(read(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (6, 1,)}", bytes24)).contains("array"));
  CHECK(read(file_of("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", "12345678")).contains("array"));
  std::string long_shape = "{'descr':'|u1','fortran_order':False,'shape':(0,";  // what xtensor is given has over 127 bytes
  for (int axis = 1; axis < 32; ++axis) long_shape += axis < 18 ? "10," : "1,";
  CHECK(read(file_of(long_shape + ")}", "")).at("array").shape.size() == 32);
  check_refused("", "", "expected '{'");
  check_refused("{}", "", "lacks one of");
  check_refused("{'descr': '<f4', 'fortran_order': False}", bytes24, "lacks one of");
  check_refused("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", bytes24, "twice");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'extra': 1}", bytes24, "a key that is none of");
  check_refused("{'descr': '<f4' 'fortran_order': False, 'shape': (6,)}", bytes24, "expected ',' or '}'");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", bytes24, "one line feed");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (6,)}\n", bytes24, "one line feed");
  check_refused("{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}", bytes24, "expected True or False");
  check_refused("{'descr': '<f4', 'fortran_order': True, 'shape': (6,)}", bytes24, "column-major");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': 6}", bytes24, "expected '('");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (6)}", bytes24, "expected ','");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", bytes24, "expected an extent");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (6.,)}", bytes24, "expected ','");
  check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", bytes24, "at most 63 bits");
  check_refused("{'descr': '<f4, 'fortran_order': False, 'shape': (6,)}", bytes24, "'<f4, ' is not supported");
  check_refused("{'descr': '<f4", bytes24, "ends inside a string");
  check_refused("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", bytes24, "'<f16' is not supported");
  check_refused("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", bytes24, "'|O' is not supported");
}

TEST_CASE("the shape must give just the bytes that follow; products must not overflow") {
  std::string const begin = "{'descr': '<f4', 'fortran_order': False, 'shape': ";
  check_refused(begin + "(7,)}", bytes24, "an array of f32 (7) has 28 bytes, but 24 follow");
  check_refused(begin + "(5,)}", bytes24, "has 20 bytes, but 24 follow");
  check_refused(begin + "(0,)}", bytes24, "has 0 bytes, but 24 follow");
  check_refused(begin + "()}", bytes24, "has 4 bytes, but 24 follow");
  for (char const* shape :
       {"(4294967296, 4294967296, 4)", "(9223372036854775807, 2)", "(0, 9223372036854775807, 9223372036854775807)"})
    CHECK_THROWS_WITH_AS(read(file_of(begin + shape + "}", bytes24)), Contains("is more than memory can hold"), io_error);
  std::string rank33 = begin + "(";
  for (int axis = 0; axis < 33; ++axis) rank33 += "1,";
  check_refused(rank33 + ")}", "1234", "more than 32 axes");
}

TEST_CASE("every cut of a file is refused, and so is a byte too many") {
  std::string const bytes = io::read_file("goldens/io/npy/f8.npy");
  CHECK(read(bytes).contains("array"));
  for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_THROWS_AS(read(bytes.substr(0, n)), io_error);
  CHECK_THROWS_AS(read(bytes + '\0'), io_error);
  support::temporary_folder const folder;
  io::write_file(folder / "cut.npy", bytes.substr(0, 150));
  CHECK_THROWS_WITH_AS(io::read_npy(folder / "cut.npy"), Contains((folder / "cut.npy").c_str()), io_error);
}

TEST_CASE("a bool that is neither 0 nor 1 is refused") {
  CHECK_THROWS_WITH_AS(read(file_of("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", std::string("\0\1\3", 3))),
                       "file: array 'array' is bool, but element 2 is 3", io_error);
}

TEST_CASE("writing: halves and paths are refused, a full disk leaves the old file") {
  support::temporary_folder const folder;
  std::vector<float> const x(10000, 1.5f);
  const_tensor_ref tensor = named("x", vector_view<float const>(x.data(), extents<1>{10000}));
  std::string const path = folder / "x.npy";
  io::write_npy(path, {"x", scalar_type::f32, {}, tensor.data});
  for (long const bytes : {0L, 5L, 64L, 5000L, 40000L})
    support::with_full_disk(bytes,
                            [&] { CHECK_THROWS_WITH_AS(io::write_npy(path, tensor), Contains(path.c_str()), io_error); });
  CHECK(io::read_npy(path).at("x").shape.empty());
  CHECK(folder.count() == 1);
  CHECK_THROWS_AS(io::write_npy(folder / "none/x.npy", tensor), io_error);
  tensor.name = "../x";
  CHECK_THROWS_AS(io::write_npy_folder(folder.path(), {tensor}), argument_error);
  tensor.type = scalar_type::f16;
  CHECK_THROWS_WITH_AS(io::write_npy(path, tensor), Contains("arrays of f16 cannot be written"), argument_error);
  CHECK_THROWS_WITH_AS(io::write_npy_folder(folder / "a/b", {}), Contains("cannot create the folder"), io_error);
}

#endif
