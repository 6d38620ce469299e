// A JSON value as text again, with members changed: for files that a program hands on but for a few settings.
//
// Numbers stay as they were written, spaces do not, and an object's members come one a line.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/io/json.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace parapet::inline PARAPET_ABI::io {

inline std::string json_text(json_value const& value) {
  using kind = json_value::kind;
  switch (value.type()) {
    case kind::null: return "null";
    case kind::boolean: return value.boolean() ? "true" : "false";
    case kind::number: return value.literal();
    case kind::string: return json_quote(value.string());
    case kind::array:
    case kind::object: break;
  }
  bool const object = value.type() == kind::object;
  std::string out(1, object ? '{' : '[');
  for (std::size_t i = 0; i < value.items().size(); ++i) {
    if (i > 0) out += object ? ",\n " : ", ";
    if (object) out += json_quote(value.keys()[i]) + ": ";
    out += json_text(value.items()[i]);
  }
  return out += object ? '}' : ']';
}

/// An object's text in which some members have another value, given as JSON text, or are new. Throws io_error where `object` is none.
inline std::string json_with(json_value const& object, std::span<std::pair<std::string, std::string> const> members) {
  std::string out = "{";
  auto const add = [&](std::string_view key, std::string_view text) {
    if (out.size() > 1) out += ",\n ";
    out += detail::concat(json_quote(key), ": ", text);
  };
  for (std::size_t i = 0; i < object.keys().size(); ++i) {
    bool changed = false;
    for (auto const& member : members) changed |= member.first == object.keys()[i];
    if (!changed) add(object.keys()[i], json_text(object.items()[i]));
  }
  for (auto const& [key, text] : members) add(key, text);
  return out + "}\n";
}

}  // namespace parapet::inline PARAPET_ABI::io
