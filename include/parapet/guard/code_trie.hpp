// A set of strings of code points, each with an id, for the question which of them start at a place of a text.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/merges.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

class code_trie {
public:
  /// Every string once; the last id of a string holds.
  void add(std::u32string_view text, std::int32_t id) {
    std::int32_t node = 0;
    for (char32_t const code : text) {
      std::int32_t const next = step(node, code);
      if (next >= 0) {
        node = next;
        continue;
      }
      auto const made = static_cast<std::int32_t>(ids_.size());
      edges_.add(node, static_cast<std::int32_t>(code), {0, made});
      ids_.push_back(-1);
      node = made;
    }
    ids_[static_cast<std::size_t>(node)] = id;
  }

  bool empty() const { return ids_.size() == 1; }
  /// The node after `node` (0 is the root) by `code`, or -1.
  std::int32_t step(std::int32_t node, char32_t code) const { return edges_.find(node, static_cast<std::int32_t>(code)).id; }
  /// The id of the string that ends at the node, or -1.
  std::int32_t id(std::int32_t node) const { return ids_[static_cast<std::size_t>(node)]; }

private:
  merge_table edges_;
  std::vector<std::int32_t> ids_{-1};
};

}  // namespace parapet::inline PARAPET_ABI::guard
