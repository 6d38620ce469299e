// Generation of the likeliest token, one after the other, over a cache of keys.
//
//     guard::greedy_generator generator(be, model, 4096, 128);
//     generator.generate(prompt, end, answer);     // at most 128 tokens, without the end
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/kv_cache.hpp>
#include <parapet/guard/staged_batch.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Model is a transformer with a language head; Key the type of its cache.
template <class Model, class Backend, class Key = float>
class greedy_generator {
  using space = typename Model::space;

public:
  /// For prompts of up to `prompt_tokens` tokens. `be` and `model` must outlive this.
  greedy_generator(Backend& be, Model const& model, index_t prompt_tokens, index_t new_tokens)
      : be_(&be), model_(&model), prompt_tokens_(prompt_tokens), new_tokens_(new_tokens), cache_(model.config(), prompt_tokens + new_tokens) {
    work_ = plan(memory_, [&](arena<space>& memory) {
      return storage{model.make_workspace(memory, prompt_tokens), staged_batch<space>(memory, prompt_tokens, 1),
                     memory.template take<float>(extents{index_t{1}, model.config().vocabulary})};
    });
  }

  /// Replaces `out` by what the model says after `prompt`, up to `end`, which is left out, or new_tokens. The first of equals is taken.
  /// Throws argument_error for a prompt that is empty or too long.
  void generate(std::span<std::int32_t const> prompt, std::int32_t end, std::vector<std::int32_t>& out) {
    auto const length = static_cast<index_t>(prompt.size());
    if (length < 1 || length > prompt_tokens_)
      throw argument_error(parapet::detail::concat("greedy_generator: a prompt of ", length, " tokens, expected 1 to ", prompt_tokens_));
    out.clear();
    work_.batch.clear();
    for (index_t i = 0; i < length; ++i) work_.batch.add_token(prompt[static_cast<std::size_t>(i)], i);
    for (index_t seen = length; static_cast<index_t>(out.size()) < new_tokens_; ++seen) {
      std::int32_t const next = likeliest_after(seen);
      if (next == end) return;
      out.push_back(next);
      work_.batch.clear();
      work_.batch.add_token(next, seen);
    }
  }

private:
  struct storage {
    typename Model::workspace pass;
    staged_batch<space> batch;
    matrix_view<float, space> logits;  // (1, vocabulary)
  };

  /// Runs the batch, the last of `seen` tokens.
  std::int32_t likeliest_after(index_t seen) {
    index_t const n = work_.batch.tokens();
    work_.batch.add_sequence({.queries_begin = 0, .queries_end = 0, .keys_begin = 0, .keys_end = seen});
    auto const hidden = model_->forward(*be_, work_.batch.view(*be_), work_.pass, cache_);
    model_->logits(*be_, hidden.rows(n - 1, n), work_.logits);
    return static_cast<std::int32_t>(argmax(*be_, vector_view<float const, space>(work_.logits(0))));
  }

  Backend* be_;
  Model const* model_;
  index_t prompt_tokens_, new_tokens_;
  kv_cache<Key, space> cache_;
  arena<space> memory_;
  storage work_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
