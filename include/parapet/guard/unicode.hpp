// What tokenisers need of Unicode: general categories, lower case and the four normal forms (UAX #15).
//
// No locale and no library: the tables are in unicode_tables.hpp. Normalising takes O(n) for any text, also for a
// megabyte of combining marks on one letter.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/unicode_tables.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

enum class general_category : std::uint8_t { // clang-format off
  cn, cc, cf, co, cs,  ll, lm, lo, lt, lu,  mc, me, mn,  nd, nl, no,  pc, pd, pe, pf, pi, po, ps,  sc, sk, sm, so,  zl, zp, zs
}; // clang-format on

enum class normal_form { nfd, nfc, nfkd, nfkc };

namespace detail {

/// The value of the run that `code` is in.
template <std::size_t N>
std::uint8_t run_value(std::uint32_t const (&runs)[N], char32_t code) {
  auto const after = std::upper_bound(std::begin(runs), std::end(runs), static_cast<std::uint32_t>(code) << 8 | 0xFF);
  return static_cast<std::uint8_t>(*std::prev(after) & 0xFF);
}

inline std::uint8_t combining_class(char32_t code) { return code < 0x300 ? std::uint8_t{0} : run_value(combining_runs, code); }

/// The decompositions in order, and the pairs that are composed.
struct normalization_data {
  struct entry {
    char32_t code;
    std::uint32_t begin;  // of its code points in decompositions[]
    std::uint8_t length;
    bool compatibility;
  };
  std::vector<entry> entries;
  std::vector<std::pair<std::uint64_t, char32_t>> pairs;  // first << 32 | second, what they compose to

  normalization_data() {
    char32_t code = 0;
    for (std::uint32_t at = 0; at < std::size(decompositions);) {
      std::uint32_t const head = decompositions[at++];
      code += head >> 7;
      entries.push_back({code, at, static_cast<std::uint8_t>(head & 31), (head & 64) != 0});
      if (head & 32) pairs.emplace_back(std::uint64_t{decompositions[at]} << 32 | decompositions[at + 1], code);
      at += head & 31;
    }
    std::sort(pairs.begin(), pairs.end());
  }

  static normalization_data const& get() {
    static normalization_data const data;
    return data;
  }

  template <class String>
  void decompose(char32_t code, bool compatibility, String& out) const {
    if (code >= 0xAC00 && code < 0xAC00 + 11172) {  // Hangul syllables are computed
      char32_t const index = code - 0xAC00;
      out += static_cast<char32_t>(0x1100 + index / 588);
      out += static_cast<char32_t>(0x1161 + index % 588 / 28);
      if (index % 28 != 0) out += static_cast<char32_t>(0x11A7 + index % 28);
      return;
    }
    auto const found = code < 0xA0 ? entries.end()
                                   : std::lower_bound(entries.begin(), entries.end(), code, [](entry const& e, char32_t c) { return e.code < c; });
    if (found == entries.end() || found->code != code || (found->compatibility && !compatibility)) {
      out += code;
      return;
    }
    for (std::uint32_t k = 0; k < found->length; ++k) decompose(decompositions[found->begin + k], compatibility, out);
  }

  /// What the two compose to, or 0.
  char32_t compose(char32_t first, char32_t second) const {
    if (first - 0x1100 < 19 && second - 0x1161 < 21) return 0xAC00 + ((first - 0x1100) * 21 + (second - 0x1161)) * 28;
    if (first - 0xAC00 < 11172 && (first - 0xAC00) % 28 == 0 && second - 0x11A8 < 27) return first + (second - 0x11A7);
    std::uint64_t const key = std::uint64_t{first} << 32 | second;
    auto const found = std::lower_bound(pairs.begin(), pairs.end(), std::pair<std::uint64_t, char32_t>(key, 0));
    return found != pairs.end() && found->first == key ? found->second : 0;
  }
};

}  // namespace detail

inline general_category category_of(char32_t code) { return static_cast<general_category>(detail::run_value(detail::category_runs, code)); }

inline bool is_letter(general_category c) { return c >= general_category::ll && c <= general_category::lu; }
inline bool is_mark(general_category c) { return c >= general_category::mc && c <= general_category::mn; }
inline bool is_number(general_category c) { return c >= general_category::nd && c <= general_category::no; }
inline bool is_punctuation(general_category c) { return c >= general_category::pc && c <= general_category::ps; }

/// The property White_Space, which is `\s` of regular expressions.
constexpr bool is_white_space(char32_t c) {
  return (c >= 9 && c <= 13) || c == 32 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Appends the lower case of one code point: the code point itself where it has none. No rules of languages or positions.
inline void append_lower(std::u32string& out, char32_t code) {
  if (code == 0x130) {
    out += U'i';
    out += U'\u0307';
    return;
  }
  auto const value = static_cast<std::int32_t>(code);
  for (std::size_t k = 0; k < std::size(detail::lower_runs); k += 4) {
    std::int32_t const* const run = detail::lower_runs + k;
    if (value < run[0]) break;
    if (value <= run[1] && (value - run[0]) % run[2] == 0) {
      out += static_cast<char32_t>(value + run[3]);
      return;
    }
  }
  out += code;
}

/// One character of a text that is rewritten: with change 0 it stands for the next character of the old text, with -n for that and
/// n more, and with 1 for none.
struct changed_char {
  char32_t code;
  std::int32_t change;
};

namespace detail {

/// Puts marks that follow one another in the order of their classes; those of one class stay in theirs.
inline void order_marks(std::span<changed_char> marks, std::pmr::polymorphic_allocator<> memory) {
  auto const by_class = [](changed_char a, changed_char b) { return combining_class(a.code) < combining_class(b.code); };
  if (std::is_sorted(marks.begin(), marks.end(), by_class)) return;
  std::pmr::vector<changed_char> const old(marks.begin(), marks.end(), memory);
  std::array<std::size_t, 257> place{};  // by class: where its next mark goes
  for (changed_char const c : old) ++place[combining_class(c.code) + 1u];
  for (std::size_t k = 1; k < place.size(); ++k) place[k] += place[k - 1];
  for (changed_char const c : old) marks[place[combining_class(c.code)]++] = c;
}

}  // namespace detail

/// The normal form of `text`, and what each of its characters stands for.
inline std::pmr::vector<changed_char> normalize_changes(std::u32string_view text, normal_form form, std::pmr::polymorphic_allocator<> memory = {}) {
  auto const& data = detail::normalization_data::get();
  std::pmr::vector<changed_char> out(memory);
  out.reserve(text.size());
  std::pmr::u32string parts(memory);
  for (char32_t const code : text) {
    if (code < 0xA0) {
      out.push_back({code, 0});
      continue;
    }
    parts.clear();
    data.decompose(code, form == normal_form::nfkd || form == normal_form::nfkc, parts);
    for (std::size_t k = 0; k < parts.size(); ++k) out.push_back({parts[k], k > 0});
  }

  for (auto at = out.begin(); at != out.end();) {
    auto const is_mark = [](changed_char c) { return detail::combining_class(c.code) != 0; };
    auto const begin = std::find_if(at, out.end(), is_mark);
    at = std::find_if_not(begin, out.end(), is_mark);
    detail::order_marks({begin, at}, memory);
  }
  if (form == normal_form::nfd || form == normal_form::nfkd) return out;

  constexpr auto none = static_cast<std::size_t>(-1);
  std::size_t kept = 0, starter = none;
  int last_class = -1;  // of what is kept after the starter; -1: nothing is
  for (changed_char const c : out) {
    int const its_class = detail::combining_class(c.code);
    if (starter != none && last_class < its_class) {
      if (char32_t const both = data.compose(out[starter].code, c.code)) {
        out[starter] = {both, out[starter].change + c.change - 1};
        continue;
      }
    }
    if (its_class == 0) starter = kept, last_class = -1;
    else last_class = its_class;
    out[kept++] = c;
  }
  out.resize(kept);
  return out;
}

inline std::u32string normalize(std::u32string_view text, normal_form form) {
  std::u32string out;
  for (changed_char const c : normalize_changes(text, form)) out += c.code;
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
