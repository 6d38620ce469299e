// The cheapest moderator: phrases that mean something whatever is around them, found in one pass (Aho and Corasick 1975).
//
//     {"rules": [{"phrase": "ignore all previous instructions", "prompt_harm": 0.9},
//                {"phrase": "as an ai language model", "refusal": 0.8, "response_harm": 0.01}]}
//
// A phrase is whole words, in any case, with any spaces and punctuation between them. A rule gives tasks and categories a probability where
// its phrase occurs: prompt_harm in the prompt, response_harm and refusal in the response, a category in either. The highest holds; a task or
// category of some rule has 0 where nothing is found, which says little: this stands in front of a model (cascade.hpp), or behind
// read_clearly (evasion.hpp) for words that must never pass.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/unicode.hpp>
#include <parapet/guard/utf8.hpp>
#include <parapet/guard/verdict.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/sha256.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

class phrase_rules {
public:
  static constexpr int subject_count = task_count + category_count;

  /// Reads rules as JSON. Throws io_error, with the byte of `source`, for an unknown key, a probability outside [0, 1], or a phrase without words.
  phrase_rules(std::string_view json_text, std::string source) : model_(io::sha256(json_text)) {
    using parapet::detail::concat;
    auto const json = io::parse_json(json_text, std::move(source));
    for (std::string const& key : json.keys())
      if (key != "rules") json.fail(concat("unknown key '", key, "' beside \"rules\""));
    for (io::json_value const& rule : json.at("rules").items()) {
      std::array<float, subject_count> given;
      given.fill(-1);
      for (std::size_t k = 0; k < rule.keys().size(); ++k) {
        std::string const& key = rule.keys()[k];
        if (key == "phrase") continue;
        io::json_value const& value = rule.items()[k];
        auto const t = parse_task(key);
        auto const c = parse_category(key);
        if (!t && !c) value.fail(concat("unknown key '", key, "': it is \"phrase\", a task or a category"));
        double const p = value.number();
        if (!(p >= 0 && p <= 1)) value.fail("a probability is from 0 to 1");
        std::size_t const subject = t ? static_cast<std::size_t>(*t) : task_count + static_cast<std::size_t>(*c);
        given[subject] = static_cast<float>(p);
        ruled_[subject] = true;
      }
      add(words_of(rule.at("phrase").string()), given, rule);
    }
    link();
  }

  verdict classify(exchange const& text) const {
    verdict out;
    out.status = verdict_status::ok;
    out.model = model_;
    std::array<float, subject_count> prompt{}, response{};
    find(text.prompt, prompt);
    if (text.response) find(*text.response, response);
    for (std::size_t k = 0; k < subject_count; ++k) {
      if (!ruled_[k]) continue;
      if (k >= task_count) out.categories[k - task_count].probability = std::max(prompt[k], response[k]);
      else if (k == static_cast<std::size_t>(task::prompt_harm)) out.tasks[k].probability = prompt[k];
      else if (text.response) out.tasks[k].probability = response[k];
    }
    return out;
  }
  void classify(std::span<exchange const> in, std::span<verdict> out) const { classify_one_by_one(*this, in, out); }

  std::size_t size() const { return rules_.size(); }

private:
  struct node {
    std::int32_t fail = 0;  // the node of the longest proper suffix
    std::int32_t rule = -1, next_rule = -1;  // the rule that ends here, and the nearest node by fail where one does
  };

  /// " word word ", in lower case.
  static std::u32string words_of(std::string_view text) {
    std::u32string out = U" ";
    for (std::size_t at = 0; at < text.size();) {
      utf8_char const c = decode_utf8(text, at);
      at += static_cast<std::size_t>(c.bytes);
      general_category const g = category_of(c.code);
      if (is_letter(g) || is_mark(g) || is_number(g)) append_lower(out, c.code);
      else if (out.back() != U' ') out += U' ';
    }
    if (out.back() != U' ') out += U' ';
    return out;
  }

  static std::uint64_t edge(std::int32_t from, char32_t code) { return static_cast<std::uint64_t>(from) << 32 | code; }
  std::int32_t child(std::int32_t from, char32_t code) const {
    auto const found = edges_.find(edge(from, code));
    return found == edges_.end() ? -1 : found->second;
  }

  void add(std::u32string const& words, std::array<float, subject_count> const& given, io::json_value const& rule) {
    if (words.size() < 2) rule.fail("the phrase has no words");
    std::int32_t at = 0;
    for (char32_t const code : words) {
      auto const [found, made] = edges_.emplace(edge(at, code), static_cast<std::int32_t>(nodes_.size()));
      if (made) nodes_.push_back({}), parents_.emplace_back(at, code);
      at = found->second;
    }
    node& last = nodes_[static_cast<std::size_t>(at)];
    if (last.rule >= 0) {  // the phrase again: the higher probabilities hold
      for (std::size_t k = 0; k < subject_count; ++k) {
        float& p = rules_[static_cast<std::size_t>(last.rule)][k];
        p = std::max(p, given[k]);
      }
      return;
    }
    last.rule = static_cast<std::int32_t>(rules_.size());
    rules_.push_back(given);
  }

  /// Where to go on when no phrase goes on: nodes by depth, so that what they point to is known.
  void link() {
    std::vector<std::int32_t> depth(nodes_.size(), 0), order;
    for (std::size_t k = 1; k < nodes_.size(); ++k) {
      depth[k] = depth[static_cast<std::size_t>(parents_[k].first)] + 1;
      order.push_back(static_cast<std::int32_t>(k));
    }
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return depth[static_cast<std::size_t>(a)] < depth[static_cast<std::size_t>(b)]; });
    for (std::int32_t const k : order) {
      auto const [parent, code] = parents_[static_cast<std::size_t>(k)];
      node& n = nodes_[static_cast<std::size_t>(k)];
      n.fail = parent == 0 ? 0 : step(nodes_[static_cast<std::size_t>(parent)].fail, code);
      node const& f = nodes_[static_cast<std::size_t>(n.fail)];
      n.next_rule = f.rule >= 0 ? n.fail : f.next_rule;
    }
  }

  std::int32_t step(std::int32_t at, char32_t code) const {
    for (;; at = nodes_[static_cast<std::size_t>(at)].fail) {
      if (std::int32_t const next = child(at, code); next >= 0) return next;
      if (at == 0) return 0;
    }
  }

  void find(std::string_view text, std::array<float, subject_count>& found) const {
    std::int32_t at = 0;
    for (char32_t const code : words_of(text)) {
      at = step(at, code);
      for (std::int32_t n = at; n > 0; n = nodes_[static_cast<std::size_t>(n)].next_rule) {
        std::int32_t const rule = nodes_[static_cast<std::size_t>(n)].rule;
        for (std::size_t k = 0; rule >= 0 && k < subject_count; ++k) found[k] = std::max(found[k], rules_[static_cast<std::size_t>(rule)][k]);
      }
    }
  }

  io::sha256_digest model_;
  std::array<bool, subject_count> ruled_{};
  std::vector<std::array<float, subject_count>> rules_;  // -1: says nothing of the subject
  std::unordered_map<std::uint64_t, std::int32_t> edges_;
  std::vector<node> nodes_{node{}};
  std::vector<std::pair<std::int32_t, char32_t>> parents_{{0, 0}};
};
static_assert(moderator<phrase_rules>);

}  // namespace parapet::inline PARAPET_ABI::guard
