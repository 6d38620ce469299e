// Scores the answers of a known form for many prompts, in one pass of a language model over prompts and answer trees.
//
//     guard::answer_scorer scorer(be, model, tree, prefix, 4096);
//     scorer.score(prompts, logits);                // logits (prompts, tree.logits())
//     tree.score(logits of one prompt, log_probability);
//
// Tokens that all prompts start with are run once and kept; a prompt that leaves them early uses what it shares. A prompt's logits
// have the same bits alone and in a batch.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/reference.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/answer_tree.hpp>
#include <parapet/guard/kv_cache.hpp>
#include <parapet/guard/staged_batch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Model is a transformer with a language head; Key the type of its cache.
template <class Model, class Backend, class Key = float>
class answer_scorer {
  using space = typename Model::space;

public:
  /// Passes of up to `tokens` tokens, those of the trees included. `be` and `model` must outlive this. Throws argument_error where no
  /// prompt would fit.
  answer_scorer(Backend& be, Model const& model, answer_tree tree, std::vector<std::int32_t> prefix, index_t tokens)
      : be_(&be), model_(&model), tree_(std::move(tree)), prefix_(std::move(prefix)), tokens_(tokens),
        cache_(model.config(), static_cast<index_t>(prefix_.size()) + tokens) {
    auto const shared = static_cast<index_t>(prefix_.size());
    if (std::max(tree_.size() + 1, shared) > tokens)
      throw argument_error(parapet::detail::concat("answer_scorer: passes of ", tokens, " tokens, but the tree has ", tree_.size(),
                                                   " and the prefix ", shared));
    for (auto const& branch : tree_.branches()) words_.insert(words_.end(), branch.tokens.begin(), branch.tokens.end());
    std::ranges::sort(words_);
    words_.erase(std::unique(words_.begin(), words_.end()), words_.end());

    auto const words = static_cast<index_t>(words_.size()), branches = static_cast<index_t>(tree_.branches().size());
    most_prompts_ = std::max<index_t>(1, tokens / (tree_.size() + 1));
    work_ = plan(memory_, [&](arena<space>& memory) {
      return storage{model.make_workspace(memory, tokens), staged_batch<space>(memory, tokens, most_prompts_),
                     memory.template take<float>(extents{words, model.hidden()}), memory.template take<float>(extents{most_prompts_ * branches, model.hidden()}),
                     memory.template take<float>(extents{most_prompts_ * branches, words}), memory.template take<index_t>(extents{most_prompts_ * branches}),
                     memory.template take<std::int32_t>(extents{words})};
    });
    host_logits_ = buffer<float>(most_prompts_ * branches * words);
    rows_.reserve(static_cast<std::size_t>(most_prompts_ * branches));
    copy(be, vector_view<std::int32_t const>(words_.data(), extents{words}), work_.words);
    model.head_rows(be, vector_view<std::int32_t const, space>(work_.words), work_.head);
    if (shared > 0) {
      work_.batch.clear();
      for (index_t i = 0; i < shared; ++i) work_.batch.add_token(prefix_[static_cast<std::size_t>(i)], i);
      work_.batch.add_sequence({.queries_begin = 0, .queries_end = 0, .keys_begin = 0, .keys_end = shared});
      model.forward(be, work_.batch.view(be), work_.pass, cache_);
    }
    synchronize(be);
  }

  answer_tree const& tree() const { return tree_; }
  /// Tokens of the longest prompt that a pass can take when it starts with the whole prefix.
  index_t longest_prompt() const { return static_cast<index_t>(prefix_.size()) + tokens_ - tree_.size(); }

  /// logits (prompts, tree().logits()) of prompts that are not empty. Throws argument_error for a prompt that is too long, shape_error.
  void score(std::span<std::vector<std::int32_t> const> prompts, matrix_view<float> const& logits) {
    check_shape("answer_scorer: logits", logits.shape(), extents{static_cast<index_t>(prompts.size()), tree_.logits()});
    std::size_t done = 0;
    for (std::size_t next = 0; done < prompts.size(); done = next) {
      work_.batch.clear();
      rows_.clear();
      for (next = done; next < prompts.size() && fits(prompts[next], next, next - done); ++next) add(prompts[next]);
      pass(logits.rows(static_cast<index_t>(done), static_cast<index_t>(next)));
    }
  }

private:
  struct storage {
    typename Model::workspace pass;
    staged_batch<space> batch;
    matrix_view<float, space> head;    // (words, hidden)
    matrix_view<float, space> states;  // (branches of all prompts, hidden)
    matrix_view<float, space> logits;  // (branches of all prompts, words)
    vector_view<index_t, space> rows;  // (branches of all prompts)
    vector_view<std::int32_t, space> words;
  };

  /// Tokens of a prompt whose keys are in the cache: never all of them, as its last must be run.
  index_t shared_tokens(std::vector<std::int32_t> const& prompt) const {
    auto const same = std::ranges::mismatch(prompt, prefix_).in1 - prompt.begin();
    return std::min(static_cast<index_t>(same), static_cast<index_t>(prompt.size()) - 1);
  }

  bool fits(std::vector<std::int32_t> const& prompt, std::size_t which, std::size_t in_pass) const {
    if (prompt.empty()) throw argument_error(parapet::detail::concat("answer_scorer: prompt ", which, " has no tokens"));
    index_t const own = static_cast<index_t>(prompt.size()) - shared_tokens(prompt) + tree_.size();
    if (own > tokens_)
      throw argument_error(parapet::detail::concat("answer_scorer: prompt ", which, " and the answers take ", own, " tokens, a pass has ", tokens_));
    return work_.batch.tokens() + own <= tokens_ && static_cast<index_t>(in_pass) < most_prompts_;
  }

  void add(std::vector<std::int32_t> const& prompt) {
    auto const shared = shared_tokens(prompt), length = static_cast<index_t>(prompt.size()), first = work_.batch.tokens();
    auto const prefix = static_cast<index_t>(prefix_.size());
    for (index_t i = shared; i < length; ++i) work_.batch.add_token(prompt[static_cast<std::size_t>(i)], i);
    index_t const nodes = work_.batch.tokens();
    for (std::size_t k = 0; k < tree_.tokens().size(); ++k) work_.batch.add_token(tree_.tokens()[k], length + tree_.depths()[k]);
    work_.batch.add_sequence({.queries_begin = 0, .queries_end = 0, .keys_begin = prefix + first, .keys_end = prefix + work_.batch.tokens(),
                              .tree = tree_.ancestors().data(), .tree_nodes = tree_.size(), .prefix_begin = 0, .prefix_end = shared});
    for (auto const& branch : tree_.branches()) rows_.push_back(nodes + branch.node);  // node -1 is the prompt's last token
  }

  void pass(matrix_view<float> const& out) {
    auto const n = static_cast<index_t>(rows_.size()), words = static_cast<index_t>(words_.size());
    auto const hidden = model_->forward(*be_, work_.batch.view(*be_), work_.pass, cache_);
    copy(*be_, vector_view<index_t const>(rows_.data(), extents{n}), work_.rows.rows(0, n));
    gather(*be_, matrix_view<float const, space>(hidden), vector_view<index_t const, space>(work_.rows.rows(0, n)), work_.states.rows(0, n));
    model_->logits(*be_, work_.states.rows(0, n), work_.head, work_.logits.rows(0, n));
    matrix_view<float> const host = host_logits_.view(extents{n, words});
    copy(*be_, matrix_view<float const, space>(work_.logits.rows(0, n)), host);
    synchronize(*be_);

    auto const branches = static_cast<index_t>(tree_.branches().size());
    for (index_t i = 0; i < out.extent(0); ++i)
      for (index_t b = 0, at = 0; b < branches; ++b)
        for (std::int32_t const word : tree_.branches()[static_cast<std::size_t>(b)].tokens)
          out(i, at++) = host(i * branches + b, std::ranges::lower_bound(words_, word) - words_.begin());
  }

  Backend* be_;
  Model const* model_;
  answer_tree tree_;
  std::vector<std::int32_t> prefix_;
  index_t tokens_, most_prompts_ = 1;
  std::vector<std::int32_t> words_;  // of all branches, sorted
  kv_cache<Key, space> cache_;
  arena<space> memory_;
  storage work_;
  buffer<float> host_logits_;
  std::vector<index_t> rows_;  // of hidden states that branches are decided by
};

}  // namespace parapet::inline PARAPET_ABI::guard
