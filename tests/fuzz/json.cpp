// JSON. Strings and integers that are accepted mean the same after they have been written again.
#include "fuzz/target.hpp"

#include <parapet/io/json.hpp>

#include <cstring>
#include <string>

using parapet::io::json_value;
using parapet::io::parse_json;

static void use(json_value const& value) {
  if (value.type() == json_value::kind::string) {
    fuzz::require(parse_json(parapet::io::json_quote(value.string()), "again").string() == value.string());
  } else if (value.type() == json_value::kind::number) {
    try {
      fuzz::require(parse_json(std::to_string(value.integer()), "again").integer() == value.integer());
    } catch (parapet::io_error const&) {
      value.number();  // throws where it is too large
    }
  } else if (value.type() == json_value::kind::array || value.type() == json_value::kind::object) {
    for (json_value const& item : value.items()) use(item);
    if (value.type() == json_value::kind::object)
      for (std::string const& key : value.keys()) fuzz::require(value.find(key) != nullptr);
  }
}

FUZZ_TARGET(json) { use(parse_json(fuzz::text_of(bytes), "fuzz", {.max_depth = 32, .max_values = 100000})); }
