// NumPy's .npy files, one array each, through xtensor (link parapet::xtensor).
//
// xtensor's reader checks neither the length of the file nor the numbers in the header, takes header lengths of 128 to
// 255 for negative ones, and wants the keys in order. So io/npy_header.hpp reads the header first: the extents must
// multiply to just the bytes that follow. xtensor then gets a header that was written here, and the data.
#pragma once

// g++ 12 with sanitizers believes that <regex>, which xtensor uses, reads what is not set.
#pragma GCC diagnostic push
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#if __has_include(<xtensor/io/xnpy.hpp>)  // xtensor 0.26 and later
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/io/xnpy.hpp>
#elif __has_include(<xtensor/xnpy.hpp>)
#include <xtensor/xadapt.hpp>
#include <xtensor/xnpy.hpp>
#else
#error "parapet/io/npy.hpp needs xtensor: link the CMake target parapet::xtensor (docs/io.md)"
#endif
#pragma GCC diagnostic pop

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/io/convert.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/npy_header.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <istream>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {
namespace detail {

/// Calls f(T{}) with the C++ type of an array, which must be one of npy_types.
template <class F>
auto with_npy_type(scalar_type type, F f) {
  switch (type) {
    case scalar_type::boolean: return f(bool{});
    case scalar_type::u8: return f(std::uint8_t{});
    case scalar_type::i8: return f(std::int8_t{});
    case scalar_type::u16: return f(std::uint16_t{});
    case scalar_type::i16: return f(std::int16_t{});
    case scalar_type::u32: return f(std::uint32_t{});
    case scalar_type::i32: return f(std::int32_t{});
    case scalar_type::u64: return f(std::uint64_t{});
    case scalar_type::i64: return f(std::int64_t{});
    case scalar_type::f32: return f(float{});
    default: return f(double{});
  }
}

/// A stream of checked bytes for xtensor: a header written here, then data that `read(offset, to, bytes)` brings.
template <class Read>
class npy_stream_buffer : public std::streambuf {
public:
  npy_stream_buffer(npy_layout const& layout, Read read) : read_(std::move(read)), at_(layout.begin) {
    std::string text = concat("{'descr': '", npy_descr(layout.type), "', 'fortran_order': False, 'shape': (");
    for (index_t const extent : layout.shape) text += std::to_string(extent) + ',';
    text += ")}";
    while ((text.size() + 1) % 256 >= 128) text += ' ';  // xtensor reads the low byte of the length as a signed one
    text += '\n';
    header_ = "\x93NUMPY\x01";
    header_ += {'\0', static_cast<char>(text.size() & 255), static_cast<char>(text.size() >> 8)};
    header_ += text;
    setg(header_.data(), header_.data(), header_.data() + header_.size());
  }

protected:
  std::streamsize xsgetn(char* to, std::streamsize count) override {
    std::streamsize const from_header = std::min<std::streamsize>(count, egptr() - gptr());
    std::memcpy(to, gptr(), static_cast<std::size_t>(from_header));
    setg(eback(), gptr() + from_header, egptr());
    if (count > from_header) read_(at_, to + from_header, static_cast<index_t>(count - from_header));
    at_ += static_cast<index_t>(count - from_header);
    return count;
  }

private:
  std::string header_;
  Read read_;
  index_t at_;
};

/// Appends an array to `archive`; `read` brings bytes of the file.
template <class Read>
void load_npy(tensor_archive& archive, std::string name, npy_layout const& layout, Read read) {
  npy_stream_buffer<Read> buffer(layout, std::move(read));
  std::istream stream(&buffer);
  stream.exceptions(std::ios::badbit);  // lets an io_error of `read` through
  tensor_ref const tensor = archive.add(std::move(name), layout.type, layout.shape);
  with_npy_type(layout.type, [&]<class T>(T) {
    auto const array = xt::load_npy<T>(stream);
    if (tensor.bytes() != 0) std::memcpy(tensor.data, array.data(), static_cast<std::size_t>(tensor.bytes()));
  });
  check_booleans(archive.source(), tensor);
}

/// Reads the array of a file into `archive` under `name`.
inline void read_npy_into(tensor_archive& archive, std::string name, std::string const& path) {
  file_reader const file(path);
  npy_layout const layout = read_npy_layout(file);
  load_npy(archive, std::move(name), layout, [&](index_t offset, char* to, index_t bytes) { file.read(offset, to, bytes); });
}

}  // namespace detail

/// The array of a .npy file, alone in an archive under the name of the file without its folder and ".npy".
inline tensor_archive read_npy(std::string const& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".npy")) name.resize(name.size() - 4);
  tensor_archive archive(path);
  detail::read_npy_into(archive, std::move(name), path);
  return archive;
}

/// The same from memory, under the name "array"; `source` names the bytes in messages.
inline tensor_archive read_npy_from(vector_view<unsigned char const> const& bytes, std::string const& source) {
  detail::check_has_npy_prefix(bytes.size(), source);
  index_t const length = detail::parse_npy_prefix(bytes.data(), bytes.size(), source);
  auto const* const text = reinterpret_cast<char const*>(bytes.data() + detail::npy_prefix);
  npy_layout const layout = detail::parse_npy_header({text, static_cast<std::size_t>(length)}, bytes.size(), source);
  tensor_archive archive(source);
  detail::load_npy(archive, "array", layout, [&](index_t offset, char* to, index_t count) {
    std::memcpy(to, bytes.data() + offset, static_cast<std::size_t>(count));
  });
  return archive;
}

/// Writes one array, complete or not at all. Throws argument_error for f16 and bf16, which .npy and xtensor do not share.
inline void write_npy(std::string const& path, const_tensor_ref const& tensor) {
  if (detail::npy_descr(tensor.type).empty())
    throw argument_error(detail::concat(path, ": arrays of ", name_of(tensor.type), " cannot be written as .npy"));
  atomic_file file(path);
  std::vector<std::size_t> const shape(tensor.shape.begin(), tensor.shape.end());
  auto const size = static_cast<std::size_t>(tensor.size());
  detail::with_npy_type(tensor.type, [&]<class T>(T) {
    xt::dump_npy(file.temporary(), xt::adapt(reinterpret_cast<T const*>(tensor.data), size, xt::no_ownership(), shape));
  });
  try {  // xtensor does not report a write that failed; a file that lacks nothing passes the reader's checks
    detail::read_npy_layout(file_reader(file.temporary()));
  } catch (io_error const&) {
    throw io_error(detail::concat(path, ": only ", file.size(), " bytes could be written: is the disk full?"));
  }
  file.commit();
}

/// Writes each array to `folder/NAME.npy`, and creates the folder where there is none. Each file is complete or
/// absent; the folder as a whole may be of two generations after a crash.
inline void write_npy_folder(std::string const& folder, std::vector<const_tensor_ref> const& tensors) {
  for (const_tensor_ref const& tensor : tensors)
    if (!detail::is_plain_file_name(tensor.name))
      throw argument_error(detail::concat(folder, ": ", detail::printable(tensor.name), " cannot be the name of a file"));
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
    detail::throw_system_error(folder, "cannot create the folder", errno);
  for (const_tensor_ref const& tensor : tensors) write_npy(folder + '/' + tensor.name + ".npy", tensor);
}

/// Reads `folder/NAME.npy` for each name.
inline tensor_archive read_npy_folder(std::string const& folder, std::vector<std::string> const& names) {
  tensor_archive archive(folder);
  for (std::string const& name : names) {
    if (!detail::is_plain_file_name(name))
      throw argument_error(detail::concat(folder, ": ", detail::printable(name), " cannot be the name of a file"));
    detail::read_npy_into(archive, name, folder + '/' + name + ".npy");
  }
  return archive;
}

}  // namespace parapet::inline PARAPET_ABI::io
