// What io/hdf5.hpp needs of libhdf5's C interface: handles that close themselves, errors as exceptions, element types.
#pragma once

#if __has_include(<hdf5.h>)
#include <hdf5.h>
#else
#error "parapet/io/hdf5.hpp needs HDF5: link the CMake target parapet::hdf5 (docs/io.md)"
#endif

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/io/text.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parapet::inline PARAPET_ABI::io::detail {

/// libhdf5's object handle; `Close` is the function that gives it back.
template <herr_t (*Close)(hid_t)>
class hdf5_handle {
public:
  explicit hdf5_handle(hid_t id) : id_(id) {}
  hdf5_handle(hdf5_handle const&) = delete;
  ~hdf5_handle() {
    if (id_ >= 0) Close(id_);
  }
  operator hid_t() const { return id_; }

private:
  hid_t id_;
};
using hdf5_file = hdf5_handle<H5Fclose>;
using hdf5_dataset = hdf5_handle<H5Dclose>;
using hdf5_type = hdf5_handle<H5Tclose>;
using hdf5_space = hdf5_handle<H5Sclose>;
using hdf5_properties = hdf5_handle<H5Pclose>;
using hdf5_attribute = hdf5_handle<H5Aclose>;

/// Keeps libhdf5 from printing its error stack to stderr while this lives.
class hdf5_silence {
public:
  hdf5_silence() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  hdf5_silence(hdf5_silence const&) = delete;
  ~hdf5_silence() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }

private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// Throws io_error with the innermost reason on libhdf5's error stack.
[[noreturn]] inline void fail_hdf5(std::string const& where, std::string_view what) {
  std::string reason;
  auto const first = [](unsigned depth, H5E_error2_t const* entry, void* out) -> herr_t {
    if (depth == 0 && entry->desc != nullptr) *static_cast<std::string*>(out) = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first, &reason);
  throw io_error(concat(where, ": ", what, reason.empty() ? "" : ": ", reason));
}

/// For calls that return a negative number when they fail.
template <class Result>
Result check_hdf5(Result result, std::string const& where, std::string_view what) {
  if (result < 0) fail_hdf5(where, what);
  return result;
}

/// libhdf5's type in memory of an element of ours. f16 and bf16 have none.
inline std::optional<hid_t> hdf5_memory_type(scalar_type type) {
  switch (type) {
    case scalar_type::u8: return H5T_NATIVE_UINT8;
    case scalar_type::boolean:
    case scalar_type::i8: return H5T_NATIVE_INT8;
    case scalar_type::u16: return H5T_NATIVE_UINT16;
    case scalar_type::i16: return H5T_NATIVE_INT16;
    case scalar_type::u32: return H5T_NATIVE_UINT32;
    case scalar_type::i32: return H5T_NATIVE_INT32;
    case scalar_type::u64: return H5T_NATIVE_UINT64;
    case scalar_type::i64: return H5T_NATIVE_INT64;
    case scalar_type::f32: return H5T_NATIVE_FLOAT;
    case scalar_type::f64: return H5T_NATIVE_DOUBLE;
    default: return std::nullopt;
  }
}

/// h5py's bool: an enumeration over int8 of FALSE = 0 and TRUE = 1.
inline hid_t make_hdf5_bool() {
  hid_t const type = H5Tenum_create(H5T_NATIVE_INT8);
  std::int8_t value = 0;
  H5Tenum_insert(type, "FALSE", &value);
  value = 1;
  H5Tenum_insert(type, "TRUE", &value);
  return type;
}

/// Our type for the elements of a dataset.
inline scalar_type parse_hdf5_type(hid_t type, std::string const& where) {
  std::size_t const bytes = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      if (bytes <= 4) return scalar_type::f32;  // halves become float
      if (bytes == 8) return scalar_type::f64;
      break;
    case H5T_INTEGER: {
      bool const is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
      if (bytes == 1) return is_signed ? scalar_type::i8 : scalar_type::u8;
      if (bytes == 2) return is_signed ? scalar_type::i16 : scalar_type::u16;
      if (bytes == 4) return is_signed ? scalar_type::i32 : scalar_type::u32;
      if (bytes == 8) return is_signed ? scalar_type::i64 : scalar_type::u64;
      break;
    }
    case H5T_ENUM: {
      hdf5_type const expected(make_hdf5_bool());
      if (H5Tequal(type, expected) > 0) return scalar_type::boolean;
      break;
    }
    default: break;
  }
  throw io_error(where + ": its type is not a number of at most 64 bits or a bool");
}

}  // namespace parapet::inline PARAPET_ABI::io::detail
