#include <parapet/guard/pattern_parser.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace parapet;
using guard::pattern;

namespace {

/// The matches, each in brackets, and what lies between.
std::string marked(std::string const& expression, std::string const& text) {
  std::string out;
  std::size_t at = 0;
  for (auto const m : pattern::parse(expression).find_all(text)) {
    out += text.substr(at, m.begin - at) + "[" + text.substr(m.begin, m.end - m.begin) + "]";
    at = m.end;
  }
  return out + text.substr(at);
}

}  // namespace

TEST_CASE("a match is the leftmost, of these the first alternative, as much as possible") {
  CHECK(marked("a|ab", "ab") == "[a]b");
  CHECK(marked("ab|a", "ab a") == "[ab] [a]");
  CHECK(marked("a+b", "aaab aac") == "[aaab] aac");
  CHECK(marked("a+?b?", "aab") == "[a][ab]");
  CHECK(marked("a++ab", "aaab") == "aaab");
  CHECK(marked("a{2,3}", "aaaaaaa") == "[aaa][aaa]a");
  CHECK(marked("(?:ab){2}", "ababab") == "[abab]ab");
  CHECK(marked("x(?:ab|c)?d", "xabd xcd xd xabcd") == "[xabd] [xcd] [xd] xabcd");
  CHECK(marked("\\s+(?!\\S)|\\s+", "a   b ") == "a[  ][ ]b[ ]");
  CHECK(marked("\\w(?= )", "ab cd e") == "a[b] c[d] e");
  CHECK(marked("^a|b$", "a\nab\nb") == "[a]\n[a][b]\n[b]");
  CHECK(marked("\\Aa|b\\z", "aab\nab") == "[a]ab\na[b]");
}

TEST_CASE("classes") {
  CHECK(marked("[a-c]+", "abcd-") == "[abc]d-");
  CHECK(marked("[^a-c\\s]+", "abcd -") == "abc[d] [-]");
  CHECK(marked("[a-c-]+", "a-d") == "[a-]d");
  CHECK(marked("[^(\\s|[.,])]+", "ab, c(d") == "[ab], [c]([d]");
  CHECK(marked("[\\w&&[^a]]+", "abca") == "a[bc]a");
  CHECK(marked("\\p{Lu}\\p{^Lu}+", "aBcD1") == "a[Bc][D1]");
  CHECK(marked("[\\p{L}\\p{M}]+", "e\u0301t\u00e9 \u6f22") == "[e\u0301t\u00e9] [\u6f22]");
  CHECK(marked("(?i:'s|'T)", "'S's't\u2019s'\u017f") == "['S]['s]['t]\u2019s['\u017f]");
  CHECK(marked("\\x41\\x{42}\\u0043", "ABC") == "[ABC]");
  CHECK(marked(".", "\n\u00e9") == "\n[\u00e9]");
}

TEST_CASE("what is not supported is refused") {
  for (char const* bad : {"", "a*", "a|", "(", ")", "[a", "[]", "a**b|", "(?<=a)b", "\\1", "(ab)+", "\\p{Han}", "\\p{L", "[b-a]", "[[:alpha:]]", "\\b", "a{2}?", "(?i:\\p{L})",
                          "a{9999}", "\\x{110000}", "((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(pattern::parse(bad), argument_error);
  }
  CHECK_THROWS_WITH_AS(pattern::parse("a(?<b)"), doctest::Contains("character 2: this kind of group is not supported"), argument_error);
  CHECK(marked("a{x", "a{x") == "[a{x]");  // no count, so characters
}

// Backtracking would take the square of the text, or worse.
TEST_CASE("time is linear") {
  for (char const* expression : {"\\s+$", "a*b|a", "a*a*a*a*b", "(?:x|a*)b", "[ab]*[bc]+d", "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}) {
    auto const p = pattern::parse(expression);
    for (std::string_view unit : {"a", " ", "ab", "a "}) {
      std::string text;
      while (text.size() < 200'000) text += unit;
      CHECK(p.find_all(text + "x").size() <= text.size());
    }
  }
}
