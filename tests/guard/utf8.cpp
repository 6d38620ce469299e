#include <parapet/guard/utf8.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace parapet;

TEST_CASE("invalid bytes are U+FFFD, one by one") {
  CHECK(guard::to_utf32("a\xC0\x80\xED\xA0\x80\xF4\x90\x80\x80\xE2\x82") == U"a" + std::u32string(11, U'\uFFFD'));
  CHECK(guard::to_utf8(guard::to_utf32("\u20AC\U0001F600")) == "\u20AC\U0001F600");
}
