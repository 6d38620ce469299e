// Answers in a form that is known: all of them scored in one pass of a language model.
//
// The answers, as tokens, are a tree; its nodes are laid behind the prompt, each seeing the prompt and its ancestors only, at
// the position that it would have in its own answer. One pass then gives what generation would have seen along every answer.
// Where the tree branches the model's choice is between the branches:
//
//     P(answer) = product over its branches of  exp(logit(token)) / sum over the tokens of the branch of exp(logit)
//
// the joint distribution of a generation that is held to the form. Tree attention: Miao et al., "SpecInfer" (2024), section 4.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

class answer_tree {
public:
  /// What the model chooses between behind one node.
  struct branch {
    index_t node;                      ///< -1: behind the prompt's last token
    std::vector<std::int32_t> tokens;  ///< increasing
    index_t first_logit;               ///< where its logits start among those of all branches
  };

  answer_tree() = default;
  /// Throws argument_error for answers that are equal, or where one starts another, or for more than 64 nodes.
  explicit answer_tree(std::span<std::vector<std::int32_t> const> answers) : answers_(answers.size()) {
    if (answers.size() < 2) throw argument_error("answer_tree: fewer than two answers");
    std::vector<std::size_t> all(answers.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    grow(answers, all, 0, -1);
    if (tokens_.size() > 64) throw argument_error(parapet::detail::concat("answer_tree: ", tokens_.size(), " nodes, expected at most 64"));
  }

  /// Nodes behind the prompt.
  index_t size() const { return static_cast<index_t>(tokens_.size()); }
  index_t answers() const { return static_cast<index_t>(answers_.size()); }
  /// By node: its token; how far it stands behind the prompt, from 0; itself and its ancestors as bits.
  std::span<std::int32_t const> tokens() const { return tokens_; }
  std::span<index_t const> depths() const { return depths_; }
  std::span<std::uint64_t const> ancestors() const { return ancestors_; }

  std::span<branch const> branches() const { return branches_; }
  /// Logits of all branches together.
  index_t logits() const { return branches_.empty() ? 0 : branches_.back().first_logit + static_cast<index_t>(branches_.back().tokens.size()); }

  /// log_probability[a] of each answer, of the logits of the branches one after the other. Throws shape_error, and argument_error for a
  /// logit that is not finite.
  void score(std::span<float const> logits, std::span<double> log_probability) const {
    if (log_probability.size() != answers_.size())
      throw shape_error(parapet::detail::concat("answer_tree: ", log_probability.size(), " answers, expected ", answers_.size()));
    check(logits);
    for (std::size_t a = 0; a < answers_.size(); ++a) {
      log_probability[a] = 0;
      for (choice const c : answers_[a]) log_probability[a] += log_share(logits, c);
    }
  }

  /// The answer that generation token by token of the likeliest would give; the first of equals at a branch. Throws as score.
  index_t greedy(std::span<float const> logits) const {
    check(logits);
    auto const wins_all = [&](std::vector<choice> const& choices) { return std::ranges::all_of(choices, [&](choice const c) { return wins(logits, c); }); };
    return std::ranges::find_if(answers_, wins_all) - answers_.begin();
  }

private:
  struct choice {
    std::size_t branch;
    index_t token;  // of the branch
  };

  /// Adds what `which` of the answers, equal in their first `depth` tokens and standing behind `parent`, go on with.
  void grow(std::span<std::vector<std::int32_t> const> answers, std::vector<std::size_t> const& which, std::size_t depth, index_t parent) {
    if (which.size() == 1) return;  // nothing is left to choose
    std::vector<std::int32_t> next;
    for (std::size_t const a : which) {
      if (depth == answers[a].size()) throw argument_error(parapet::detail::concat("answer_tree: answer ", a, " starts another or equals it"));
      next.push_back(answers[a][depth]);
    }
    std::ranges::sort(next);
    next.erase(std::unique(next.begin(), next.end()), next.end());
    std::size_t const here = branches_.size();
    if (next.size() > 1) branches_.push_back({parent, next, logits()});
    for (std::size_t k = 0; k < next.size(); ++k) {
      std::vector<std::size_t> through;
      for (std::size_t const a : which) {
        if (answers[a][depth] != next[k]) continue;
        through.push_back(a);
        if (next.size() > 1) answers_[a].push_back({here, static_cast<index_t>(k)});
      }
      if (through.size() == 1) continue;
      auto const node = static_cast<index_t>(tokens_.size());
      tokens_.push_back(next[k]);
      depths_.push_back(static_cast<index_t>(depth));
      ancestors_.push_back((node < 64 ? std::uint64_t{1} << node : 0) | (parent < 0 ? 0 : ancestors_[static_cast<std::size_t>(parent)]));
      grow(answers, through, depth + 1, node);
    }
  }

  void check(std::span<float const> logits) const {
    if (static_cast<index_t>(logits.size()) != this->logits())
      throw shape_error(parapet::detail::concat("answer_tree: ", logits.size(), " logits, expected ", this->logits()));
    if (!std::ranges::all_of(logits, [](float l) { return std::isfinite(l); })) throw argument_error("answer_tree: a logit is not finite");
  }

  std::span<float const> of(std::span<float const> logits, branch const& b) const {
    return logits.subspan(static_cast<std::size_t>(b.first_logit), b.tokens.size());
  }

  double log_share(std::span<float const> logits, choice c) const {
    std::span<float const> const all = of(logits, branches_[c.branch]);
    auto const largest = static_cast<double>(*std::ranges::max_element(all));
    double total = 0;
    for (float const l : all) total += std::exp(static_cast<double>(l) - largest);
    return static_cast<double>(all[static_cast<std::size_t>(c.token)]) - largest - std::log(total);
  }

  bool wins(std::span<float const> logits, choice c) const {
    std::span<float const> const all = of(logits, branches_[c.branch]);
    return std::ranges::max_element(all) - all.begin() == c.token;
  }

  std::vector<std::int32_t> tokens_;
  std::vector<index_t> depths_;
  std::vector<std::uint64_t> ancestors_;
  std::vector<branch> branches_;
  std::vector<std::vector<choice>> answers_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
