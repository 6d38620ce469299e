#include <parapet/guard/text_normalizer.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace parapet;
using guard::aligned_text;

namespace {

/// The text, and where each of its bytes comes from.
std::string shown(aligned_text const& text) {
  std::string out(text.get());
  for (std::size_t k = 0; k < text.get().size(); ++k) {
    auto const [begin, end] = text.origin(k, k + 1);
    out += parapet::detail::concat(" ", begin, "-", end);
  }
  return out;
}

}  // namespace

TEST_CASE("every byte knows the bytes that it comes from") {
  CHECK(shown(aligned_text("a\u00e9")) == "a\u00e9 0-1 1-3 1-3");
  CHECK(shown(aligned_text("ab", 5)) == "ab 5-6 6-7");

  aligned_text text("a\u00e9b");
  text.rewrite({{U'e', 0}, {U'x', 1}, {U'b', -1}});  // a -> e, x put in, the other two -> b
  CHECK(shown(text) == "exb 0-1 0-1 1-3");
  text.prepend("_");
  CHECK(shown(text) == "_exb 0-1 0-1 0-1 1-3");
  CHECK(shown(text.part(2, 4)) == "xb 0-1 1-3");

  aligned_text spaces("a  b");
  spaces.replace(guard::text_pattern(" "), "\u2581");
  CHECK(shown(spaces) == "a\u2581\u2581b 0-1 1-2 1-2 1-2 2-3 2-3 2-3 3-4");

  CHECK(shown(aligned_text::of_bytes("a\xFF")) == "a\uFFFD 0-1 1-2 1-2 1-2");
}

TEST_CASE("normal forms keep the origin of what they put together and take apart") {
  aligned_text text("e\u0301x");
  guard::normalizing::form{guard::normal_form::nfc}(text);
  CHECK(shown(text) == "\u00e9x 0-1 0-1 3-4");
  aligned_text apart("\u00e9x");
  guard::normalizing::form{guard::normal_form::nfd}(apart);
  CHECK(shown(apart) == "e\u0301x 0-2 0-2 0-2 2-3");
  aligned_text upper("\u0130B");
  guard::normalizing::lowercase{}(upper);
  CHECK(shown(upper) == "i\u0307b 0-2 0-2 0-2 2-3");
  aligned_text padded("  a b ");
  guard::normalizing::strip{true, true}(padded);
  CHECK(shown(padded) == "a b 2-3 3-4 4-5");
}
