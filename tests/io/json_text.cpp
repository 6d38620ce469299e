#include <parapet/io/json_text.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {
io::json_value parse(std::string_view text) { return io::parse_json(text, "file.json"); }
using members = std::vector<std::pair<std::string, std::string>>;
}  // namespace

TEST_CASE("text of a value is read back as the same value") {
  std::string const text = R"({"a": [1, -2.50e3, true, null, []], "b\n": {"c": "x\ty \"é\""}, "d": {}, "e": false})";
  std::string const once = io::json_text(parse(text)), twice = io::json_text(parse(once));
  CHECK(once == twice);
  io::json_value const root = parse(once);
  CHECK(root.keys() == parse(text).keys());
  CHECK(root.at("a").items()[1].literal() == "-2.50e3");
  CHECK(root.at("b\n").at("c").string() == "x\ty \"é\"");
}

TEST_CASE("members are changed and added, the others stay") {
  std::string const out = io::json_with(parse(R"({"layers": 6, "kind": "bert", "rate": 1e-12})"), members{{"layers", "4"}, {"pooling", "\"mean\""}});
  io::json_value const root = parse(out);
  CHECK(root.keys() == std::vector<std::string>{"kind", "rate", "layers", "pooling"});
  CHECK(root.at("layers").integer() == 4);
  CHECK(root.at("rate").literal() == "1e-12");
  CHECK(root.at("pooling").string() == "mean");
  CHECK(parse(io::json_with(parse("{}"), {})).keys().empty());
  CHECK_THROWS_WITH_AS(io::json_with(parse("[1]"), members{}), Contains("file.json: byte 0: expected an object"), io_error);
}
