// What a classifier says of a text, and what a classifier is.
//
// A verdict holds probabilities and how they were come by. It decides nothing: guard/policy.hpp does that. Whoever reads a verdict sees
// also what was not read: `cut` counts the bytes that the classifier left out, and `status` says when it could not answer at all.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/io/sha256.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// What a verdict is about: a prompt, or a prompt and the answer to it. Views of the caller's text.
struct exchange {
  std::string_view prompt;
  std::optional<std::string_view> response = {};
};

enum class verdict_status : std::uint8_t {
  ok,       ///< the probabilities below are an answer
  error,    ///< the classifier failed: `message` says why
  skipped,  ///< it was not asked, or had nothing to say
};

constexpr std::string_view name(verdict_status s) {
  constexpr std::string_view names[] = {"ok", "error", "skipped"};
  return names[static_cast<int>(s)];
}

/// The probability of a class, or none (NaN).
struct score {
  float probability = std::numeric_limits<float>::quiet_NaN();
  bool calibrated = false;  ///< whether a calibrator has seen it: else it orders texts and means little more

  constexpr bool known() const { return probability == probability; }
  friend constexpr bool operator==(score const& a, score const& b) {
    return a.known() == b.known() && (!a.known() || a.probability == b.probability) && a.calibrated == b.calibrated;
  }
};

/// Which of the two texts of an exchange.
enum class side : std::uint8_t { prompt, response };

/// The answer about a part of a text that did not fit into the classifier at once.
struct window_verdict {
  side text = side::prompt;
  std::size_t begin = 0, end = 0;  ///< bytes of that text
  std::array<score, task_count> tasks{};
};

struct verdict {
  verdict_status status = verdict_status::skipped;
  std::array<score, task_count> tasks{};           ///< of the positive class: harmful, harmful, refusal
  std::array<score, category_count> categories{};  ///< of the kind of harm
  std::vector<window_verdict> windows = {};        ///< empty where the texts were read in one piece
  std::size_t cut_prompt = 0, cut_response = 0;    ///< bytes that were not read
  io::sha256_digest model{};                       ///< hash of the classifier's weights or rules
  std::string message = {};                        ///< why the status is not ok

  score const& operator[](task t) const { return tasks[static_cast<std::size_t>(t)]; }
  score& operator[](task t) { return tasks[static_cast<std::size_t>(t)]; }
  score const& operator[](category c) const { return categories[static_cast<std::size_t>(c)]; }
  score& operator[](category c) { return categories[static_cast<std::size_t>(c)]; }
  bool cut() const { return cut_prompt + cut_response > 0; }
  /// A verdict of nothing again, which keeps its memory.
  void clear() {
    windows.clear();
    message.clear();
    *this = {.windows = std::move(windows), .message = std::move(message)};
  }
};

/// A verdict of a classifier that could not answer.
inline verdict failed_verdict(std::string message) {
  verdict v;
  v.status = verdict_status::error;
  v.message = std::move(message);
  return v;
}

template <class M>
concept classifies_one = requires(M& m, exchange const& one) {
  { m.classify(one) } -> std::same_as<verdict>;
};
template <class M>
concept classifies_many = requires(M& m, std::span<exchange const> in, std::span<verdict> out) { m.classify(in, out); };

/// A classifier: one exchange at a time, and many, which it may take in any order and put together. `out` has the size of `in`.
/// An object is used by one thread at a time.
template <class M>
concept moderator = classifies_one<M> && classifies_many<M>;

/// Says in words what a moderator lacks. Call it where a moderator's type enters.
template <class M>
consteval bool check_moderator() {
  using mutable_type = std::remove_const_t<M>;
  static_assert(moderator<M> || !moderator<mutable_type>, "a moderator must not be const where its classify is not - see docs/concepts.md");
  static_assert(classifies_one<mutable_type>, "a moderator must provide 'guard::verdict classify(guard::exchange const&)' - see docs/concepts.md");
  static_assert(classifies_many<mutable_type>, "a moderator must provide 'void classify(std::span<guard::exchange const>, std::span<guard::verdict>)', "
                                               "for which guard::classify_one_by_one is there - see docs/concepts.md");
  return moderator<M>;
}

/// The verdict of `m`, where an exception is a verdict too: a service must decide something whatever its classifier does.
template <class Moderator>
verdict ask(Moderator& m, exchange const& text) noexcept {
  static_assert(check_moderator<Moderator>());
  try {
    return m.classify(text);
  } catch (std::exception const& failure) {
    return failed_verdict(failure.what());
  } catch (...) {
    return failed_verdict("the classifier threw what is no std::exception");
  }
}

/// A batch for a classifier that has no way of its own to put texts together.
template <class Moderator>
void classify_one_by_one(Moderator& m, std::span<exchange const> in, std::span<verdict> out) {
  for (std::size_t k = 0; k < in.size(); ++k) out[k] = m.classify(in[k]);
}

}  // namespace parapet::inline PARAPET_ABI::guard
