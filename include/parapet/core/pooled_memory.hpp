// Memory for what lives within one call: its caller keeps it, and after the most demanding call it allocates nothing.
//
//     pooled_memory memory;                                                        // the caller's, for one call at a time
//     tokenizer.encode(text, tokens, guard::text_start::by_itself, memory);
//
// Pieces, each a power of two in size, are cut from a block one after the other; one that is given back goes to the next that asks for its
// size. When all are given back it begins again, with one block in place of several. Pieces above a mebibyte are not kept: a huge text
// leaves no huge memory behind.
#pragma once

#include <parapet/config.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <new>
#include <vector>

namespace parapet::inline PARAPET_ABI {

/// A std::pmr::memory_resource, for one thread at a time. A copy begins empty and an assignment changes nothing, so that an object that has
/// one for its own calls can be copied.
class pooled_memory final : public std::pmr::memory_resource {
public:
  pooled_memory() = default;
  pooled_memory(pooled_memory const&) noexcept {}
  pooled_memory& operator=(pooled_memory const&) noexcept { return *this; }

private:
  static constexpr std::size_t smallest = 16, first_block = std::size_t{1} << 14, largest_kept = std::size_t{1} << 20;
  static constexpr std::size_t sizes = std::bit_width(largest_kept / smallest);
  struct given_back {
    given_back* next;
  };
  struct block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size;
  };

  static bool kept(std::size_t bytes, std::size_t alignment) { return bytes <= largest_kept && alignment <= alignof(std::max_align_t); }
  /// Which power of two, from the smallest.
  static std::size_t size_class(std::size_t bytes) { return bytes <= smallest ? 0 : static_cast<std::size_t>(std::bit_width((bytes - 1) / smallest)); }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (!kept(bytes, alignment)) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    std::size_t const which = size_class(bytes), size = smallest << which;
    if (given_back* const piece = free_[which]) {
      free_[which] = piece->next;
      ++taken_;
      return piece;
    }
    if (blocks_.empty() || blocks_.back().size - used_ < size) add_block(size);
    std::byte* const piece = blocks_.back().bytes.get() + used_;
    used_ += size;
    ++taken_;
    return piece;
  }

  void do_deallocate(void* piece, std::size_t bytes, std::size_t alignment) override {
    if (!kept(bytes, alignment)) return std::pmr::new_delete_resource()->deallocate(piece, bytes, alignment);
    std::size_t const which = size_class(bytes);
    free_[which] = ::new (piece) given_back{free_[which]};
    if (--taken_ == 0) begin_again();
  }

  bool do_is_equal(std::pmr::memory_resource const& other) const noexcept override { return this == &other; }

  void add_block(std::size_t least) {
    std::size_t const size = std::max({least, first_block, total_});  // doubles what there is
    blocks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
    total_ = blocks_.size() == 1 ? size : total_ + size;
    used_ = 0;
  }

  void begin_again() noexcept {
    free_.fill(nullptr);
    used_ = 0;
    if (blocks_.size() > 1) blocks_.clear();  // the next is as large as all of them
  }

  std::vector<block> blocks_;
  std::array<given_back*, sizes> free_{};  // by size
  std::size_t used_ = 0;                   // bytes of the last block
  std::size_t taken_ = 0;                  // pieces
  std::size_t total_ = 0;                  // bytes of the blocks, or that the next has to have
};

}  // namespace parapet::inline PARAPET_ABI
