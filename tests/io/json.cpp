#include <parapet/io/json.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>

using namespace parapet;
using doctest::Contains;
using kind = io::json_value::kind;

namespace {
io::json_value parse(std::string_view text) { return io::parse_json(text, "file.json"); }
}  // namespace

TEST_CASE("values of every kind") {
  io::json_value const root = parse(R"( {"a": [1, -2.5e3, true, null], "b": {"c": "x\ny"}, "d": []} )");
  CHECK(root.type() == kind::object);
  CHECK(root.keys() == std::vector<std::string>{"a", "b", "d"});
  std::vector<io::json_value> const& a = root.at("a").items();
  CHECK(a.size() == 4);
  CHECK(a[0].integer() == 1);
  CHECK(a[0].number() == 1.0);
  CHECK(a[1].number() == -2500.0);
  CHECK(a[2].boolean());
  CHECK(a[3].type() == kind::null);
  CHECK(a[1].offset() == 11);
  CHECK(root.at("b").at("c").string() == "x\ny");
  CHECK(root.at("d").items().empty());
  CHECK(root.find("e") == nullptr);
  CHECK(!parse("false").boolean());
}

TEST_CASE("strings: escapes, surrogate pairs, UTF-8 as it is") {
  CHECK(parse(R"("\"\\\/\b\f\n\r\t")").string() == "\"\\/\b\f\n\r\t");
  CHECK(parse(R"("\u0041\u00e4\u20ac\uD83D\uDE00")").string() == "A\u00e4\u20ac\U0001F600");
  CHECK(parse("\"\u00e4\U0001F600\"").string() == "\u00e4\U0001F600");
  CHECK(parse(R"("\u0000")").string() == std::string(1, '\0'));
}

TEST_CASE("what is written by json_quote is read back") {
  std::string all = "\u00e4\U0001F600";
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  CHECK(parse(io::json_quote(all)).string() == all);
  CHECK_THROWS_WITH_AS(io::json_quote("ab\xff"), Contains("byte 2"), argument_error);
}

TEST_CASE("integers are exact or refused") {
  CHECK(parse("9223372036854775807").integer() == 9223372036854775807);
  CHECK(parse("-9223372036854775808").integer() == -9223372036854775807 - 1);
  for (char const* text : {"9223372036854775808", "1.0", "1e2", "-9223372036854775809", "1e999"})
    CHECK_THROWS_WITH_AS(parse(text).integer(), Contains("expected an integer of at most 63 bits"), io_error);
  CHECK_THROWS_WITH_AS(parse("1e999").number(), Contains("does not fit into a double"), io_error);
  CHECK(parse("0.1").number() == 0.1);
  CHECK(std::signbit(parse("-0").number()));
}

TEST_CASE("what is not JSON is refused, with file and byte") {
  struct wrong {
    char const* text;
    int byte;
    char const* message;
  };
  for (wrong const& w : {wrong{"", 0, "ends too early"},
                         {"{", 1, "expected a string"},
                         {"[1,]", 3, "expected a value"},
                         {"[1 2]", 3, "expected ',' or ']'"},
                         {"{\"a\" 1}", 5, "expected ':'"},
                         {"{\"a\":1,}", 7, "expected a string"},
                         {"{\"a\":1;", 6, "expected ',' or '}'"},
                         {"{a:1}", 1, "expected a string"},
                         {"01", 1, "goes on"},
                         {"1.", 2, "expected a digit"},
                         {".5", 0, "expected a value"},
                         {"+1", 0, "expected a value"},
                         {"1e", 2, "expected a digit"},
                         {"-", 1, "expected a digit"},
                         {"--1", 1, "expected a digit"},
                         {"NaN", 0, "expected a value"},
                         {"nul", 0, "expected a value"},
                         {"tru", 0, "expected a value"},
                         {"Infinity", 0, "expected a value"},
                         {"'a'", 0, "expected a value"},
                         {"\"a", 2, "ends inside a string"},
                         {"\"a\nb\"", 2, "control character"},
                         {"\"\\x\"", 3, "an escape"},
                         {"\"\\", 3, "an escape"},
                         {"\"\\u12g4\"", 5, "hexadecimal"},
                         {"\"\\uD800\"", 7, "surrogate"},
                         {"\"\\uDC00\"", 7, "surrogate"},
                         {"\"\\uD800\\u0041\"", 13, "surrogate"},
                         {"[1] x", 4, "goes on"},
                         {"\xef\xbb\xbf{}", 0, "expected a value"},
                         {"\"\xff\"", 1, "not UTF-8"},
                         {"// c\n1", 0, "expected a value"}}) {
    CAPTURE(w.text);
    std::string const message = "file.json: byte " + std::to_string(w.byte) + ": ";
    CHECK_THROWS_WITH_AS(parse(w.text), Contains(message.c_str()), io_error);
    CHECK_THROWS_WITH_AS(parse(w.text), Contains(w.message), io_error);
  }
  CHECK_THROWS_AS(parse(std::string_view("[1\0]", 4)), io_error);
}

TEST_CASE("a key that comes twice is refused, whatever its spelling") {
  CHECK_THROWS_WITH_AS(parse(R"({"x": {"a": 1, "b": 2, "\u0061": 3}})"),
                       "file.json: byte 6: the object has the key 'a' twice", io_error);
}

TEST_CASE("limits: depth and number of values") {
  io::json_limits const limits{.max_depth = 3, .max_values = 10};
  CHECK_NOTHROW(io::parse_json("[[[1]]]", "f", limits));
  CHECK_THROWS_WITH_AS(io::parse_json("[[[[1]]]]", "f", limits), "f: byte 4: nested deeper than 3", io_error);
  CHECK_NOTHROW(io::parse_json("[1,2,3,4,5,6,7,8,9]", "f", limits));
  CHECK_THROWS_WITH_AS(io::parse_json("[1,2,3,4,5,6,7,8,9,10]", "f", limits), Contains("more than 10 values"), io_error);
  CHECK_THROWS_AS(parse(std::string(10'000'000, '[')), io_error);  // would end the stack of a reader without a limit
}

TEST_CASE("a value of another kind than expected is an error at its place") {
  io::json_value const root = io::parse_json(R"({"a": [1]})", "f", {}, 100);
  CHECK_THROWS_WITH_AS(root.at("a").string(), "f: byte 106: expected a string, found an array", io_error);
  CHECK_THROWS_WITH_AS(root.at("a").items()[0].items(), "f: byte 107: expected an object, found a number", io_error);
  CHECK_THROWS_WITH_AS(root.at("b"), "f: byte 100: the object has no key 'b'", io_error);
  CHECK_THROWS_AS(root.at("a").keys(), io_error);
  CHECK_THROWS_AS(root.at("a").boolean(), io_error);
}
