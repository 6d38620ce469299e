// DLPack: arrays across the borders of libraries (NumPy, PyTorch, JAX, CuPy, TensorFlow), without a copy.
//
//     auto v = interop::view_of_dlpack<float, 2>(tensor);   // DLTensor -> tensor_view, all checked
//     interop::dlpack_export out(view);                     // tensor_view -> DLTensor
//     use(out.tensor());
//
// ABI: https://dmlc.github.io/dlpack, the struct DLTensor, unchanged since version 0.2. Where <dlpack/dlpack.h> is
// found its types are used; else the same structs are declared here. The functions take any struct with DLTensor's
// members, so they also work with the copy of the header that a framework brings along.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/core/tensor_view.hpp>

#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#endif

#include <cstdint>
#include <limits>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::interop {

#if __has_include(<dlpack/dlpack.h>)
using dl_device = ::DLDevice;
using dl_data_type = ::DLDataType;
using dl_tensor = ::DLTensor;
#else
struct dl_device {
  std::int32_t device_type;
  std::int32_t device_id;
};
struct dl_data_type {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct dl_tensor {
  void* data;
  dl_device device;
  std::int32_t ndim;
  dl_data_type dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null for a dense row-major array
  std::uint64_t byte_offset;
};
#endif

namespace detail {

using parapet::detail::concat;

/// DLPack's numbers for devices whose memory a view in `Space` may point to; the first one is written.
template <class Space>
struct dlpack_device;
template <>
struct dlpack_device<host_space> {
  static constexpr std::int32_t types[] = {1, 3, 11};  // CPU, host memory pinned by CUDA, by ROCm
};

/// DLPack's codes: 0 signed integer, 1 unsigned, 2 float, 6 bool.
template <class T>
constexpr std::uint8_t dlpack_code() {
  using value = std::remove_const_t<T>;
  if constexpr (std::is_same_v<value, bool>) return 6;
  else if constexpr (std::is_floating_point_v<value>) return 2;
  else return std::is_signed_v<value> ? 0 : 1;
}

}  // namespace detail

/// The array of a DLTensor as a view of const or mutable T with Rank axes; it is valid while the producer keeps the
/// memory. Throws argument_error for another device or type, a negative or misplaced stride or extent, and shape_error
/// for another rank.
template <class T, int Rank, class Space = host_space, class Tensor>
tensor_view<T, Rank, Space> view_of_dlpack(Tensor const& tensor) {
  bool known_device = false;
  for (std::int32_t const type : detail::dlpack_device<Space>::types)
    known_device |= type == static_cast<std::int32_t>(tensor.device.device_type);
  if (!known_device)
    throw argument_error(detail::concat("DLPack: the array is on a device of type ",
                                        static_cast<int>(tensor.device.device_type), ", which this view cannot reach"));
  if (tensor.dtype.code != detail::dlpack_code<T>() || tensor.dtype.bits != 8 * sizeof(T) || tensor.dtype.lanes != 1)
    throw argument_error(detail::concat("DLPack: the array has type code ", int{tensor.dtype.code}, " of ",
                                        int{tensor.dtype.bits}, " bits in ", int{tensor.dtype.lanes}, " lanes, expected ",
                                        name_of(scalar_type_of<std::remove_const_t<T>>())));
  if (tensor.ndim != Rank)
    throw shape_error(detail::concat("DLPack: the array has ", tensor.ndim, " axes, expected ", Rank));
  if (tensor.shape == nullptr) throw argument_error("DLPack: the array has no shape");

  extents<Rank> shape{}, strides{};
  index_t span = sizeof(T);  // checked to multiply without overflow, an extent of 0 counted as 1
  for (int axis = 0; axis < Rank; ++axis) {
    shape[axis] = tensor.shape[axis];
    if (shape[axis] < 0 || (shape[axis] > 0 && span > std::numeric_limits<index_t>::max() / 2 / shape[axis]))
      throw argument_error(detail::concat("DLPack: extent ", shape[axis], " of axis ", axis, " cannot be"));
    span *= shape[axis] > 0 ? shape[axis] : 1;
  }
  extents<Rank> const dense = row_major_strides(shape);
  for (int axis = 0; axis < Rank; ++axis) {
    strides[axis] = tensor.strides == nullptr || shape[axis] == 1 ? dense[axis] : tensor.strides[axis];
    if (strides[axis] < 0)
      throw argument_error(detail::concat("DLPack: stride ", strides[axis], " of axis ", axis, ", expected none below 0"));
  }
  auto* const data = static_cast<unsigned char*>(tensor.data) + (tensor.data == nullptr ? 0 : tensor.byte_offset);
  if (reinterpret_cast<std::uintptr_t>(data) % alignof(T) != 0)
    throw argument_error("DLPack: the array is not aligned to its elements");
  if (data == nullptr && shape.size() != 0) throw argument_error("DLPack: the array has no memory");
  return {reinterpret_cast<T*>(data), shape, strides};
}

/// Shape and strides of a view in DLPack's form. Must live while the DLTensor is used; the memory stays the view's.
/// DLPack knows no const: a consumer must not write to what was exported from a view of const elements.
template <int Rank>
class dlpack_export {
public:
  template <class T, class Space>
  explicit dlpack_export(tensor_view<T, Rank, Space> const& view, std::int32_t device_id = 0)
      : data_(const_cast<std::remove_const_t<T>*>(view.data())),
        device_type_(detail::dlpack_device<Space>::types[0]),
        device_id_(device_id),
        type_{detail::dlpack_code<T>(), static_cast<std::uint8_t>(8 * sizeof(T)), 1} {
    for (int axis = 0; axis < Rank; ++axis) {
      shape_[axis] = view.extent(axis);
      strides_[axis] = view.stride(axis);
    }
  }

  /// `Tensor` is the DLTensor of the header that the consumer was built with.
  template <class Tensor = dl_tensor>
  Tensor tensor() {
    Tensor out{};
    out.data = data_;
    out.device.device_type = static_cast<decltype(out.device.device_type)>(device_type_);
    out.device.device_id = device_id_;
    out.ndim = Rank;
    out.dtype.code = type_.code;
    out.dtype.bits = type_.bits;
    out.dtype.lanes = type_.lanes;
    out.shape = shape_;
    out.strides = strides_;
    out.byte_offset = 0;
    return out;
  }

private:
  void* data_;
  std::int32_t device_type_, device_id_;
  dl_data_type type_;
  std::int64_t shape_[Rank], strides_[Rank];
};

template <class T, int Rank, class Space>
dlpack_export(tensor_view<T, Rank, Space> const&) -> dlpack_export<Rank>;

}  // namespace parapet::inline PARAPET_ABI::interop
