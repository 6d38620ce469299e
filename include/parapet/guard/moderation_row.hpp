// One labelled exchange, and how it is written: a line of JSON with the columns of WildGuardMix.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/io/json.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace parapet::inline PARAPET_ABI::guard {
namespace detail {
using parapet::detail::concat;
}

/// A label is true for the positive class of its task (harmful, harmful, refusal) and none where nobody labelled.
using task_label = std::optional<bool>;

struct moderation_row {
  std::string prompt;
  bool adversarial = false;             ///< a prompt that hides what it asks for
  std::optional<std::string> response;  ///< none, never empty
  std::array<task_label, task_count> labels{};
  std::optional<category> harm;

  task_label const& operator[](task t) const { return labels[static_cast<std::size_t>(t)]; }
  task_label& operator[](task t) { return labels[static_cast<std::size_t>(t)]; }
  friend bool operator==(moderation_row const&, moderation_row const&) = default;
};

/// The row as one JSON object without a line end, its columns in the order of WildGuardMix. Throws argument_error where a text is not UTF-8.
inline std::string to_json(moderation_row const& row) {
  auto const text = [](std::string_view word) { return detail::concat('"', word, '"'); };
  auto const label_text = [&](task t) { return row[t] ? text(class_name(t, *row[t])) : std::string("null"); };
  std::string out = "{\"prompt\": " + io::json_quote(row.prompt);
  out += row.adversarial ? ", \"adversarial\": true" : ", \"adversarial\": false";
  out += ", \"response\": " + (row.response ? io::json_quote(*row.response) : "null");
  for (task const t : {task::prompt_harm, task::refusal, task::response_harm}) out += ", \"" + std::string(column(t)) + "\": " + label_text(t);
  return out + ", \"subcategory\": " + (row.harm ? text(name(*row.harm)) : "null") + "}";
}

}  // namespace parapet::inline PARAPET_ABI::guard
