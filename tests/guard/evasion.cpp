#include <parapet/guard/evasion.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <string_view>

using namespace parapet;
using namespace parapet::guard;

namespace {

std::string utf8(std::u32string_view text) { return to_utf8(text); }

index_t changes(clear_text const& t) { return std::accumulate(t.changed.begin(), t.changed.end(), index_t{0}); }

/// What every result must be.
void check_origin(std::string_view text, clear_text const& t) {
  REQUIRE(t.origin.size() == t.text.size() + 1);
  CHECK(t.origin.back() == text.size());
  for (std::size_t k = 0; k + 1 < t.origin.size(); ++k) {
    if (t.origin[k] > t.origin[k + 1]) FAIL("origins go back at byte ", k);
    if (t.origin[k] < text.size() && (static_cast<unsigned char>(text[t.origin[k]]) & 0xC0) == 0x80 && decode_utf8(text, t.origin[k]).valid)
      FAIL("origin inside a character at byte ", k);
  }
}

std::string clear(std::u32string_view text, evasion kind, evasion_options const& options = {}) {
  std::string const bytes = utf8(text);
  clear_text const t = read_clearly(bytes, options);
  check_origin(bytes, t);
  CHECK_MESSAGE(t[kind] > 0, bytes);
  CHECK_MESSAGE(changes(t) == t[kind], bytes);
  return t.text;
}

}  // namespace

TEST_CASE("what hides a word is undone, and said") {
  CHECK(clear(U"hi\u200Bdd\u2060en\uFEFF wo\u00ADrd", evasion::invisible) == "hidden word");
  CHECK(clear(U"hid\u200Dd\u200Cen", evasion::invisible) == "hidden");
  CHECK(clear(U"h\uFE0Fidden \u263A\U000E0101\U000E0102\U000E0103", evasion::invisible).starts_with("hidden "));
  CHECK(clear(U"see \U000E0068\U000E0069\U000E0020\U000E0061", evasion::tag) == "see hi a");
  CHECK(clear(U"\u202Ehidden\u202C \u2066word\u2069", evasion::direction) == "hidden word");
  CHECK(clear(U"\uFF48\uFF49\uFF44\uFF44\uFF45\uFF4E \U0001D430\U0001D428\U0001D42B\U0001D41D \u24D7\u24D8", evasion::compatible) == "hidden word hi");
  CHECK(clear(U"h\u0336i\u0336d\u0336d\u0336e\u0336n\u0336", evasion::overlay) == "hidden");
  CHECK(clear(U"hidden wo\u0300\u0301\u0302\u0303\u0304rd", evasion::overlay).starts_with("hidden w"));
  CHECK(clear(U"hidd\u0435n w\u03BFrd", evasion::lookalike) == "hidden word");              // Cyrillic e, Greek o
  CHECK(clear(U"the \u0441\u0430\u0440\u0435 is here", evasion::lookalike) == "the cape is here");  // all of it Cyrillic
  CHECK(clear(U"T\u041D\u0415 \u13DF\u13AAT", evasion::lookalike) == "THE CAT");            // Cherokee
  CHECK(clear(U"h i d d e n", evasion::spaced) == "hidden");
  CHECK(clear(U"a h.i.d.d.e.n word", evasion::spaced) == "a hidden word");
  CHECK(clear(U"h i d d e n  w-o-r-d", evasion::spaced) == "hidden  word");
  CHECK(clear(U"h i d d e n  a  w o r d  i s", evasion::spaced) == "hidden  a  word  is");
  CHECK(clear(U"find a h i d d e n word", evasion::spaced) == "find a hidden word");
  CHECK(clear(U"h i d e a word", evasion::spaced) == "hide a word");
  CHECK(clear(U"h1dd3n w0rd!", evasion::leet, {.leet = true}) == "hidden word!");
}

TEST_CASE("several at once: each undoes what the one before laid open") {
  // Full-width letters, spaced, a zero-width space inside, one of them Cyrillic.
  std::string const text = utf8(U"\uFF48 \uFF49\u200B \uFF44 \uFF44 \u0435 \uFF4E");
  clear_text const t = read_clearly(text);
  CHECK(t[evasion::invisible] == 1);
  CHECK(t[evasion::compatible] == 5);
  // A lone Cyrillic letter may be a word of its own: it stays, and the letters are joined all the same.
  CHECK(t.text == utf8(U"hidd\u0435n"));
  CHECK(t[evasion::spaced] == 6);
  CHECK(read_clearly(t.text).text == "hidden");
}

TEST_CASE("plain text of many languages stays as it is") {
  for (std::u32string_view const text : {
           U"The quick brown fox, 3 mp3s, a 4x4 and U.S. law: I am 5 % sure. e.g. A, B and C",
           U"Съешь же ещё этих мягких французских булок, да выпей чаю. Рок, сор, оса и iPhone",
           U"Рок", U"оса", U"Я люблю rock и рок",
           U"Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ο Πάνος",
           U"می\u200Cخواهم کتاب\u200Cها را بخوانم",                                  // Persian, with non-joiners
           U"क्\u200Dष और नमस्ते दुनिया",                                               // Devanagari, with a joiner
           U"שלום עולם, בית ספר", U"مرحبا بالعالم",
           U"我能吞下玻璃而不伤身体。 一 二 三 四 五", U"いろはにほへと ちりぬるを カタカナ", U"다람쥐 헌 쳇바퀴에 타고파 가 나 다 라",
           U"ฉันกินกระจกได้ แต่มันไม่ทำให้ฉันเจ็บ", U"Pijamalı hasta yağız şoföre çabucak güvendi. ışık",
           U"Tiếng Việt có nhiều dấu thanh điệu", U"Zażółć gęślą jaźń", U"Zwölf Boxkämpfer jagen Viktor über den großen Sylter Deich",
           U"Բարև աշխարհ", U"გამარჯობა", U"ọ̀rọ̀ Yorùbá", U"👩\u200D👩\u200D👧 \u2764\uFE0F 1\uFE0F\u20E3 \U0001F3F4\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F"}) {
    std::string const bytes = utf8(text);
    clear_text const t = read_clearly(bytes);
    CHECK_MESSAGE(t.text == bytes, bytes);
    CHECK_MESSAGE(changes(t) == 0, bytes);
    check_origin(bytes, t);
  }
}

TEST_CASE("offsets lead back to the original") {
  std::string const text = utf8(U"\u00FCber h\u200Bi\u200Bdden, \uFF57\uFF4F\uFF52\uFF44 and w o r d");
  clear_text const t = read_clearly(text);
  auto const original = [&](std::string_view word, std::size_t from = 0) {
    std::size_t const begin = t.text.find(word, from);
    REQUIRE(begin != std::string::npos);
    auto const [b, e] = t.original(begin, begin + word.size());
    return text.substr(b, e - b);
  };
  CHECK(original("hidden") == utf8(U"h\u200Bi\u200Bdden"));
  CHECK(original("word") == utf8(U"\uFF57\uFF4F\uFF52\uFF44"));
  CHECK(original("word", t.text.find("and")) == "w o r d");
}

TEST_CASE("any bytes are read, and reading again changes little") {
  std::string noise;
  std::uint32_t state = 1;
  for (int k = 0; k < 20000; ++k) {
    state = state * 1664525 + 1013904223;
    if (state >> 30 == 0) append_utf8(noise, (state >> 8) % 0x110000);
    else noise += static_cast<char>(state >> 24);
  }
  clear_text const t = read_clearly(noise, {.leet = true});
  check_origin(noise, t);
  CHECK(read_clearly("").text.empty());
  CHECK(read_clearly("").origin.size() == 1);
}

TEST_CASE("a moderator behind the reader sees clear text, its windows are of the original") {
  struct finds_word {
    verdict classify(exchange const& text) {
      verdict v;
      v.status = verdict_status::ok;
      std::size_t const at = text.response->find("word");
      v[task::response_harm].probability = at != std::string_view::npos ? 1.0f : 0.0f;
      if (at != std::string_view::npos) v.windows.push_back({side::response, at, at + 4, v.tasks});
      return v;
    }
    void classify(std::span<exchange const> in, std::span<verdict> out) { classify_one_by_one(*this, in, out); }
  } model;
  clear_reader reader(model);
  static_assert(moderator<decltype(reader)>);
  std::string const text = utf8(U"a w\u200Bord");
  exchange const one{"p", text};
  verdict out;
  for (bool const batch : {false, true}) {
    if (batch) reader.classify({&one, 1}, {&out, 1});
    else out = reader.classify(one);
    CHECK(out[task::response_harm].probability == 1);
    REQUIRE(out.windows.size() == 1);
    CHECK(out.windows[0].begin == 2);
    CHECK(out.windows[0].end == text.size());
  }
}
