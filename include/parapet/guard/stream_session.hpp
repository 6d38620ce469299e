// Moderation of a text that is still being written: nothing is let through that has not been judged.
//
// The stream is read in steps of n characters. After each step the moderator sees the prompt and the step with the `context` before it,
// and its probabilities p_k become evidence e_k, by which the policy decides:
//
//     running_maximum         e_k = max(e_{k-1}, p_k)                              what was seen once stays seen
//     decaying_maximum{f}     e_k = max(f e_{k-1}, p_k)                            hysteresis: suspicion fades over some steps
//     cumulative_sum{d}       s_k = max(0, s_{k-1} + p_k - d), e_k = max(p_k, s_k)   CUSUM (Page 1954): many steps of some suspicion add up
//
// Steps are at fixed places of the text: how it came in pieces changes neither what is judged nor what is decided. A decision to stop is
// final. What the context does not reach back to is judged no more; a step that fails is decided by the policy's when_unavailable.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/policy.hpp>
#include <parapet/guard/utf8.hpp>
#include <parapet/guard/verdict.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace parapet::inline PARAPET_ABI::guard {

struct running_maximum {
  constexpr float operator()(float& state, float p) const { return state = std::max(state, p); }
};
struct decaying_maximum {
  float keep = 0.8f;  ///< of the evidence after a step, from 0 to 1
  constexpr float operator()(float& state, float p) const { return state = std::max(keep * state, p); }
};
struct cumulative_sum {
  float drift = 0.3f;  ///< the probability above which suspicion grows
  constexpr float operator()(float& state, float p) const {
    state = std::clamp(state + p - drift, 0.0f, 1.0f);
    return std::max(p, state);
  }
};

struct stream_options {
  index_t first = 200;              ///< characters of the first step: how long a reader waits
  index_t every = 200;              ///< characters of the other steps
  index_t context = 800;            ///< characters before a step that are read with it
  action stops_at = action::block;  ///< the weakest action that ends the stream
};

/// One stream of one speaker. The moderator and the policy must outlive it.
template <class Moderator, class Evidence = running_maximum>
class stream_session {
  static_assert(check_moderator<Moderator>());

public:
  /// What may go on to the reader.
  struct release {
    std::string_view text;  ///< until the next call
    decision decided;       ///< by all evidence so far
    bool stopped;           ///< nothing more will be released
  };

  stream_session(Moderator& model, policy const& rules, std::string prompt, stream_options options = {}, speaker who = speaker::assistant,
                 Evidence evidence = {})
      : model_(model), rules_(rules), prompt_(std::move(prompt)), options_(options), who_(who), evidence_(evidence) {
    if (options.first < 1 || options.every < 1 || options.context < 0)
      throw argument_error("stream_session: steps have at least one character, the context none or more");
  }

  /// More of the stream, as bytes of UTF-8 that may be cut anywhere.
  release push(std::string_view bytes) {
    forget();
    std::size_t at = text_.size();
    if (!stopped_) text_ += bytes;
    for (; !stopped_ && at < text_.size(); ++at) {
      if ((text_[at] & 0xC0) == 0x80) continue;  // inside a character
      if (characters_ == (checks_ == 0 ? options_.first : options_.every)) judge(at);
      ++characters_;
    }
    return answer();
  }

  /// The end of the stream: judges what is left.
  release finish() {
    forget();
    if (!stopped_ && passed_ < text_.size()) judge(text_.size());
    return answer();
  }

  bool stopped() const { return stopped_; }
  index_t checks() const { return checks_; }
  /// The last answer of the moderator, its probabilities replaced by the evidence that decided.
  verdict const& last() const { return last_; }
  /// What that answer is about: context and step.
  std::string_view last_text() const { return std::string_view(text_).substr(last_begin_, last_end_ - last_begin_); }

private:
  /// What was released is needed as context only.
  void forget() {
    std::size_t const gone = stopped_ ? 0 : back(passed_, options_.context);
    if (gone > 0) {
      text_.erase(0, gone);
      passed_ -= gone;
      last_begin_ -= std::min(gone, last_begin_);
      last_end_ -= std::min(gone, last_end_);
    }
    released_ = passed_;
  }
  release answer() const { return {std::string_view(text_).substr(released_, passed_ - released_), decided_, stopped_}; }

  /// The place `characters` before `at`.
  std::size_t back(std::size_t at, index_t characters) const {
    while (at > 0 && characters > 0)
      if ((text_[--at] & 0xC0) != 0x80) --characters;
    return at;
  }

  void judge(std::size_t end) {
    last_begin_ = back(passed_, options_.context);
    last_end_ = end;
    last_ = ask(model_, {prompt_, last_text()});
    for (std::size_t k = 0; k < states_.size(); ++k) {
      score& s = k < task_count ? last_.tasks[k] : last_.categories[k - task_count];
      if (s.known()) s.probability = evidence_(states_[k], s.probability);
    }
    decided_ = decide(last_, rules_, who_);
    stopped_ = decided_.what >= options_.stops_at;
    if (!stopped_) passed_ = end;
    characters_ = 0;
    ++checks_;
  }

  Moderator& model_;
  policy const& rules_;
  std::string prompt_;
  stream_options options_;
  speaker who_;
  Evidence evidence_;

  std::string text_;  // the context of the next step, then what is not judged yet
  std::size_t released_ = 0, passed_ = 0;      // bytes of text_ that were let through before this call, and now
  std::size_t last_begin_ = 0, last_end_ = 0;  // what was judged last
  index_t characters_ = 0, checks_ = 0;        // characters behind passed_
  std::array<float, task_count + category_count> states_{};
  verdict last_;
  decision decided_;
  bool stopped_ = false;
};

}  // namespace parapet::inline PARAPET_ABI::guard
