// Texts longer than a classifier reads, window by window, and one score from many:
//
//     maximum     max_i p_i                 as bad as its worst window; false alarms grow with the length
//     noisy_or    1 - prod_i (1 - p_i)      some window is harmful, if windows were independent: they overlap, so it says too much
//     mean        sum_i p_i / n             for what should hold throughout
//
// A score from several windows is no longer calibrated, whatever the windows' are, and a task has no score where one window has none.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/pooled_memory.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/token.hpp>
#include <parapet/guard/verdict.hpp>
#include <parapet/guard/windows.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

enum class aggregation : std::uint8_t { maximum, noisy_or, mean };

/// One score from those of windows. Unknown where one is, or there are none.
inline score aggregate(std::span<score const> windows, aggregation how) {
  if (windows.size() == 1) return windows[0];
  score out;
  float largest = 0, none_is = 1, sum = 0;
  for (score const& s : windows) {
    if (!s.known()) return out;
    largest = std::max(largest, s.probability);
    none_is *= 1 - s.probability;
    sum += s.probability;
  }
  if (windows.empty()) return out;
  out.probability = how == aggregation::maximum ? largest : how == aggregation::noisy_or ? 1 - none_is : sum / static_cast<float>(windows.size());
  return out;
}

struct window_options {
  index_t size = 512;    ///< tokens that the classifier reads of a text
  index_t overlap = 64;  ///< tokens that neighbours share: what is shorter is whole in one window
  std::array<aggregation, task_count> tasks{};  ///< maximum for all
  aggregation categories = aggregation::maximum;
};

/// A moderator that reads texts of any length through one that reads `size` tokens of each. Windows of a long prompt are judged alone, windows
/// of a response behind the last window of the prompt. Model and tokeniser must outlive it. A batch whose verdicts are used again allocates
/// nothing after the longest text.
template <class Moderator, class Tokenizer>
class windowed_moderator {
  static_assert(check_moderator<Moderator>());

public:
  windowed_moderator(Moderator& model, Tokenizer const& tokenizer, window_options const& options = {})
      : model_(model), tokenizer_(tokenizer) {
    set_options(options);
  }
  /// For the texts that follow: a caller may know how much room the next one leaves.
  void set_options(window_options const& options) {
    if (!(0 <= options.overlap && options.overlap < options.size))
      throw argument_error(parapet::detail::concat("windowed_moderator: windows of ", options.size, " tokens that share ", options.overlap));
    options_ = options;
  }

  verdict classify(exchange const& text) {
    verdict out;
    classify({&text, 1}, {&out, 1});
    return out;
  }
  void classify(std::span<exchange const> in, std::span<verdict> out) {
    for (std::size_t k = 0; k < in.size(); ++k) read(in[k], out[k]);
  }

private:
  void read(exchange const& text, verdict& out) {
    find_windows(text.prompt, prompts_);
    responses_.clear();
    if (text.response) find_windows(*text.response, responses_);
    if (prompts_.size() == 1 && responses_.size() <= 1) return model_.classify({&text, 1}, {&out, 1});

    auto const part = [](std::string_view whole, text_window const& w) { return whole.substr(w.begin, w.end - w.begin); };
    std::size_t const alone = prompts_.size() > 1 ? prompts_.size() : 0;
    std::pmr::vector<exchange> texts(&memory_);
    for (std::size_t k = 0; k < alone; ++k) texts.push_back({part(text.prompt, prompts_[k])});
    for (text_window const& w : responses_) texts.push_back({part(text.prompt, prompts_.back()), part(*text.response, w)});
    std::pmr::vector<verdict> answers(texts.size(), &memory_);
    model_.classify(std::span<exchange const>(texts), std::span<verdict>(answers));

    out.clear();
    out.status = verdict_status::ok;
    out.model = answers[0].model;
    for (std::size_t k = 0; k < answers.size(); ++k) {
      verdict const& v = answers[k];
      if (v.status != verdict_status::ok && out.status == verdict_status::ok) out.status = v.status, out.message = v.message;
      text_window const& w = k < alone ? prompts_[k] : responses_[k - alone];
      out.windows.push_back({k < alone ? side::prompt : side::response, w.begin, w.end, v.tasks});
      (k < alone ? out.cut_prompt : out.cut_response) += k < alone ? v.cut_prompt : v.cut_response;
    }
    auto const combined = [&](std::size_t begin, std::size_t end, auto score_of, aggregation how) {
      std::pmr::vector<score> scores(&memory_);
      for (std::size_t k = begin; k < end; ++k) scores.push_back(score_of(answers[k]));
      return aggregate(scores, how);
    };
    for (task const t : all_tasks) {
      bool const of_prompt = t == task::prompt_harm;
      out[t] = combined(of_prompt ? 0 : alone, of_prompt && alone > 0 ? alone : answers.size(), [t](verdict const& v) { return v[t]; },
                        options_.tasks[static_cast<std::size_t>(t)]);
    }
    for (std::size_t c = 0; c < category_count; ++c)
      out.categories[c] = combined(0, answers.size(), [c](verdict const& v) { return v.categories[c]; }, options_.categories);
  }

  void find_windows(std::string_view text, std::vector<text_window>& out) {
    tokens_.clear();
    tokenizer_.encode(text, tokens_, text_start::by_itself, memory_);
    token_windows(tokens_, text.size(), options_.size, options_.overlap, out);
  }

  Moderator& model_;
  Tokenizer const& tokenizer_;
  window_options options_;
  pooled_memory memory_;
  std::vector<token> tokens_;
  std::vector<text_window> prompts_, responses_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
