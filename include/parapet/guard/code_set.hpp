// Sets of code points: what classes of patterns and of Unicode are made of, and what a tokeniser asks for each character.
//
// code_ranges has the algebra (union, intersection, complement) on sorted ranges. code_set answers: one bit for ASCII, a page of 256
// bits for the rest, of which most are all or nothing and shared.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/unicode.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Code points as sorted ranges that do not touch.
class code_ranges {
public:
  struct range {
    char32_t first, last;
  };
  static constexpr char32_t largest = 0x10FFFF;

  code_ranges() = default;
  code_ranges(std::initializer_list<range> ranges) : ranges_(ranges) { tidy(); }

  /// All code points of the general categories for which `wanted` says so.
  template <class Wanted>
  static code_ranges of_categories(Wanted wanted) {
    code_ranges out;
    for (std::size_t k = 0; k < std::size(detail::category_runs); ++k) {
      std::uint32_t const run = detail::category_runs[k];
      char32_t const end = k + 1 < std::size(detail::category_runs) ? detail::category_runs[k + 1] >> 8 : largest + 1;
      if (wanted(static_cast<general_category>(run & 0xFF))) out.ranges_.push_back({run >> 8, end - 1});
    }
    out.tidy();
    return out;
  }

  bool empty() const { return ranges_.empty(); }
  std::vector<range> const& ranges() const { return ranges_; }

  friend code_ranges operator|(code_ranges a, code_ranges const& b) {
    a.ranges_.insert(a.ranges_.end(), b.ranges_.begin(), b.ranges_.end());
    a.tidy();
    return a;
  }
  friend code_ranges operator~(code_ranges const& a) {
    code_ranges out;
    char32_t next = 0;
    for (range const& r : a.ranges_) {
      if (r.first > next) out.ranges_.push_back({next, r.first - 1});
      next = r.last + 1;
    }
    if (next <= largest) out.ranges_.push_back({next, largest});
    return out;
  }
  friend code_ranges operator&(code_ranges const& a, code_ranges const& b) { return ~(~a | ~b); }

private:
  void tidy() {
    std::sort(ranges_.begin(), ranges_.end(), [](range a, range b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (range const& r : ranges_) {
      if (kept > 0 && r.first <= ranges_[kept - 1].last + 1) ranges_[kept - 1].last = std::max(ranges_[kept - 1].last, r.last);
      else ranges_[kept++] = r;
    }
    ranges_.resize(kept);
  }

  std::vector<range> ranges_;
};

class code_set {
public:
  code_set() : code_set(code_ranges{}) {}
  explicit code_set(code_ranges const& ranges) : pages_{page{}, page{all, all, all, all}} {
    std::vector<std::uint16_t> page_of(256 * 17, 0);
    for (auto [first, last] : ranges.ranges()) {
      for (char32_t at = first; at <= last;) {
        char32_t const end = std::min<char32_t>(last, at | 0xFF) + 1;  // of the range in this page
        std::uint16_t& which = page_of[at >> 8];
        if (end - at == 256) {
          which = 1;
        } else {
          if (which == 0) {
            which = static_cast<std::uint16_t>(pages_.size());
            pages_.push_back({});
          }
          for (char32_t c = at; c < end; ++c) pages_[which][c >> 6 & 3] |= std::uint64_t{1} << (c & 63);
        }
        at = end;
      }
    }
    page_of_ = std::move(page_of);
    ascii_ = {pages_[page_of_[0]][0], pages_[page_of_[0]][1]};
  }

  bool contains_ascii(unsigned char c) const { return (ascii_[c >> 6] >> (c & 63) & 1) != 0; }
  bool contains(char32_t code) const {
    if (code < 0x80) return contains_ascii(static_cast<unsigned char>(code));
    return (pages_[page_of_[code >> 8]][code >> 6 & 3] >> (code & 63) & 1) != 0;
  }

private:
  using page = std::array<std::uint64_t, 4>;
  static constexpr std::uint64_t all = ~std::uint64_t{0};

  std::array<std::uint64_t, 2> ascii_{};
  std::vector<page> pages_;
  std::vector<std::uint16_t> page_of_;  // by code point / 256
};

namespace detail {

inline code_ranges white_space_ranges() {
  return {{9, 13},          {32, 32},         {0x85, 0x85},     {0xA0, 0xA0},     {0x1680, 0x1680},
          {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
}
/// Letters, marks, decimal digits and connectors: `\w` of Oniguruma.
inline code_ranges word_ranges() {
  return code_ranges::of_categories([](general_category c) { return is_letter(c) || is_mark(c) || c == general_category::nd || c == general_category::pc; });
}
/// `\w` of UTS #18, which Rust's regex has: the property Alphabetic adds letter numbers and letters in circles and squares; two joiners.
inline code_ranges alphabetic_word_ranges() {
  return word_ranges() | code_ranges::of_categories([](general_category c) { return c == general_category::nl; }) |
         code_ranges{{0x24B6, 0x24E9}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}, {0x200C, 0x200D}};
}

}  // namespace detail

/// Sets that are made once.
inline code_set const& white_space_set() {
  static code_set const set(detail::white_space_ranges());
  return set;
}
inline code_set const& word_set() {
  static code_set const set(detail::alphabetic_word_ranges());
  return set;
}
inline code_set const& number_set() {
  static code_set const set(code_ranges::of_categories(is_number));
  return set;
}
/// Punctuation of Unicode, and all of ASCII that is neither letter, digit, space nor control.
inline code_set const& punctuation_set() {
  static code_set const set(code_ranges::of_categories(is_punctuation) | code_ranges{{0x21, 0x2F}, {0x3A, 0x40}, {0x5B, 0x60}, {0x7B, 0x7E}});
  return set;
}

}  // namespace parapet::inline PARAPET_ABI::guard
