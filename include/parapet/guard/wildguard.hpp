// WildGuard in one forward pass: is a request harmful, is the response a refusal, is the response harmful?
//
//     backend::cpu be;
//     auto const model = guard::load_transformer<guard::mistral, bfloat16>(be, "wildguard");
//     guard::sentencepiece_tokenizer const tokenizer(...);                    // tokenizer.model of the folder
//     guard::wildguard guard(be, model, tokenizer);
//     guard::verdict const v = guard.classify({.prompt = "..."});
//     v[guard::task::prompt_harm].probability
//
// The model answers three lines whose form is fixed, so all 18 answers are scored together with the prompt (answer_tree.hpp): the exact
// joint distribution of a generation held to that form, of which the probabilities are marginals,
//
//     P(harmful request) = sum of P(yes, *, *),   P(refusal) = sum of P(*, yes, *),   P(harmful response) = sum of P(*, *, yes)
//
// where generation gives one answer and needs a pass for each of its 19 tokens. There is no text to parse and none that could be
// misread. What the authors' package does, generate and parse, is `generate`.
//
// Texts that do not fit are read in overlapping windows, never cut. If one of the two texts fits into half of the room, windows of the
// other are read with all of it; else the prompt is read by itself, for its own harm, and then the response in windows behind the end of
// the prompt. A task's probability is the largest of its windows'. The verdict has them all.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/answer_scorer.hpp>
#include <parapet/guard/greedy_generator.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/verdict.hpp>
#include <parapet/guard/wildguard_answer.hpp>
#include <parapet/guard/wildguard_prompt.hpp>
#include <parapet/guard/windows.hpp>
#include <parapet/math/bfloat16.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct wildguard_options {
  index_t tokens = 4096;   ///< of a pass: prompts with their answers. The model was trained on 4096 at most
  index_t overlap = 64;    ///< tokens of a text that two windows share
  text_start behind_control = text_start::by_itself;  ///< see wildguard_prompt
  index_t answer_tokens = 128;                        ///< of `generate`, as the package has it
};

/// The distribution over the 18 answers to one prompt, in the order of wildguard_answers().
struct wildguard_distribution {
  std::array<double, 18> probability;
  wildguard_answer greedy;  ///< what generation of the likeliest token would answer
};

/// A moderator. Model is a transformer with a language head on Backend.
template <class Backend, class Model, class Tokenizer>
class wildguard {
  /// Keys are kept as finely as the weights are.
  using key = std::conditional_t<std::is_same_v<typename Model::matrix, matrix_view<float const, typename Model::space>>, float, bfloat16>;

public:
  /// All three must outlive this. Throws argument_error for a tokeniser or a model that is not WildGuard's kind.
  wildguard(Backend& be, Model const& model, Tokenizer const& tokenizer, wildguard_options const& options = {}, io::sha256_digest const& hash = {})
      : be_(&be), model_(&model), options_(options), hash_(hash), prompt_(tokenizer, options.behind_control),
        scorer_(be, checked(model, tokenizer), prompt_.answers(), common_prefix(), options.tokens), replies_(wildguard_answers()) {
    room_ = scorer_.longest_prompt() - static_cast<index_t>(prompt_.encode("", "").size()) - slack;
    if (options.overlap < 0 || room_ < 4 * options.overlap + 4)
      throw argument_error(parapet::detail::concat("wildguard: passes of ", options.tokens, " tokens leave ", room_,
                                                   " for texts, expected more than four times the overlap of ", options.overlap));
  }

  wildguard_prompt<Tokenizer> const& prompt() const { return prompt_; }

  verdict classify(exchange const& one) {
    verdict out;
    classify(std::span<exchange const>(&one, 1), std::span<verdict>(&out, 1));
    return out;
  }
  /// Verdicts of many, read together; each is the same as alone. Throws shape_error, and argument_error where the model gives no numbers.
  void classify(std::span<exchange const> in, std::span<verdict> out) {
    if (in.size() != out.size()) throw shape_error(parapet::detail::concat("wildguard: ", in.size(), " exchanges and ", out.size(), " verdicts"));
    pieces_.clear();
    for (std::size_t i = 0; i < in.size(); ++i) cut(in[i], i);
    std::vector<std::vector<std::int32_t>> prompts;
    for (piece const& p : pieces_) prompts.push_back(prompt_.encode(p.prompt, p.response.value_or("")));
    std::vector<wildguard_distribution> answers;
    read(prompts, answers);

    for (verdict& v : out) {
      v = verdict{};
      v.status = verdict_status::ok;
      v.model = hash_;
    }
    for (std::size_t k = 0; k < pieces_.size(); ++k) {
      piece const& p = pieces_[k];
      verdict& v = out[p.exchange];
      auto const tasks = probabilities(answers[k], p);
      for (std::size_t t = 0; t < task_count; ++t)
        if (tasks[t].known() && !(v.tasks[t].known() && v.tasks[t].probability >= tasks[t].probability)) v.tasks[t] = tasks[t];
      if (p.window) v.windows.push_back({p.window->text, p.window->begin, p.window->end, tasks});
    }
  }

  /// The distribution over answers to a prompt that fits into a pass. Throws argument_error where it does not.
  wildguard_distribution distribution(exchange const& one) {
    std::vector<wildguard_distribution> out;
    read({prompt_.encode(one.prompt, one.response.value_or(""))}, out);
    return out.front();
  }

  /// The answer that the model writes, as the authors' package has it written and read: `text` is what it wrote. For comparison, and for
  /// a model that does not keep to the form: slower by the number of its tokens. Throws argument_error for a prompt that does not fit.
  parsed_answer generate(exchange const& one, std::string* text = nullptr) {
    if (!generator_) generator_.emplace(*be_, *model_, options_.tokens, options_.answer_tokens);
    std::vector<std::int32_t> ids;
    generator_->generate(prompt_.encode(one.prompt, one.response.value_or("")), prompt_.end(), ids);
    std::string const written = prompt_.tokenizer().decode(ids);
    if (text != nullptr) *text = written;
    return parse_wildguard_answer(written);
  }

private:
  /// Room for tokens that appear where the parts of a prompt meet.
  static constexpr index_t slack = 8;

  struct part {
    side text;
    std::size_t begin, end;  // bytes
  };
  /// What is read at once of an exchange.
  struct piece {
    std::size_t exchange;
    std::string_view prompt;
    std::optional<std::string_view> response;
    std::optional<part> window = {};
  };

  static Model const& checked(Model const& model, Tokenizer const& tokenizer) {
    if (tokenizer.size() > model.config().vocabulary)
      throw argument_error(parapet::detail::concat("wildguard: the tokeniser has ", tokenizer.size(), " tokens, the model ", model.config().vocabulary));
    return model;
  }

  /// Tokens before the user's words, whatever these are.
  std::vector<std::int32_t> common_prefix() const {
    std::vector<std::int32_t> common = prompt_.encode("a", "");
    for (std::string_view const start : {" ", "\n", "0", "\xC3\xA9"}) {
      std::vector<std::int32_t> const other = prompt_.encode(start, "b");
      common.erase(std::ranges::mismatch(common, other).in1, common.end());
    }
    return common;
  }

  std::vector<token> tokens_of(std::string_view text) const {
    std::vector<token> tokens;
    prompt_.tokenizer().encode(text, tokens, text_start::goes_on);
    return tokens;
  }

  /// Appends the pieces in which an exchange is read.
  void cut(exchange const& one, std::size_t which) {
    auto const prompt_tokens = tokens_of(one.prompt), response_tokens = tokens_of(one.response.value_or(""));
    auto const prompt = static_cast<index_t>(prompt_tokens.size()), response = static_cast<index_t>(response_tokens.size());
    if (prompt + response <= room_) return pieces_.push_back({which, one.prompt, one.response});

    index_t const half = room_ / 2;
    bool const prompt_fits = prompt <= half, response_fits = response <= half;
    if (!prompt_fits)  // with all of the response, or without any
      for (text_window const& w : token_windows(prompt_tokens, one.prompt.size(), room_ - (response_fits ? response : 0), options_.overlap))
        pieces_.push_back({which, one.prompt.substr(w.begin, w.end - w.begin), response_fits ? one.response : std::nullopt,
                           part{side::prompt, w.begin, w.end}});
    if (!response_fits) {  // behind all of the prompt, or its end
      std::size_t const from = prompt_fits ? 0 : prompt_tokens[static_cast<std::size_t>(prompt - half)].begin;
      for (text_window const& w : token_windows(response_tokens, one.response->size(), room_ - std::min(prompt, half), options_.overlap))
        pieces_.push_back({which, one.prompt.substr(from), one.response->substr(w.begin, w.end - w.begin), part{side::response, w.begin, w.end}});
    }
  }

  void read(std::vector<std::vector<std::int32_t>> const& prompts, std::vector<wildguard_distribution>& out) {
    auto const count = static_cast<index_t>(prompts.size()), logits = scorer_.tree().logits();
    if (logits_.size() < count * logits) logits_ = buffer<float>(count * logits);
    matrix_view<float> const all(logits_.data(), extents{count, logits});
    scorer_.score(prompts, all);
    out.resize(prompts.size());
    for (index_t i = 0; i < count; ++i) {
      std::span<float const> const row(all.data() + i * logits, static_cast<std::size_t>(logits));
      wildguard_distribution& d = out[static_cast<std::size_t>(i)];
      scorer_.tree().score(row, d.probability);
      for (double& p : d.probability) p = std::exp(p);
      d.greedy = replies_[static_cast<std::size_t>(scorer_.tree().greedy(row))];
    }
  }

  /// Marginals; none for tasks about a response that is not there.
  std::array<guard::score, task_count> probabilities(wildguard_distribution const& d, piece const& p) const {
    std::array<double, task_count> sum{};
    for (std::size_t a = 0; a < replies_.size(); ++a) {
      if (replies_[a].harmful_request == wildguard_reply::yes) sum[static_cast<std::size_t>(task::prompt_harm)] += d.probability[a];
      if (replies_[a].response_refusal == wildguard_reply::yes) sum[static_cast<std::size_t>(task::refusal)] += d.probability[a];
      if (replies_[a].harmful_response == wildguard_reply::yes) sum[static_cast<std::size_t>(task::response_harm)] += d.probability[a];
    }
    std::array<guard::score, task_count> out{};
    for (task const t : all_tasks)
      if (t == task::prompt_harm || p.response) out[static_cast<std::size_t>(t)].probability = static_cast<float>(sum[static_cast<std::size_t>(t)]);
    return out;
  }

  Backend* be_;
  Model const* model_;
  wildguard_options options_;
  io::sha256_digest hash_;
  wildguard_prompt<Tokenizer> prompt_;
  answer_scorer<Model, Backend, key> scorer_;
  std::optional<greedy_generator<Model, Backend, key>> generator_;
  std::vector<wildguard_answer> replies_;
  index_t room_ = 0;  // tokens of the two texts
  std::vector<piece> pieces_;
  buffer<float> logits_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
