#include <parapet/guard/stream_session.hpp>

#include <doctest/doctest.h>

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace parapet;
using namespace parapet::guard;

namespace {

/// Answers by a function of the response that it is shown; keeps what it was shown.
template <class F>
struct scripted {
  F probability;
  std::vector<std::string> shown = {};

  verdict classify(exchange const& text) {
    shown.emplace_back(*text.response);
    verdict v;
    v.status = verdict_status::ok;
    v[task::response_harm].probability = probability(*text.response);
    return v;
  }
  void classify(std::span<exchange const> in, std::span<verdict> out) { classify_one_by_one(*this, in, out); }
};
template <class F>
scripted(F) -> scripted<F>;

policy blocks_at(float threshold) {
  policy p;
  p[speaker::assistant][task::response_harm].block = threshold;
  return p;
}

float finds_plum(std::string_view text) { return text.find("plum") != text.npos ? 1.0f : 0.0f; }

}  // namespace

TEST_CASE("nothing passes unjudged, however the text comes in pieces") {
  std::string const text = "apples and pears, \u00fcber alles gr\u00fcne \u68a8\u5b50, and then a plum and what follows";
  policy const p = blocks_at(0.5f);
  std::string expected;
  std::vector<std::string> expected_shown;
  for (std::size_t piece = text.size(); piece > 0; --piece) {
    scripted model{finds_plum};
    stream_session session(model, p, "which fruit?", {.first = 7, .every = 5, .context = 6});
    std::string passed;
    bool stopped = false;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      auto const out = session.push(text.substr(at, piece));
      passed += out.text;
      CHECK(!(stopped && !out.text.empty()));
      stopped = out.stopped;
    }
    passed += session.finish().text;
    if (expected.empty()) expected = passed, expected_shown = model.shown;
    REQUIRE(passed == expected);
    REQUIRE(model.shown == expected_shown);
    REQUIRE(session.stopped());
    REQUIRE(session.last_text().find("plum") != text.npos);
  }
  CHECK(text.starts_with(expected));
  CHECK(expected.size() + 7 > text.find("plum"));  // no more held back than a step
  CHECK(expected.find("plum") == expected.npos);
  CHECK(to_utf8(to_utf32(expected)) == expected);  // whole characters
}

TEST_CASE("what is harmless comes out whole and in time") {
  std::string text;
  for (int k = 0; k < 100; ++k) text += "word " + std::to_string(k) + ", ";
  policy const p = blocks_at(0.5f);
  scripted model{[](std::string_view) { return 0.1f; }};
  stream_session session(model, p, "count", {.first = 20, .every = 50, .context = 0});
  std::string passed;
  for (char const c : text) {
    std::size_t const before = passed.size();
    passed += session.push({&c, 1}).text;
    CHECK(passed.size() - before <= 50);
  }
  CHECK(passed.size() + 50 >= text.size());
  auto const end = session.finish();
  passed += end.text;
  CHECK(passed == text);
  CHECK(!end.stopped);
  CHECK(session.finish().text.empty());
  CHECK(session.checks() == static_cast<index_t>(1 + (text.size() - 20 + 49) / 50));
}

TEST_CASE("the context joins what a step cuts in two") {
  policy const p = blocks_at(0.5f);
  for (index_t const context : {index_t{0}, index_t{4}}) {
    scripted model{finds_plum};
    stream_session session(model, p, "", {.first = 10, .every = 10, .context = context});
    static_cast<void>(session.push("12345678plum and more text"));
    CHECK(session.stopped() == (context == 4));
  }
}

TEST_CASE("kinds of evidence") {
  policy const p = blocks_at(0.75f);
  stream_options const by_one{.first = 1, .every = 1, .context = 0};
  // The probability of a step is its digit in tenths.
  auto const digit = [](std::string_view text) { return static_cast<float>(text[0] - '0') / 10; };
  auto const steps_to_stop = [&](auto evidence, std::string_view text) {
    scripted model{digit};
    stream_session session(model, p, "", by_one, speaker::assistant, evidence);
    static_cast<void>(session.push(text));
    static_cast<void>(session.finish());
    return session.stopped() ? session.checks() : -1;
  };
  CHECK(steps_to_stop(running_maximum{}, "55555555") == -1);
  CHECK(steps_to_stop(running_maximum{}, "551955") == 4);
  CHECK(steps_to_stop(cumulative_sum{0.3f}, "5555555") == 4);  // 0.2 a step
  CHECK(steps_to_stop(cumulative_sum{0.3f}, "5115115115115115") == -1);
  CHECK(steps_to_stop(cumulative_sum{0.3f}, "119") == 3);

  // Suspicion that fades: reviewed for some steps after a 6.
  policy with_review = p;
  with_review[speaker::assistant][task::response_harm].review = 0.4f;
  scripted model{digit};
  stream_session session(model, with_review, "", by_one, speaker::assistant, decaying_maximum{0.8f});
  std::string decisions;
  static_cast<void>(session.push("1"));
  for (char const c : std::string("611111")) decisions += name(session.push({&c, 1}).decided.what)[0];
  CHECK(decisions == "arraaa");  // each is of the character before
}

TEST_CASE("a moderator that fails stops the stream, or not, as the policy says") {
  struct broken {
    verdict classify(exchange const&) { throw std::runtime_error("gone"); }
    void classify(std::span<exchange const> in, std::span<verdict> out) { classify_one_by_one(*this, in, out); }
  } model;
  policy p = blocks_at(0.5f);
  {
    stream_session session(model, p, "");
    static_cast<void>(session.push("text"));
    auto const end = session.finish();
    CHECK(end.stopped);
    CHECK(end.text.empty());
    CHECK(session.last().message == "gone");
  }
  p.when_unavailable = action::allow;
  stream_session session(model, p, "");
  static_cast<void>(session.push("text"));
  CHECK(session.finish().text == "text");
}

TEST_CASE("an empty stream is nothing to judge; options are checked") {
  policy const p = blocks_at(0.5f);
  scripted model{finds_plum};
  stream_session session(model, p, "");
  CHECK(session.finish().text.empty());
  CHECK(session.checks() == 0);
  CHECK_THROWS_AS((stream_session(model, p, "", {.first = 0})), argument_error);
}
