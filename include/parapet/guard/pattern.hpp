// Patterns that cut text into words: the part of the regular expressions of Oniguruma (Ruby syntax) that tokenizer.json files use.
//
//     abc  .  [...]  \p{L}  \s \d \w   a|b   (...)  (?:...)  (?i:...)   ? * + {2} {2,} {1,3}, lazy and possessive   (?=...) (?!...)   ^ $ \A \z
//
// A match is what backtracking finds: the leftmost, of these the first alternative, as much as possible. Time is linear in the text for
// any pattern: a repeated class that led to nothing from a stretch of text is not tried there again. Everything else is refused: groups
// repeated without bound, references, look-behind, names of scripts, patterns that match nothing.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/code_set.hpp>
#include <parapet/guard/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

namespace detail {
class pattern_parser;
}

class pattern {
public:
  struct match {
    std::size_t begin, end;
  };

  /// Throws argument_error, which says at which character, for what is not in the syntax above. In pattern_parser.hpp.
  static pattern parse(std::string_view expression);
  /// The text itself; it may not be empty.
  static pattern literal(std::string_view text) {
    pattern out;
    for (std::size_t at = 0; at < text.size();) {
      utf8_char const c = decode_utf8(text, at);
      at += static_cast<std::size_t>(c.bytes);
      out.sets_.emplace_back(code_ranges{{c.code, c.code}});
      out.nodes_.push_back({node::kind::set, static_cast<std::int32_t>(out.nodes_.size() + 1), static_cast<std::int32_t>(out.sets_.size() - 1)});
    }
    out.nodes_.push_back({node::kind::accept});
    return out;
  }

  /// Calls on_match(match) for all matches in UTF-8 `text`, from left to right; none overlap.
  template <class OnMatch>
  void find_all(std::string_view text, OnMatch&& on_match) const {
    search now;
    now.text = text;
    std::fill_n(now.failed.begin(), runs_, stretch{none, 0});
    for (std::size_t at = 0; at < text.size();) {
      std::size_t const end = follow(now, start_, at);
      if (end == none) {
        at = after(text, at);
        continue;
      }
      on_match(match{at, end});
      at = end;
    }
  }
  std::vector<match> find_all(std::string_view text) const {
    std::vector<match> out;
    find_all(text, [&](match m) { out.push_back(m); });
    return out;
  }

private:
  friend class detail::pattern_parser;
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  static constexpr std::uint32_t unbounded = 0xFFFFFFFF;
  static constexpr std::size_t most_runs = 64;

  struct node {
    enum class kind : std::uint8_t { set, run, either, ahead, not_ahead, line_begin, line_end, text_begin, text_end, accept };
    enum class greed : std::uint8_t { greedy, lazy, possessive };
    kind what;
    std::int32_t next = -1;
    std::int32_t set = -1;   // of set and run
    std::int32_t body = -1;  // of a look-ahead, which ends in accept
    std::uint32_t least = 0, most = 0;
    greed how = greed::greedy;
    std::int32_t memory = -1;  // of a run without bound: which stretch is its own
    std::vector<std::int32_t> branches{};
  };
  /// Places from which the rest of a run, and what follows it, is known to fail: no place of them is tried again.
  struct stretch {
    std::size_t first, last;
  };
  struct search {
    std::string_view text;
    std::array<stretch, most_runs> failed;  // of each run
  };

  static std::size_t after(std::string_view text, std::size_t at) { return at + static_cast<std::size_t>(decode_utf8(text, at).bytes); }
  static std::size_t before(std::string_view text, std::size_t at) {
    do --at;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    return at;
  }

  /// Where the set's character at `at` ends, or `at` if there is none.
  static std::size_t step(code_set const& set, std::string_view text, std::size_t at) {
    if (at == text.size()) return at;
    auto const byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) return at + (set.contains_ascii(byte) ? 1 : 0);
    utf8_char const c = decode_utf8(text, at);
    return set.contains(c.code) ? at + static_cast<std::size_t>(c.bytes) : at;
  }

  /// Where the match from node `k` at byte `at` ends, or none.
  std::size_t follow(search& now, std::int32_t k, std::size_t at) const {
    using enum node::kind;
    std::string_view const text = now.text;
    for (;;) {
      node const& here = nodes_[static_cast<std::size_t>(k)];
      switch (here.what) {
        case set: {
          std::size_t const end = step(sets_[static_cast<std::size_t>(here.set)], text, at);
          if (end == at) return none;
          at = end;
          break;
        }
        case node::kind::run: return repeat(now, here, at);
        case either:
          for (std::int32_t const branch : here.branches)
            if (std::size_t const end = follow(now, branch, at); end != none) return end;
          return none;
        case ahead:
        case not_ahead:
          if ((follow(now, here.body, at) != none) != (here.what == ahead)) return none;
          break;
        case line_begin:
          if (at != 0 && text[at - 1] != '\n') return none;
          break;
        case line_end:
          if (at != text.size() && text[at] != '\n') return none;
          break;
        case text_begin:
          if (at != 0) return none;
          break;
        case text_end:
          if (at != text.size()) return none;
          break;
        case accept: return at;
      }
      k = here.next;
    }
  }

  std::size_t repeat(search& now, node const& here, std::size_t at) const {
    std::string_view const text = now.text;
    code_set const& set = sets_[static_cast<std::size_t>(here.set)];
    std::uint32_t count = 0;
    for (; count < here.least; ++count) {
      std::size_t const next = step(set, text, at);
      if (next == at) return none;
      at = next;
    }
    std::size_t const first = at;
    stretch* const failed = here.memory >= 0 ? &now.failed[static_cast<std::size_t>(here.memory)] : nullptr;
    if (failed != nullptr && failed->first <= first && first <= failed->last) return none;  // so that a known stretch begins after `first`

    auto const known = [&] { return failed != nullptr && at == failed->first; };  // from here on, what is left of the run fails
    if (here.how == node::greed::lazy) {
      for (; !known(); ++count) {
        if (std::size_t const end = follow(now, here.next, at); end != none) return end;
        std::size_t const next = count < here.most ? step(set, text, at) : at;
        if (next == at) break;
        at = next;
      }
    } else {
      for (; count < here.most && !known(); ++count) {
        std::size_t const next = step(set, text, at);
        if (next == at) break;
        at = next;
      }
      for (std::size_t back = at;; back = before(text, back)) {
        if (back != at || !known())
          if (std::size_t const end = follow(now, here.next, back); end != none) return end;
        if (back == first || here.how == node::greed::possessive) break;
      }
    }
    if (failed != nullptr) *failed = {first, known() ? failed->last : at};
    return none;
  }

  std::vector<node> nodes_;
  std::vector<code_set> sets_;
  std::int32_t start_ = 0;
  std::size_t runs_ = 0;  // runs without bound, at most most_runs
};

}  // namespace parapet::inline PARAPET_ABI::guard
