// Reads the expressions of pattern.hpp: text to a tree, and the tree to nodes that each know what follows them.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/code_set.hpp>
#include <parapet/guard/pattern.hpp>
#include <parapet/guard/unicode.hpp>
#include <parapet/guard/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {
namespace detail {

class pattern_parser {
public:
  explicit pattern_parser(std::string_view expression) : text_(to_utf32(expression)) {
    if (text_.size() > 16384) fail("longer than 16384 characters");
  }

  pattern parse() {
    tree const whole = parse_either();
    if (at_ != text_.size()) fail("a ')' that closes nothing");
    if (shortest(whole) == 0) fail("it can match nothing at all");
    pattern out;
    out.nodes_.push_back({kind::accept});
    out.start_ = emit(out, whole, 0);
    return out;
  }

private:
  using node = pattern::node;
  using kind = pattern::node::kind;
  using greed = pattern::node::greed;

  struct tree {
    enum class form : std::uint8_t { set, sequence, either, repeat, look, place };
    form what = form::sequence;
    code_ranges set{};
    std::vector<tree> parts{};
    std::uint32_t least = 1, most = 1;
    greed how = greed::greedy;
    kind place = kind::accept;  // of look: ahead or not_ahead; of place: an anchor
  };

  [[noreturn]] void fail(std::string_view what) const { throw argument_error(parapet::detail::concat("pattern, character ", at_, ": ", what)); }

  bool more() const { return at_ < text_.size(); }
  bool take(char32_t c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::u32string_view word) {
    if (std::u32string_view(text_).substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  char32_t next() {
    if (!more()) fail("it ends too early");
    return text_[at_++];
  }

  static tree of_set(code_ranges set) { return {tree::form::set, std::move(set)}; }
  static tree of_place(kind place) {
    tree out;
    out.what = tree::form::place;
    out.place = place;
    return out;
  }

  tree parse_either() {
    if (++depth_ > 32) fail("groups are nested deeper than 32");
    tree out;
    out.what = tree::form::either;
    do out.parts.push_back(parse_sequence());
    while (take(U'|'));
    --depth_;
    if (out.parts.size() == 1) return tree(std::move(out.parts[0]));
    if (std::all_of(out.parts.begin(), out.parts.end(), [](tree const& t) { return t.what == tree::form::set; })) {
      code_ranges all;
      for (tree const& t : out.parts) all = std::move(all) | t.set;
      return of_set(all);
    }
    return out;
  }

  tree parse_sequence() {
    tree out;
    bool const ignores_case = ignores_case_;
    while (more() && text_[at_] != U'|' && text_[at_] != U')') {
      tree part = parse_atom();
      while (parse_quantifier(part)) {}
      out.parts.push_back(std::move(part));
    }
    ignores_case_ = ignores_case;
    if (out.parts.size() == 1) return tree(std::move(out.parts[0]));
    return out;
  }

  bool parse_quantifier(tree& part) {
    tree outer;
    outer.what = tree::form::repeat;
    bool counted = false;
    if (take(U'?')) outer.least = 0;
    else if (take(U'*')) outer.least = 0, outer.most = pattern::unbounded;
    else if (take(U'+')) outer.most = pattern::unbounded;
    else if (!(counted = parse_interval(outer))) return false;
    if (take(U'?')) {
      if (counted && outer.least == outer.most) fail("'?' after an exact count means two things");
      outer.how = greed::lazy;
    } else if (!counted && take(U'+')) {
      outer.how = greed::possessive;
    }
    bool const simple = part.what == tree::form::set;
    if (part.what == tree::form::place || part.what == tree::form::look) fail("a place that is repeated");
    if (!simple && outer.most == pattern::unbounded) fail("a group that is repeated without bound is not supported");
    if (!simple && outer.how == greed::possessive) fail("a possessive group is not supported");
    outer.parts.push_back(std::move(part));
    part = std::move(outer);
    return true;
  }

  /// `{2}`, `{2,}`, `{,3}` or `{1,3}`; a '{' that starts none of them is a character.
  bool parse_interval(tree& out) {
    std::size_t const begin = at_;
    if (!take(U'{')) return false;
    auto const number = [&](std::uint32_t otherwise) {
      std::uint32_t value = 0;
      std::size_t const first = at_;
      while (more() && text_[at_] >= U'0' && text_[at_] <= U'9') {
        value = value * 10 + static_cast<std::uint32_t>(text_[at_++] - U'0');
        if (value > 1000) fail("a count above 1000");
      }
      return at_ == first ? otherwise : value;
    };
    std::uint32_t const first = number(pattern::unbounded);
    bool const comma = take(U',');
    std::uint32_t const last = comma ? number(pattern::unbounded) : first;
    if (!take(U'}') || (first == pattern::unbounded && last == pattern::unbounded)) {
      at_ = begin;
      return false;
    }
    out.least = first == pattern::unbounded ? 0 : first;
    out.most = last;
    if (out.least > out.most || out.most == 0) fail("a count from more to less, or of nothing");
    return true;
  }

  tree parse_atom() {
    char32_t const c = next();
    switch (c) {
      case U'(': return parse_group();
      case U'[': return of_set(parse_class());
      case U'.': return of_set(~code_ranges{{U'\n', U'\n'}});
      case U'^': return of_place(kind::line_begin);
      case U'$': return of_place(kind::line_end);
      case U'?':
      case U'*':
      case U'+': fail("nothing to repeat");
      case U'\\':
        if (take(U'A')) return of_place(kind::text_begin);
        if (take(U'z')) return of_place(kind::text_end);
        return of_set(folded(parse_escape()));
      default: return of_set(folded({{c, c}}));
    }
  }

  tree parse_group() {
    bool const ignores_case = ignores_case_;
    tree out;
    if (take(U"?=") || take(U"?!")) {
      out.what = tree::form::look;
      out.place = text_[at_ - 1] == U'=' ? kind::ahead : kind::not_ahead;
      out.parts.push_back(parse_either());
    } else {
      if (take(U"?i:")) ignores_case_ = true;
      else if (take(U"?i)")) {
        ignores_case_ = true;  // to the end of the group around it
        return out;
      } else if (!take(U"?:") && more() && text_[at_] == U'?') fail("this kind of group is not supported");
      out = parse_either();
    }
    ignores_case_ = ignores_case;
    if (!take(U')')) fail("a '(' is not closed");
    return out;
  }

  /// What equals the set but for case, while "(?i" holds.
  code_ranges folded(code_ranges set) const {
    if (!ignores_case_) return set;
    code_ranges out = set;
    for (auto const [first, last] : set.ranges()) {
      if (last > 0x7F) fail("characters beyond ASCII where case is ignored are not supported");
      for (char32_t c = first; c <= last; ++c) {
        char32_t const small = c | 0x20;
        if (small < U'a' || small > U'z') continue;
        out = std::move(out) | code_ranges{{small, small}, {small - 0x20, small - 0x20}};
        if (small == U's') out = std::move(out) | code_ranges{{0x17F, 0x17F}};
        if (small == U'k') out = std::move(out) | code_ranges{{0x212A, 0x212A}};
      }
    }
    return out;
  }

  /// What follows '['.
  code_ranges parse_class() {
    if (++depth_ > 32) fail("classes are nested deeper than 32");
    bool const negated = take(U'^');
    code_ranges all, part;
    bool intersected = false, first = true;
    auto const end_part = [&] {
      all = intersected ? all & part : part;
      part = {};
      intersected = true;
    };
    for (;; first = false) {
      if (!more()) fail("a '[' is not closed");
      if (take(U']')) {
        if (first) fail("an empty class");
        break;
      }
      if (take(U"&&")) {
        end_part();
        continue;
      }
      if (take(U"[:")) fail("POSIX brackets are not supported");
      if (take(U'[')) {
        part = std::move(part) | parse_class();
        continue;
      }
      code_ranges const item = parse_class_item();
      bool const single = item.ranges().size() == 1 && item.ranges()[0].first == item.ranges()[0].last;
      if (single && more() && text_[at_] == U'-' && at_ + 1 < text_.size() && text_[at_ + 1] != U']') {
        ++at_;
        code_ranges const to = parse_class_item();
        char32_t const begin = item.ranges()[0].first;
        if (to.ranges().size() != 1 || to.ranges()[0].first != to.ranges()[0].last || to.ranges()[0].first < begin) fail("a range from more to less");
        part = std::move(part) | code_ranges{{begin, to.ranges()[0].last}};
      } else {
        part = std::move(part) | item;
      }
    }
    end_part();
    --depth_;
    if (ignores_case_ && negated) fail("a negated class where case is ignored is not supported");
    all = folded(std::move(all));
    return negated ? ~all : all;
  }

  code_ranges parse_class_item() {
    char32_t const c = next();
    if (c == U'\\') return parse_escape();
    return {{c, c}};
  }

  /// What follows '\'.
  code_ranges parse_escape() {
    auto const one = [](char32_t c) { return code_ranges{{c, c}}; };
    auto const digits = code_ranges::of_categories([](general_category c) { return c == general_category::nd; });
    char32_t const c = next();
    switch (c) {
      case U'r': return one(U'\r');
      case U'n': return one(U'\n');
      case U't': return one(U'\t');
      case U'f': return one(U'\f');
      case U'v': return one(U'\v');
      case U's': return white_space_ranges();
      case U'S': return ~white_space_ranges();
      case U'd': return digits;
      case U'D': return ~digits;
      case U'w': return word_ranges();
      case U'W': return ~word_ranges();
      case U'p': return parse_property();
      case U'P': return ~parse_property();
      case U'x': return one(take(U'{') ? parse_hex(1, 8, true) : parse_hex(1, 2, false));
      case U'u': return one(parse_hex(4, 4, false));
      default: break;
    }
    if ((c >= U'0' && c <= U'9') || (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z')) {
      --at_;
      fail("this escape is not supported");
    }
    return one(c);
  }

  char32_t parse_hex(int least, int most, bool braced) {
    char32_t value = 0;
    int digits = 0;
    for (; digits < most && more(); ++digits, ++at_) {
      char32_t const c = text_[at_];
      if (c >= U'0' && c <= U'9') value = value * 16 + (c - U'0');
      else if ((c | 0x20) >= U'a' && (c | 0x20) <= U'f') value = value * 16 + ((c | 0x20) - U'a' + 10);
      else break;
    }
    if (digits < least || value > code_ranges::largest || (braced && !take(U'}'))) fail("a code point in hexadecimal digits is expected");
    return value;
  }

  /// `{L}`, `{Lu}`, `{^L}`: general categories.
  code_ranges parse_property() {
    if (!take(U'{')) fail("'{' is expected");
    bool const negated = take(U'^');
    std::string name;
    while (more() && text_[at_] != U'}') name += static_cast<char>(text_[at_++] & 0x7F);
    if (!take(U'}')) fail("'}' is expected");
    constexpr std::string_view names[] = {"Cn", "Cc", "Cf", "Co", "Cs", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl",
                                          "No", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs"};
    if (name == "Letter") name = "L";
    if (name == "Number") name = "N";
    if (name == "Punctuation") name = "P";
    bool known = false;
    for (std::string_view const n : names) known = known || n == name || (name.size() == 1 && n[0] == name[0]);
    if (!known) fail("the property '" + name + "' is not supported: general categories are");
    code_ranges const set = code_ranges::of_categories([&](general_category c) {
      std::string_view const n = names[static_cast<std::size_t>(c)];
      return n == name || (name.size() == 1 && n[0] == name[0]);
    });
    return negated ? ~set : set;
  }

  /// Characters of the shortest match, 1 for more.
  static int shortest(tree const& t) {
    switch (t.what) {
      case tree::form::set: return t.set.empty() ? 0 : 1;
      case tree::form::sequence: return std::any_of(t.parts.begin(), t.parts.end(), [](tree const& p) { return shortest(p) > 0; });
      case tree::form::either: return std::all_of(t.parts.begin(), t.parts.end(), [](tree const& p) { return shortest(p) > 0; });
      case tree::form::repeat: return t.least > 0 ? shortest(t.parts[0]) : 0;
      default: return 0;
    }
  }

  /// Appends the nodes of the tree in front of node `next`, and returns the first.
  std::int32_t emit(pattern& out, tree const& t, std::int32_t next) const {
    if (out.nodes_.size() > 4096) throw argument_error("pattern: more than 4096 steps");
    auto const add = [&](node n) {
      out.nodes_.push_back(std::move(n));
      return static_cast<std::int32_t>(out.nodes_.size() - 1);
    };
    auto const add_set = [&](code_ranges const& set) {
      out.sets_.emplace_back(set);
      return static_cast<std::int32_t>(out.sets_.size() - 1);
    };
    switch (t.what) {
      case tree::form::set: {
        node n{kind::set, next};
        n.set = add_set(t.set);
        return add(std::move(n));
      }
      case tree::form::sequence:
        for (auto part = t.parts.rbegin(); part != t.parts.rend(); ++part) next = emit(out, *part, next);
        return next;
      case tree::form::either: {
        node n{kind::either};
        for (tree const& part : t.parts) n.branches.push_back(emit(out, part, next));
        return add(std::move(n));
      }
      case tree::form::repeat: {
        if (t.parts[0].what == tree::form::set) {
          node n{kind::run, next};
          n.set = add_set(t.parts[0].set);
          n.least = t.least, n.most = t.most, n.how = t.how;
          if (t.most == pattern::unbounded && out.runs_ == pattern::most_runs) fail("more than 64 characters repeated without bound");
          if (t.most == pattern::unbounded) n.memory = static_cast<std::int32_t>(out.runs_++);
          return add(std::move(n));
        }
        std::int32_t const after = next;
        for (std::uint32_t k = t.least; k < t.most; ++k) {
          node n{kind::either};
          n.branches = {emit(out, t.parts[0], next), after};
          if (t.how == greed::lazy) std::swap(n.branches[0], n.branches[1]);
          next = add(std::move(n));
        }
        for (std::uint32_t k = 0; k < t.least; ++k) next = emit(out, t.parts[0], next);
        return next;
      }
      case tree::form::look: {
        node n{t.place, next};
        n.body = emit(out, t.parts[0], 0);
        return add(std::move(n));
      }
      case tree::form::place: return add({t.place, next});
    }
    return next;
  }

  std::u32string text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool ignores_case_ = false;
};

}  // namespace detail

inline pattern pattern::parse(std::string_view expression) { return detail::pattern_parser(expression).parse(); }

}  // namespace parapet::inline PARAPET_ABI::guard
