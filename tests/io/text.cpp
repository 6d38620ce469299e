#include <parapet/io/text.hpp>

#include <doctest/doctest.h>

using namespace parapet;

TEST_CASE("UTF-8: the first bad byte is found, good text has none") {
  using namespace std::string_view_literals;
  CHECK(io::find_invalid_utf8("") == -1);
  CHECK(io::find_invalid_utf8("plain\0zero"sv) == -1);
  CHECK(io::find_invalid_utf8("\u00e4 \u20ac \U0001F600 \u007f \u0080 \u07ff \u0800 \uffff \U00010000 \U0010ffff") == -1);
  CHECK(io::find_invalid_utf8("\xed\x9f\xbf\xee\x80\x80") == -1);  // the neighbours of the surrogates

  CHECK(io::find_invalid_utf8("ab\x80") == 2);              // a continuation without a start
  CHECK(io::find_invalid_utf8("a\xc3") == 1);               // ends too early
  CHECK(io::find_invalid_utf8("a\xc3(") == 1);              // not continued
  CHECK(io::find_invalid_utf8("\xc0\xaf") == 0);            // overlong '/'
  CHECK(io::find_invalid_utf8("\xc1\xbf") == 0);
  CHECK(io::find_invalid_utf8("\xe0\x9f\xbf") == 0);        // overlong, three bytes
  CHECK(io::find_invalid_utf8("\xf0\x8f\xbf\xbf") == 0);    // overlong, four bytes
  CHECK(io::find_invalid_utf8("\xed\xa0\x80") == 0);        // a surrogate
  CHECK(io::find_invalid_utf8("\xf4\x90\x80\x80") == 0);    // beyond U+10FFFF
  CHECK(io::find_invalid_utf8("\xf5\x80\x80\x80") == 0);
  CHECK(io::find_invalid_utf8("\xff") == 0);
}

TEST_CASE("every sequence of two bytes is judged as the definition of UTF-8 says") {
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) {
      char const text[] = {static_cast<char>(a), static_cast<char>(b)};
      bool const ascii = a < 0x80 && b < 0x80, pair = a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF;
      REQUIRE((io::find_invalid_utf8({text, 2}) == -1) == (ascii || pair));
    }
}

TEST_CASE("names from files are made fit for a message, and plain file names are told from paths") {
  CHECK(io::detail::printable("a\n\x1b[31mb") == "'a??[31mb'");
  CHECK(io::detail::printable(std::string(300, 'x')) == "'" + std::string(200, 'x') + "...'");
  CHECK(io::detail::is_plain_file_name("model-00001.safetensors"));
  for (char const* name : {"", ".", "..", "/etc/x", "a/b", "../x", "a\\b", "a\nb", "a\x7f"})
    CHECK(!io::detail::is_plain_file_name(name));
}
