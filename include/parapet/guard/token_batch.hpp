// What a transformer is run on: tokens of several sequences, one after the other, without padding.
//
//     guard::token_batch batch;
//     batch.add(ids);                      // positions 0, 1, 2, ...
//     auto const hidden = model.forward(be, batch.view(), workspace);
//
// Whoever has keys of earlier passes in a cache, or a tree of answers, fills a transformer_batch by hand: nn::sequence says which
// rows of the cache a sequence sees, and its last ones are where its own keys go.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/nn/attention.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Views of a batch in a backend's memory; `sequences` is host memory.
template <class Space = host_space>
struct transformer_batch {
  vector_view<std::int32_t const, Space> ids;    // (tokens)
  vector_view<index_t const, Space> positions;   // (tokens), in a tree of answers: the depth of a node counts
  vector_view<std::int32_t const, Space> types;  // (tokens) or empty: all 0
  std::span<nn::sequence const> sequences;
};

/// A batch in host memory that grows. Cleared and filled again it allocates nothing.
class token_batch {
public:
  void clear() {
    ids_.clear();
    types_.clear();
    positions_.clear();
    sequences_.clear();
  }
  void reserve(index_t tokens, index_t sequences) {
    ids_.reserve(static_cast<std::size_t>(tokens));
    types_.reserve(static_cast<std::size_t>(tokens));
    positions_.reserve(static_cast<std::size_t>(tokens));
    sequences_.reserve(static_cast<std::size_t>(sequences));
  }

  /// Appends one sequence, which sees nothing but itself. Types (of BERT: 1 for a second text) are as many as ids, or none. Throws
  /// argument_error for a sequence of no tokens.
  void add(std::span<std::int32_t const> ids, std::span<std::int32_t const> types = {}) {
    if (ids.empty()) throw argument_error("token_batch: a sequence of no tokens");
    if (!types.empty() && types.size() != ids.size())
      throw argument_error(parapet::detail::concat("token_batch: ", types.size(), " types of ", ids.size(), " tokens"));
    index_t const begin = tokens(), end = begin + static_cast<index_t>(ids.size());
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    if (types.empty()) types_.resize(ids_.size(), 0);
    else types_.insert(types_.end(), types.begin(), types.end());
    for (index_t i = begin; i < end; ++i) positions_.push_back(i - begin);
    sequences_.push_back({begin, end, begin, end});
  }

  index_t tokens() const { return static_cast<index_t>(ids_.size()); }
  std::span<nn::sequence const> sequences() const { return sequences_; }
  /// Valid until the batch changes.
  transformer_batch<> view() const {
    return {{ids_.data(), extents{tokens()}}, {positions_.data(), extents{tokens()}}, {types_.data(), extents{tokens()}}, sequences_};
  }

private:
  std::vector<std::int32_t> ids_, types_;
  std::vector<index_t> positions_;
  std::vector<nn::sequence> sequences_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
