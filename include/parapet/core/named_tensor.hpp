// Arrays with names: what learners and data sets hand to files and take back, without knowing any file format.
//
// A `tensor_ref` points into memory that somebody else owns; a `tensor_archive` owns what a reader has read. Arrays are
// dense, row-major, in host memory, in the byte order of the machine.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI {

/// Element types that a file may hold. The library computes in f32 and f64 and converts the others when asked.
enum class scalar_type { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64 };

/// Bytes of one element.
constexpr index_t size_of(scalar_type type) {
  switch (type) {
    case scalar_type::boolean:
    case scalar_type::u8:
    case scalar_type::i8: return 1;
    case scalar_type::u16:
    case scalar_type::i16:
    case scalar_type::f16:
    case scalar_type::bf16: return 2;
    case scalar_type::u32:
    case scalar_type::i32:
    case scalar_type::f32: return 4;
    case scalar_type::u64:
    case scalar_type::i64:
    case scalar_type::f64: return 8;
  }
  return 0;
}

constexpr char const* name_of(scalar_type type) {
  constexpr char const* names[] = {"bool", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f16", "bf16", "f32", "f64"};
  return names[static_cast<int>(type)];
}

/// The scalar_type of a C++ type.
template <class T>
constexpr scalar_type scalar_type_of() {
  if constexpr (std::is_same_v<T, bool>) return scalar_type::boolean;
  else if constexpr (std::is_same_v<T, float>) return scalar_type::f32;
  else if constexpr (std::is_same_v<T, double>) return scalar_type::f64;
  else if constexpr (std::is_same_v<T, bfloat16>) return scalar_type::bf16;
  else {
    static_assert(std::is_integral_v<T>, "scalar_type_of: bool, an integer, float, double or bfloat16");
    constexpr bool is_signed = std::is_signed_v<T>;
    if constexpr (sizeof(T) == 1) return is_signed ? scalar_type::i8 : scalar_type::u8;
    else if constexpr (sizeof(T) == 2) return is_signed ? scalar_type::i16 : scalar_type::u16;
    else if constexpr (sizeof(T) == 4) return is_signed ? scalar_type::i32 : scalar_type::u32;
    else return is_signed ? scalar_type::i64 : scalar_type::u64;
  }
}

/// Name, type, shape and place of one array; Byte is `unsigned char`, const where the array is only read.
template <class Byte>
struct basic_tensor_ref {
  std::string name;
  scalar_type type = scalar_type::f32;
  std::vector<index_t> shape;
  Byte* data = nullptr;

  index_t size() const {
    index_t n = 1;
    for (index_t extent : shape) n *= extent;
    return n;
  }
  index_t bytes() const { return size() * size_of(type); }

  /// What may be written may be read. A template, as nvcc warns of a conversion to one's own type.
  template <class Read>
    requires(std::is_same_v<Read, Byte const> && !std::is_const_v<Byte>)
  operator basic_tensor_ref<Read>() const {
    return {name, type, shape, data};
  }
};
using tensor_ref = basic_tensor_ref<unsigned char>;
using const_tensor_ref = basic_tensor_ref<unsigned char const>;

/// A dense view under a name. Throws shape_error for a view with gaps.
template <class T, int Rank>
auto named(std::string name, tensor_view<T, Rank> const& view) {
  using byte = std::conditional_t<std::is_const_v<T>, unsigned char const, unsigned char>;
  if (!view.is_contiguous()) throw shape_error(detail::concat("'", name, "' must be dense to be saved or loaded"));
  return basic_tensor_ref<byte>{std::move(name), scalar_type_of<std::remove_const_t<T>>(),
                                std::vector<index_t>(view.shape().values, view.shape().values + Rank),
                                reinterpret_cast<byte*>(view.data())};
}

/// "(2, 3)", for messages.
inline std::string shape_text(std::vector<index_t> const& shape) {
  std::string out = "(";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (axis != 0) out += ", ";
    out += std::to_string(shape[axis]);
  }
  return out + ')';
}

/// An array as a view of T with Rank axes. Throws io_error where its type or rank differs; `source` names the file.
template <class T, int Rank>
tensor_view<T const, Rank> view_of(const_tensor_ref const& tensor, std::string_view source) {
  if (tensor.type != scalar_type_of<T>() || tensor.shape.size() != Rank)
    throw io_error(detail::concat(source, ": array ", detail::printable(tensor.name), " is ", name_of(tensor.type), " ", shape_text(tensor.shape),
                                  ", expected ", name_of(scalar_type_of<T>()), " with ", Rank, " axes"));
  extents<Rank> shape{};
  for (int axis = 0; axis < Rank; ++axis) shape[axis] = tensor.shape[static_cast<std::size_t>(axis)];
  return {reinterpret_cast<T const*>(tensor.data), shape};
}

/// Arrays and text that a reader has read, by name.
class tensor_archive {
public:
  tensor_archive() = default;
  /// `source` names the file in messages.
  explicit tensor_archive(std::string source) : source_(std::move(source)) {}

  std::string const& source() const { return source_; }
  std::map<std::string, std::string>& metadata() { return metadata_; }
  std::map<std::string, std::string> const& metadata() const { return metadata_; }

  /// Adds an array with uninitialised elements and returns where to write them. Throws io_error for a name in use,
  /// argument_error for a size that cannot be.
  tensor_ref add(std::string name, scalar_type type, std::vector<index_t> shape) {
    if (contains(name)) throw io_error(detail::concat(source_, ": two arrays are named ", detail::printable(name)));
    tensor_ref ref{std::move(name), type, std::move(shape), nullptr};
    index_t const count = detail::checked_size(ref.shape.data(), ref.shape.data() + ref.shape.size());
    buffer<unsigned char> memory(detail::checked_bytes(count, size_of(type)));
    ref.data = memory.data();
    memory_.push_back(std::move(memory));
    place_[ref.name] = tensors_.size();
    tensors_.push_back(ref);
    return ref;
  }

  std::vector<tensor_ref> const& tensors() const { return tensors_; }
  bool contains(std::string_view name) const { return place_.find(name) != place_.end(); }

  /// The array `name`; throws io_error where there is none.
  const_tensor_ref at(std::string_view name) const {
    if (auto const found = place_.find(name); found != place_.end()) return tensors_[found->second];
    std::string message = detail::concat(source_, ": no array named ", detail::printable(name), "; there are:");
    constexpr std::size_t most = 20;
    for (std::size_t k = 0; k < tensors_.size() && k < most; ++k) message += ' ' + detail::printable(tensors_[k].name);
    if (tensors_.size() > most) message += detail::concat(" and ", tensors_.size() - most, " more");
    throw io_error(message);
  }

  /// The array `name` as a view of T with Rank axes; throws io_error where its type or rank differs.
  template <class T, int Rank>
  tensor_view<T const, Rank> view(std::string_view name) const {
    return view_of<T, Rank>(at(name), source_);
  }

private:
  std::string source_;
  std::map<std::string, std::string> metadata_;
  std::vector<tensor_ref> tensors_;
  std::map<std::string, std::size_t, std::less<>> place_;  // in tensors_
  std::vector<buffer<unsigned char>> memory_;
};

}  // namespace parapet::inline PARAPET_ABI
