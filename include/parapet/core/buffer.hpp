// Owning storage: a fixed number of trivially copyable elements in one memory space, 64-byte aligned.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/core/space.hpp>
#include <parapet/core/tensor_view.hpp>

#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI {

/// Move-only array of `size` elements; contents are uninitialised until written.
template <class T, class Space>
class buffer {
public:
  static_assert(std::is_trivially_copyable_v<T>, "buffer: elements must be trivially copyable");

  buffer() = default;
  /// Throws argument_error for a size that cannot be, std::bad_alloc where memory has run out.
  explicit buffer(index_t size)
      : data_(static_cast<T*>(Space::allocate(detail::checked_bytes(size, sizeof(T))))), size_(size) {}
  buffer(buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  buffer& operator=(buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~buffer() {
    if (data_ != nullptr) Space::deallocate(data_);
  }

  T* data() { return data_; }
  T const* data() const { return data_; }
  index_t size() const { return size_; }

  vector_view<T, Space> view() { return {data_, extents<1>{size_}}; }
  vector_view<T const, Space> view() const { return {data_, extents<1>{size_}}; }

  /// The first shape.size() elements as an array of that shape. Throws shape_error where there are fewer.
  template <int Rank>
  tensor_view<T, Rank, Space> view(extents<Rank> const& shape) {
    check_fits(shape);
    return {data_, shape};
  }
  template <int Rank>
  tensor_view<T const, Rank, Space> view(extents<Rank> const& shape) const {
    check_fits(shape);
    return {data_, shape};
  }

private:
  template <int Rank>
  void check_fits(extents<Rank> const& shape) const {
    if (detail::checked_size(shape) > size_)
      throw shape_error(detail::concat("view of shape ", shape, " over a buffer of ", size_, " elements"));
  }

  T* data_ = nullptr;
  index_t size_ = 0;
};

}  // namespace parapet::inline PARAPET_ABI
