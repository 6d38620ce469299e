// Volumes for ParaView and other readers of VTK's legacy format: values on an evenly spaced grid of up to three axes.
//
//     io::write_vtk("value.vtk", "V", values, {low_x, low_y, low_z}, {dx, dy, dz});
//
// The file says STRUCTURED_POINTS and holds big-endian 32-bit floats or 64-bit doubles, x fastest; `values` (nx, ny, nz) is
// row-major as everywhere here. VTK file formats: "The VTK User's Guide", 11th edition, chapter 19.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/text.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::io {

namespace detail {

inline std::string vtk_number(double x) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

/// Bytes of x, the most significant first.
template <class T>
void append_big_endian(std::string& out, T x) {
  std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t> bits;
  std::memcpy(&bits, &x, sizeof bits);
  for (int byte = static_cast<int>(sizeof bits) - 1; byte >= 0; --byte) out += static_cast<char>(bits >> (8 * byte) & 0xff);
}

}  // namespace detail

/// Writes `values` (nx, ny, nz) under `name`; node (i, j, k) is at origin + (i, j, k) * spacing. The file is complete or absent. Throws
/// argument_error for an empty array, a spacing that is not positive, and a name that is empty or has white space; io_error.
template <class T>
void write_vtk(std::string const& path, std::string_view name, tensor_view<T, 3> const& values, std::array<double, 3> const& origin,
               std::array<double, 3> const& spacing) {
  using element = std::remove_const_t<T>;
  static_assert(std::is_same_v<element, float> || std::is_same_v<element, double>, "write_vtk: float or double");
  if (values.size() == 0) throw argument_error(detail::concat(path, ": an array of shape ", values.shape(), " has nothing to show"));
  for (double const s : spacing)
    if (!(s > 0)) throw argument_error(detail::concat(path, ": a spacing of ", s, ", expected a positive one"));
  if (name.empty() || name.find_first_of(" \t\r\n") != name.npos)
    throw argument_error(detail::concat(path, ": the name ", detail::printable(name), " is empty or has white space"));
  std::string text = "# vtk DataFile Version 3.0\nParapet\nBINARY\nDATASET STRUCTURED_POINTS\nDIMENSIONS";
  for (int a = 0; a < 3; ++a) text += detail::concat(' ', values.extent(a));
  text += "\nORIGIN";
  for (double const x : origin) text += ' ' + detail::vtk_number(x);
  text += "\nSPACING";
  for (double const x : spacing) text += ' ' + detail::vtk_number(x);
  text += detail::concat("\nPOINT_DATA ", values.size(), "\nSCALARS ", name, sizeof(element) == 4 ? " float 1" : " double 1", "\nLOOKUP_TABLE default\n");
  atomic_file file(path);
  for (index_t k = 0; k < values.extent(2); ++k) {
    for (index_t j = 0; j < values.extent(1); ++j)
      for (index_t i = 0; i < values.extent(0); ++i) detail::append_big_endian(text, static_cast<element>(values(i, j, k)));
    file.write(text);
    text.clear();
  }
  file.write("\n");
  file.commit();
}

/// The same in a plane: `values` (nx, ny).
template <class T>
void write_vtk(std::string const& path, std::string_view name, tensor_view<T, 2> const& values, std::array<double, 2> const& origin,
               std::array<double, 2> const& spacing) {
  extents<3> const shape{{values.extent(0), values.extent(1), 1}}, strides{{values.stride(0), values.stride(1), 1}};
  write_vtk(path, name, tensor_view<T, 3>(values.data(), shape, strides), {origin[0], origin[1], 0}, {spacing[0], spacing[1], 1});
}

}  // namespace parapet::inline PARAPET_ABI::io
