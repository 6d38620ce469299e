// A batch that is written on the host and read by a backend: the same memory on the CPU, a copy of it elsewhere.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/token_batch.hpp>
#include <parapet/nn/attention.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Tokens at positions of their own, for passes over a cache or a tree. Cleared and filled again it allocates nothing.
template <class Space>
class staged_batch {
public:
  staged_batch() = default;
  /// Room for `tokens` tokens of `sequences` sequences, that of the backend from `memory`.
  staged_batch(arena<Space>& memory, index_t tokens, index_t sequences) {
    ids_.reserve(static_cast<std::size_t>(tokens));
    positions_.reserve(static_cast<std::size_t>(tokens));
    sequences_.reserve(static_cast<std::size_t>(sequences));
    if constexpr (!std::is_same_v<Space, host_space>) {
      device_ids_ = memory.template take<std::int32_t>(extents{tokens});
      device_positions_ = memory.template take<index_t>(extents{tokens});
    }
  }

  void clear() {
    ids_.clear();
    positions_.clear();
    sequences_.clear();
  }
  void add_token(std::int32_t id, index_t position) {
    ids_.push_back(id);
    positions_.push_back(position);
  }
  /// Adds a sequence whose queries are the tokens from the one that the last sequence ended with.
  void add_sequence(nn::sequence s) {
    s.queries_begin = sequences_.empty() ? 0 : sequences_.back().queries_end;
    s.queries_end = tokens();
    sequences_.push_back(s);
  }
  index_t tokens() const { return static_cast<index_t>(ids_.size()); }

  template <class Backend>
  transformer_batch<Space> view(Backend& be) const {
    vector_view<std::int32_t const> const ids{ids_.data(), extents{tokens()}};
    vector_view<index_t const> const positions{positions_.data(), extents{tokens()}};
    if constexpr (std::is_same_v<Space, host_space>) {
      return {ids, positions, {}, sequences_};
    } else {
      copy(be, ids, device_ids_.rows(0, tokens()));
      copy(be, positions, device_positions_.rows(0, tokens()));
      return {device_ids_.rows(0, tokens()), device_positions_.rows(0, tokens()), {}, sequences_};
    }
  }

private:
  std::vector<std::int32_t> ids_;
  std::vector<index_t> positions_;
  std::vector<nn::sequence> sequences_;
  vector_view<std::int32_t, Space> device_ids_;
  vector_view<index_t, Space> device_positions_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
