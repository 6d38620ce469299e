// A text as its reader sees it: what hides words from a classifier is undone, and counted.
//
//     invisible     zero-width characters, fillers, soft hyphens, runs of variation selectors: dropped
//     tag           U+E0020..E007E outside a flag emoji is hidden ASCII: made visible
//     direction     embeddings and overrides of the writing direction, marks: dropped
//     compatible    full-width, mathematical, circled letters, ligatures: NFKC (UAX #15) where that is ASCII
//     overlay       strokes through letters, stacks of more than two marks: dropped
//     lookalike     letters that look Latin in words that otherwise are (lookalikes.hpp, UTS #39)
//     spaced        h e l l o, h.e.l.l.o: four single letters or more, one separator: joined, and then shorter ones; an "a" beside a word stays
//     leet          h3ll0, with option leet only: it is wrong about mp3
//
// Text of other scripts stays what it is (up to NFC): zero-width joiners between letters that are not Latin, right-to-left text, a word of
// Cyrillic in a text that has other Cyrillic. A word that is Latin or lookalikes and has both is taken for Latin; a word of lookalikes only, in
// a text with Latin words, if its alphabet occurs nowhere else. Each byte of the result knows the bytes of the text that it comes from.
// Time is linear in the text, but for sorting a stack of marks.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/lookalikes.hpp>
#include <parapet/guard/unicode.hpp>
#include <parapet/guard/utf8.hpp>
#include <parapet/guard/verdict.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

enum class evasion : std::uint8_t { invisible, tag, direction, compatible, overlay, lookalike, spaced, leet };
inline constexpr int evasion_count = 8;

constexpr std::string_view name(evasion e) {
  constexpr std::string_view names[evasion_count] = {"invisible", "tag", "direction", "compatible", "overlay", "lookalike", "spaced", "leet"};
  return names[static_cast<int>(e)];
}

struct evasion_options {
  bool leet = false;
};

/// A text in the clear.
struct clear_text {
  std::string text;
  std::vector<std::uint32_t> origin;             ///< per byte of text: where what it comes from begins; one more at the end: the original's size
  std::array<index_t, evasion_count> changed{};  ///< characters changed or dropped

  index_t operator[](evasion e) const { return changed[static_cast<std::size_t>(e)]; }
  /// The bytes of the original that [begin, end) of the text come from.
  std::pair<std::size_t, std::size_t> original(std::size_t begin, std::size_t end) const { return {origin[begin], origin[end]}; }
};

namespace detail {

/// A character and the byte of the original at which it begins.
struct placed {
  char32_t code;
  std::uint32_t at;
};

constexpr bool is_ascii_letter(char32_t c) { return (c | 32) >= U'a' && (c | 32) <= U'z' && c < 128; }
constexpr bool is_variation_selector(char32_t c) { return (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0100 && c <= 0xE01EF); }
constexpr bool is_direction(char32_t c) { return c == 0x200E || c == 0x200F || c == 0x61C || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069); }
constexpr bool is_invisible(char32_t c) {
  return c == 0xAD || c == 0x34F || c == 0x180E || c == 0x200B || (c >= 0x2060 && c <= 0x2064) || (c >= 0x206A && c <= 0x206F) || c == 0x3164 ||
         c == 0xFEFF || c == 0xFFA0 || (c >= 0xFFF9 && c <= 0xFFFB) || c == 0xE0001 || c == 0xE007F;
}

inline char looks_like(char32_t c) {
  if (c < lookalikes[0].code) return '\0';
  auto const found = std::lower_bound(std::begin(lookalikes), std::end(lookalikes), c, [](lookalike const& l, char32_t code) { return l.code < code; });
  return found != std::end(lookalikes) && found->code == c ? found->looks_like : '\0';
}

/// The alphabets of lookalikes; 0 for all other.
constexpr int alphabet_of(char32_t c) {
  return (c >= 0x370 && c < 0x400) || (c >= 0x1F00 && c < 0x2000)                                       ? 1   // Greek
         : (c >= 0x400 && c < 0x530) || (c >= 0x1C80 && c < 0x1C90) || (c >= 0xA640 && c < 0xA6A0)      ? 2   // Cyrillic
         : c >= 0x530 && c < 0x590                                                                      ? 3   // Armenian
         : (c >= 0x13A0 && c < 0x1400) || (c >= 0xAB70 && c < 0xABC0)                                   ? 4   // Cherokee
         : c >= 0x2C80 && c < 0x2D00                                                                    ? 5   // Coptic
         : c >= 0xA4D0 && c < 0xA500                                                                    ? 6   // Lisu
                                                                                                        : 0;
}
inline constexpr int alphabets = 7;

class evasion_reader {
public:
  evasion_reader(std::string_view text, evasion_options const& options) {
    if (text.size() >= 0xFFFFFFFF) throw argument_error("read_clearly: the text is longer than 4 GiB");
    drop_hidden(text);
    compose();
    unmask();
    if (join_spaced(4)) join_spaced(2);  // in such a text the short words are spaced too
    if (options.leet) undo_leet();
    for (placed const& c : now_) {
      append_utf8(out_.text, c.code);
      out_.origin.resize(out_.text.size(), c.at);
    }
    out_.origin.push_back(static_cast<std::uint32_t>(text.size()));
  }
  clear_text take() { return std::move(out_); }

private:
  void count(evasion e, index_t n = 1) { out_.changed[static_cast<std::size_t>(e)] += n; }

  static bool is_latin(char32_t c) { return is_ascii_letter(c) || (c >= 0xC0 && c < 0x250 && c != 0xD7 && c != 0xF7); }

  /// Text without what nobody sees.
  void drop_hidden(std::string_view text) {
    now_.reserve(text.size());
    bool in_flag = false;
    for (std::size_t at = 0; at < text.size();) {
      utf8_char const c = decode_utf8(text, at);
      std::size_t const next = at + static_cast<std::size_t>(c.bytes);
      char32_t const before = now_.empty() ? U'\0' : now_.back().code;
      char32_t const after = next < text.size() ? decode_utf8(text, next).code : U'\0';
      placed here{c.code, static_cast<std::uint32_t>(at)};
      bool keep = true;
      if (c.code < 0x80) {
      } else if (c.code >= 0xE0020 && c.code <= 0xE007F && in_flag) {  // the letters of a flag emoji
      } else if (c.code >= 0xE0020 && c.code <= 0xE007E) {
        here.code = c.code - 0xE0000;
        count(evasion::tag);
      } else if (is_direction(c.code)) {
        count(evasion::direction);
        keep = false;
      } else if (is_invisible(c.code) || ((c.code == 0x200C || c.code == 0x200D) && (is_latin(before) || is_latin(after) || before == c.code)) ||
                 (is_variation_selector(c.code) && (is_latin(before) || is_variation_selector(before) || is_variation_selector(after)))) {
        count(evasion::invisible);
        keep = false;
      }
      in_flag = c.code == 0x1F3F4 || (in_flag && c.code >= 0xE0020 && c.code < 0xE007F);
      if (keep) now_.push_back(here);
      at = next;
    }
  }

  /// Whether NFKC may join the character with one before it.
  static bool joins_back(char32_t c) {
    return c >= 0x300 && (is_mark(category_of(c)) || (c >= 0x1160 && c < 0x1200) || c == 0xFF9E || c == 0xFF9F);
  }

  /// NFC of each letter with its marks; NFKC where that is ASCII: it would also take letters of Thai or Armenian apart.
  void compose() {
    next_.clear();
    std::u32string piece;
    for (std::size_t k = 0; k < now_.size();) {
      std::size_t end = k + 1;
      while (end < now_.size() && joins_back(now_[end].code)) ++end;
      if (end == k + 1 && now_[k].code < 0xA0) {
        next_.push_back(now_[k++]);
        continue;
      }
      piece.clear();
      bool const on_latin = is_latin(now_[k].code);
      bool const stack = end - k > 3;  // a letter with more than two marks
      for (std::size_t m = k; m < end; ++m) {
        char32_t const c = now_[m].code;
        if (m > k && on_latin && (combining_class(c) == 1 || (stack && m > k + 2 && is_mark(category_of(c))))) count(evasion::overlay);
        else piece += c;
      }
      std::u32string composed = normalize(piece, normal_form::nfc), compatible = normalize(piece, normal_form::nfkc);
      bool const mathematical = piece[0] >= 0x1D400 && piece[0] < 0x1D800;
      if (compatible != composed && (mathematical || std::any_of(compatible.begin(), compatible.end(), [](char32_t c) { return c < 0x80; }))) {
        composed.swap(compatible);
        count(evasion::compatible);
      }
      for (char32_t const c : composed) next_.push_back({c, now_[k].at});
      k = end;
    }
    now_.swap(next_);
  }

  static bool in_word(char32_t c) {
    if (c < 0x80) return is_ascii_letter(c) || (c >= U'0' && c <= U'9');
    general_category const g = category_of(c);
    return is_letter(g) || is_mark(g) || is_number(g);
  }

  struct word {
    std::size_t begin, end;
    bool latin = false;   // has ASCII letters
    int lookalikes = 0;   // and so many that look like some
    int alphabet = 0;     // of them; -1: several
    bool others = false;  // letters that are neither
  };

  template <class F>
  void for_each_word(F f) const {
    for (std::size_t k = 0; k < now_.size();) {
      if (!in_word(now_[k].code)) {
        ++k;
        continue;
      }
      word w{k, k};
      for (; w.end < now_.size() && in_word(now_[w.end].code); ++w.end) {
        char32_t const c = now_[w.end].code;
        if (is_ascii_letter(c)) w.latin = true;
        else if (looks_like(c) != '\0') w.alphabet = w.lookalikes++ == 0 || w.alphabet == alphabet_of(c) ? alphabet_of(c) : -1;
        else if (c >= 0x80) w.others = true;
      }
      f(w);
      k = w.end;
    }
  }

  void unmask() {
    bool any = false, latin = false;
    std::array<bool, alphabets> used{};  // in words that have letters which look like no Latin one
    for_each_word([&](word const& w) {
      any = any || w.lookalikes > 0;
      latin = latin || (w.latin && w.lookalikes == 0);
      if (!w.others) return;
      for (std::size_t k = w.begin; k < w.end; ++k) used[static_cast<std::size_t>(alphabet_of(now_[k].code))] = true;
    });
    if (!any) return;
    for_each_word([&](word const& w) {
      if (w.lookalikes == 0 || w.others) return;
      bool const disguise = latin && w.alphabet > 0 && !used[static_cast<std::size_t>(w.alphabet)] && w.lookalikes > 1;
      if (!w.latin && !disguise) return;
      count(evasion::lookalike, w.lookalikes);
      for (std::size_t k = w.begin; k < w.end; ++k)
        if (char const c = looks_like(now_[k].code)) now_[k].code = static_cast<char32_t>(c);
    });
  }

  static bool has_case(char32_t c) {
    if (c < 0x80) return is_ascii_letter(c);
    general_category const g = category_of(c);
    return g == general_category::ll || g == general_category::lu;
  }
  static bool separates(char32_t c) {
    return c == U' ' || c == U'.' || c == U'-' || c == U'_' || c == U'*' || c == U'|' || c == U'/' || c == U',' || c == 0xB7;
  }

  /// Runs of `least` letters and more, with one separator throughout. Whether there was one.
  bool join_spaced(std::size_t least) {
    index_t const before = out_.changed[static_cast<std::size_t>(evasion::spaced)];
    auto const alone = [&](std::size_t k) {  // a word of one letter
      return k < now_.size() && has_case(now_[k].code) && (k == 0 || !in_word(now_[k - 1].code)) && (k + 1 == now_.size() || !in_word(now_[k + 1].code));
    };
    next_.clear();
    for (std::size_t k = 0; k < now_.size();) {
      std::size_t letters = 0;
      if (alone(k) && k + 1 < now_.size() && separates(now_[k + 1].code)) {
        char32_t const separator = now_[k + 1].code;
        letters = 1;
        while (k + 2 * letters < now_.size() && now_[k + 2 * letters - 1].code == separator && alone(k + 2 * letters)) ++letters;
      }
      // "find a p l u m", "p l u m a day": a word of one letter stands between the run and a longer word.
      auto const article = [&](std::size_t at) { return now_[at].code == U'a' || now_[at].code == U'A' || now_[at].code == U'I'; };
      auto const longer_word = [&](std::size_t at) { return at < now_.size() && in_word(now_[at].code) && !alone(at); };
      if (letters > least && article(k) && k >= 2 && now_[k - 1].code == now_[k + 1].code && longer_word(k - 2)) {
        next_.insert(next_.end(), {now_[k], now_[k + 1]});
        k += 2;
        --letters;
      }
      if (std::size_t const last = k + 2 * letters - 2; letters > least && article(last) && last + 1 < now_.size() &&
          now_[last + 1].code == now_[last - 1].code && longer_word(last + 2))
        --letters;
      if (letters >= least) {
        count(evasion::spaced, static_cast<index_t>(letters));
        for (std::size_t l = 0; l < letters; ++l) next_.push_back(now_[k + 2 * l]);
        k += 2 * letters - 1;
      } else {
        // What was looked at and not joined is not looked at again.
        std::size_t const step = letters > 1 ? 2 * letters - 2 : 1;
        next_.insert(next_.end(), now_.begin() + static_cast<std::ptrdiff_t>(k), now_.begin() + static_cast<std::ptrdiff_t>(k + step));
        k += step;
      }
    }
    now_.swap(next_);
    return out_.changed[static_cast<std::size_t>(evasion::spaced)] > before;
  }

  static char leet_letter(char32_t c) {
    switch (c) {
      case U'0': return 'o';
      case U'1': case U'!': return 'i';
      case U'3': return 'e';
      case U'4': case U'@': return 'a';
      case U'5': case U'$': return 's';
      case U'7': return 't';
      default: return '\0';
    }
  }

  /// Digits for letters, in words that are letters for the greater part and hold no other digit.
  void undo_leet() {
    auto const inside = [&](char32_t c) { return is_ascii_letter(c) || leet_letter(c) != '\0' || (c >= U'0' && c <= U'9'); };
    for (std::size_t k = 0; k < now_.size();) {
      std::size_t end = k;
      int letters = 0, leet = 0, other = 0;
      for (; end < now_.size() && inside(now_[end].code); ++end) {
        char32_t const c = now_[end].code;
        (is_ascii_letter(c) ? letters : leet_letter(c) != '\0' ? leet : other) += 1;
      }
      while (end > k && now_[end - 1].code == U'!') --end, --leet;
      if (leet > 0 && other == 0 && letters >= leet && letters >= 2) {
        count(evasion::leet, leet);
        for (std::size_t m = k; m < end; ++m)
          if (char const c = leet_letter(now_[m].code)) now_[m].code = static_cast<char32_t>(c);
      }
      k = std::max(end, k + 1);
    }
  }

  std::vector<placed> now_, next_;
  clear_text out_;
};

}  // namespace detail

/// The text with what hides its words undone. Throws argument_error above 4 GiB.
inline clear_text read_clearly(std::string_view text, evasion_options const& options = {}) { return detail::evasion_reader(text, options).take(); }

/// A moderator that reads clearly: hands on both texts in the clear, and turns the windows' offsets back to the original.
template <class Moderator>
class clear_reader {
  static_assert(check_moderator<Moderator>());

public:
  explicit clear_reader(Moderator& model, evasion_options options = {}) : model_(model), options_(options) {}

  verdict classify(exchange const& text) {
    clear_text const prompt = read_clearly(text.prompt, options_), response = read_clearly(text.response.value_or(""), options_);
    exchange clear{prompt.text};
    if (text.response) clear.response = response.text;
    verdict out = model_.classify(clear);
    restore(out, prompt, response);
    return out;
  }
  void classify(std::span<exchange const> in, std::span<verdict> out) {
    std::vector<clear_text> texts;
    std::vector<exchange> clear;
    texts.reserve(2 * in.size());
    for (exchange const& text : in) {
      texts.push_back(read_clearly(text.prompt, options_));
      texts.push_back(read_clearly(text.response.value_or(""), options_));
      clear.push_back({texts[texts.size() - 2].text});
      if (text.response) clear.back().response = texts.back().text;
    }
    model_.classify(clear, out);
    for (std::size_t k = 0; k < in.size(); ++k) restore(out[k], texts[2 * k], texts[2 * k + 1]);
  }

private:
  static void restore(verdict& v, clear_text const& prompt, clear_text const& response) {
    for (window_verdict& w : v.windows) std::tie(w.begin, w.end) = (w.text == side::prompt ? prompt : response).original(w.begin, w.end);
  }

  Moderator& model_;
  evasion_options options_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
