#include <parapet/interop/dlpack.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <numeric>
#include <vector>

using namespace parapet;
using doctest::Contains;

// The layout that the ABI fixes on 64-bit machines.
static_assert(sizeof(interop::dl_tensor) == 48 && offsetof(interop::dl_tensor, device) == 8 &&
              offsetof(interop::dl_tensor, ndim) == 16 && offsetof(interop::dl_tensor, dtype) == 20 &&
              offsetof(interop::dl_tensor, shape) == 24 && offsetof(interop::dl_tensor, strides) == 32 &&
              offsetof(interop::dl_tensor, byte_offset) == 40);
static_assert(sizeof(interop::dl_device) == 8 && sizeof(interop::dl_data_type) == 4);

namespace {

/// A device by its number; the real header has an enumeration for it.
interop::dl_device device(int type) { return {static_cast<decltype(interop::dl_device::device_type)>(type), 0}; }

/// As a framework's own copy of the header declares it: an enumeration for the device, int64_t of another name.
enum their_device_type : int { their_cpu = 1, their_cuda = 2 };
struct their_tensor {
  void* data;
  struct {
    their_device_type device_type;
    std::int32_t device_id;
  } device;
  std::int32_t ndim;
  struct {
    std::uint8_t code, bits;
    std::uint16_t lanes;
  } dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};

}  // namespace

TEST_CASE_TEMPLATE("a view goes out and comes back: the same memory, shape and strides", T, float, double, bool,
                   std::int8_t, std::uint64_t) {
  T memory[24] = {};
  matrix_view<T> const dense(memory, extents<2>{4, 6});
  for (matrix_view<T> const& view : {dense, dense.columns(1, 3), transposed(dense), dense.rows(2, 2)}) {
    interop::dlpack_export out(view);
    interop::dl_tensor const tensor = out.tensor();
    CHECK(tensor.ndim == 2);
    CHECK(tensor.device.device_type == 1);
    auto const back = interop::view_of_dlpack<T, 2>(tensor);
    CHECK(back.data() == view.data());
    CHECK(back.shape() == view.shape());
    CHECK(back.strides() == view.strides());
    auto theirs = out.template tensor<their_tensor>();
    CHECK(interop::view_of_dlpack<T const, 2>(theirs).data() == view.data());
  }
}

TEST_CASE("strides may be missing, data may start at an offset, axes of extent 1 may have any stride") {
  std::vector<float> memory(24);
  std::iota(memory.begin(), memory.end(), 0.0f);
  std::int64_t shape[] = {2, 1, 3}, strides[] = {3, -77, 1};
  interop::dl_tensor tensor{memory.data(), device(1), 3, {2, 32, 1}, shape, nullptr, 8};
  auto const view = interop::view_of_dlpack<float const, 3>(tensor);
  CHECK(view.is_contiguous());
  CHECK(view(1, 0, 2) == 7);
  tensor.strides = strides;
  CHECK(interop::view_of_dlpack<float const, 3>(tensor).is_contiguous());
  tensor.device = device(3);  // pinned host memory
  CHECK(interop::view_of_dlpack<float const, 3>(tensor)(0, 0, 1) == 3);
}

TEST_CASE("everything that does not fit is refused") {
  alignas(8) unsigned char memory[64] = {};
  std::int64_t shape[] = {2, 3}, strides[] = {3, 1};
  interop::dl_tensor const good{memory, device(1), 2, {2, 32, 1}, shape, strides, 0};
  CHECK_NOTHROW(interop::view_of_dlpack<float, 2>(good));
  auto const refused = [&](auto change, char const* message) {
    interop::dl_tensor bad = good;
    change(bad);
    CHECK_THROWS_WITH_AS((interop::view_of_dlpack<float, 2>(bad)), Contains(message), error);
  };
  refused([](auto& t) { t.device = device(2); }, "a device of type 2");
  refused([](auto& t) { t.dtype.code = 0; }, "type code 0 of 32 bits in 1 lanes, expected f32");
  refused([](auto& t) { t.dtype.code = 4; }, "type code 4");
  refused([](auto& t) { t.dtype.bits = 64; }, "64 bits");
  refused([](auto& t) { t.dtype.lanes = 4; }, "4 lanes");
  refused([](auto& t) { t.ndim = 3; }, "3 axes, expected 2");
  refused([](auto& t) { t.ndim = -1; }, "-1 axes");
  refused([](auto& t) { t.shape = nullptr; }, "no shape");
  refused([](auto& t) { t.byte_offset = 2; }, "not aligned");
  refused([](auto& t) { t.data = nullptr; }, "no memory");
  std::int64_t negative[] = {2, -3}, huge[] = {std::int64_t{1} << 40, std::int64_t{1} << 40}, backwards[] = {-3, 1};
  refused([&](auto& t) { t.shape = negative; }, "extent -3 of axis 1");
  refused([&](auto& t) { t.shape = huge; }, "of axis 1 cannot be");
  refused([&](auto& t) { t.strides = backwards; }, "stride -3 of axis 0");
  std::int64_t none[] = {0, 3};
  interop::dl_tensor const empty{nullptr, device(1), 2, {2, 32, 1}, none, nullptr, 64};
  CHECK(interop::view_of_dlpack<float, 2>(empty).empty());
}
