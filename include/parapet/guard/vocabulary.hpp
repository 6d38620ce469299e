// The tokens of a model: texts and ids, both ways.
#pragma once

#include <parapet/config.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Ids from 0; some may have no text. Texts stay where they are while others are added.
class vocabulary {
public:
  vocabulary() = default;
  vocabulary(vocabulary&&) = default;
  vocabulary& operator=(vocabulary&&) = default;

  /// False where the text or the id is there already.
  bool add(std::string text, std::int32_t id) {
    if (contains(id) || ids_.contains(text)) return false;
    std::string const& kept = store_.emplace_back(std::move(text));
    ids_.emplace(kept, id);
    if (static_cast<std::size_t>(id) >= texts_.size()) texts_.resize(static_cast<std::size_t>(id) + 1, nullptr);
    texts_[static_cast<std::size_t>(id)] = &kept;
    return true;
  }

  /// The id of the text, or -1.
  std::int32_t find(std::string_view text) const {
    auto const found = ids_.find(text);
    return found == ids_.end() ? -1 : found->second;
  }
  bool contains(std::int32_t id) const { return id >= 0 && static_cast<std::size_t>(id) < texts_.size() && texts_[static_cast<std::size_t>(id)] != nullptr; }
  std::string_view text(std::int32_t id) const { return *texts_[static_cast<std::size_t>(id)]; }
  /// One more than the largest id.
  std::size_t size() const { return texts_.size(); }
  /// Texts that there are.
  std::size_t count() const { return store_.size(); }

private:
  std::deque<std::string> store_;
  std::vector<std::string const*> texts_;  // by id
  std::unordered_map<std::string_view, std::int32_t> ids_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
