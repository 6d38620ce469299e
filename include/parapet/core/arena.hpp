// A bump allocator for workspaces: measured once, allocated once, then carved into views.
//
//     auto workspace = plan(arena, [&](auto& a) { return net.make_workspace(a, rows); });
//
// `plan` runs the layout twice: the first pass only counts, the second hands out memory. A step that runs on
// the result allocates nothing.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/tensor_view.hpp>

namespace parapet::inline PARAPET_ABI {

/// Carves 64-byte aligned views out of one block. Views stay valid while the arena lives.
template <class Space>
class arena {
public:
  using space = Space;

  /// An array of `shape`; its elements are uninitialised. While measuring, a view that must not be read. Throws
  /// argument_error for a size that cannot be, or for more than was measured.
  template <class T, int Rank>
  tensor_view<T, Rank, Space> take(extents<Rank> const& shape) {
    index_t const bytes = detail::checked_bytes(detail::checked_size(shape), sizeof(T));
    index_t const begin = used_;
    index_t const end = begin + (bytes + storage_alignment - 1) / storage_alignment * storage_alignment;
    used_ = detail::checked_bytes(end, 1);  // half of all numbers, so that the next sum fits too
    if (measuring_) return {nullptr, shape};
    if (used_ > block_.size())
      throw argument_error(detail::concat("arena: ", used_, " bytes taken, ", block_.size(), " were measured"));
    return {reinterpret_cast<T*>(block_.data() + begin), shape};
  }

  /// Bytes handed out so far.
  index_t used() const { return used_; }

  /// Ends the measuring pass: allocates what was counted and starts handing out memory.
  void commit() {
    block_ = buffer<unsigned char, Space>(used_);
    used_ = 0;
    measuring_ = false;
  }

private:
  buffer<unsigned char, Space> block_;
  index_t used_ = 0;
  bool measuring_ = true;
};

/// Runs `layout(memory)` to measure, allocates, and returns the result of running it again on memory.
template <class Space, class Layout>
auto plan(arena<Space>& memory, Layout layout) {
  memory = arena<Space>{};
  layout(memory);
  memory.commit();
  return layout(memory);
}

}  // namespace parapet::inline PARAPET_ABI
