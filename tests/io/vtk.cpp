#include <parapet/io/file.hpp>
#include <parapet/io/vtk.hpp>

#include "io/temporary_folder.hpp"
#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace parapet;
using support::generate;

namespace {

std::string bytes_of(std::string const& path) {
  io::file_reader const file(path);
  std::string bytes(static_cast<std::size_t>(file.size()), ' ');
  file.read(0, bytes.data(), file.size());
  return bytes;
}

}  // namespace

TEST_CASE("a volume is written as VTK reads it: header, x fastest, big-endian") {
  support::temporary_folder const folder;
  auto const x = generate<float>(extents<3>{{2, 1, 3}}, [](index_t i) { return i; });  // x(i, 0, k) = 3 i + k
  std::string const path = folder / "volume.vtk";
  io::write_vtk(path, "V", x.read(), {-1, 0.1, 2}, {0.5, 1, 0.25});
  std::string const header = "# vtk DataFile Version 3.0\nParapet\nBINARY\nDATASET STRUCTURED_POINTS\nDIMENSIONS 2 1 3\nORIGIN -1 0.1 2\n"
                             "SPACING 0.5 1 0.25\nPOINT_DATA 6\nSCALARS V float 1\nLOOKUP_TABLE default\n";
  std::string const bytes = bytes_of(path);
  REQUIRE(bytes.size() == header.size() + 6 * 4 + 1);
  CHECK(bytes.substr(0, header.size()) == header);
  std::string const data = bytes.substr(header.size(), 24);
  CHECK(data.substr(0, 4) == std::string("\0\0\0\0", 4));           // 0
  CHECK(data.substr(4, 4) == std::string("\x40\x40\0\0", 4));       // 3
  CHECK(data.substr(8, 4) == std::string("\x3f\x80\0\0", 4));       // 1
  CHECK(data.substr(12, 4) == std::string("\x40\x80\0\0", 4));      // 4
}

TEST_CASE("a plane of doubles is a volume of one layer") {
  support::temporary_folder const folder;
  auto const x = generate<double>(extents<2>{{2, 2}}, [](index_t i) { return i; });
  std::string const path = folder / "plane.vtk";
  io::write_vtk(path, "V", x.read(), {0, 0}, {1, 1});
  std::string const bytes = bytes_of(path);
  CHECK(support::contains(bytes, "DIMENSIONS 2 2 1\n"));
  CHECK(support::contains(bytes, "SCALARS V double 1\n"));
  CHECK(bytes.substr(bytes.size() - 1 - 24, 8) == std::string("\x40\0\0\0\0\0\0\0", 8));  // (1, 0) = 2 comes second
}

TEST_CASE("what VTK cannot show is refused") {
  support::temporary_folder const folder;
  auto const x = generate<float>(extents<3>{{2, 1, 3}}, [](index_t i) { return i; });
  std::string const path = folder / "volume.vtk";
  using support::contains;
  auto const refusal = [&](auto const& name, std::array<double, 3> spacing, extents<3> shape) {
    return support::message_of<argument_error>([&] { io::write_vtk(path, name, tensor_view<float const, 3>(x.flat().data(), shape), {0, 0, 0}, spacing); });
  };
  CHECK(contains(refusal("V", {1, 0, 1}, x.shape()), "a spacing of 0"));
  CHECK(contains(refusal("V", {1, 1, 1}, {{2, 0, 3}}), "has nothing to show"));
  CHECK(contains(refusal("two words", {1, 1, 1}, x.shape()), "white space"));
  CHECK(contains(refusal("", {1, 1, 1}, x.shape()), "is empty"));
}
