#include <parapet/guard/windowed_moderator.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace parapet;
using namespace parapet::guard;

namespace {

struct byte_tokens {
  void encode(std::string_view text, std::vector<token>& out, text_start, std::pmr::memory_resource&) const {
    for (std::uint32_t k = 0; k < text.size(); ++k) out.push_back({0, k, k + 1});
  }
};

/// Reads 20 bytes of a text and cuts the rest. The probability of a text is its largest digit in tenths; 'x' in it is a failure.
struct digits {
  std::vector<std::pair<std::string, std::string>> seen = {};

  static float largest(std::string_view text) {
    float out = 0;
    for (char const c : text.substr(0, 20))
      if (c >= '0' && c <= '9') out = std::max(out, static_cast<float>(c - '0') / 10);
    return out;
  }
  verdict classify(exchange const& text) {
    seen.emplace_back(text.prompt, text.response.value_or("-"));
    if (text.prompt.find('x') != text.prompt.npos) return failed_verdict("x");
    verdict v;
    v.status = verdict_status::ok;
    v[task::prompt_harm] = {largest(text.prompt), true};
    v[category::others].probability = largest(text.prompt);
    v.cut_prompt = text.prompt.size() - std::min<std::size_t>(20, text.prompt.size());
    if (text.response) v[task::response_harm] = {largest(*text.response), true};
    return v;
  }
  void classify(std::span<exchange const> in, std::span<verdict> out) { classify_one_by_one(*this, in, out); }
};

}  // namespace

TEST_CASE("one score from several") {
  std::vector<score> const s{{0.5f, true}, {0.2f, true}};
  CHECK(aggregate(s, aggregation::maximum).probability == 0.5f);
  CHECK(aggregate(s, aggregation::noisy_or).probability == doctest::Approx(0.6));
  CHECK(aggregate(s, aggregation::mean).probability == doctest::Approx(0.35));
  CHECK(!aggregate(s, aggregation::maximum).calibrated);
  CHECK(aggregate(std::span(s).first(1), aggregation::noisy_or) == s[0]);
  std::vector<score> const hole{{0.5f, true}, {}};
  for (auto const how : {aggregation::maximum, aggregation::noisy_or, aggregation::mean}) {
    CHECK(!aggregate(hole, how).known());
    CHECK(!aggregate({}, how).known());
  }
}

TEST_CASE("a short text is handed on as it is") {
  digits model;
  byte_tokens const tokenizer;
  windowed_moderator reader(model, tokenizer, {.size = 20, .overlap = 5});
  static_assert(moderator<decltype(reader)>);
  verdict const v = reader.classify({"a 3", "b 4"});
  CHECK(model.seen == std::vector<std::pair<std::string, std::string>>{{"a 3", "b 4"}});
  CHECK(v.windows.empty());
  CHECK(v[task::prompt_harm] == score{0.3f, true});
}

TEST_CASE("what the model alone would cut is read, and the windows say where it is") {
  digits model;
  byte_tokens const tokenizer;
  windowed_moderator reader(model, tokenizer, {.size = 20, .overlap = 5});
  std::string const prompt = std::string(30, 'a') + "7" + std::string(20, 'b'), response = "1" + std::string(40, 'c') + "9";
  CHECK(model.classify({prompt}).cut());

  verdict const v = reader.classify({prompt, response});
  CHECK(v.status == verdict_status::ok);
  CHECK(!v.cut());
  CHECK(v[task::prompt_harm] == score{0.7f, false});
  CHECK(v[task::response_harm] == score{0.9f, false});
  CHECK(!v[task::refusal].known());
  CHECK(v[category::others].probability == 0.7f);
  std::size_t prompt_end = 0, response_end = 0;
  for (window_verdict const& w : v.windows) {
    std::string const& text = w.text == side::prompt ? prompt : response;
    std::size_t& end = w.text == side::prompt ? prompt_end : response_end;
    CHECK(w.begin <= end);  // no byte between two
    end = w.end;
    float const p = w.tasks[static_cast<std::size_t>(w.text == side::prompt ? task::prompt_harm : task::response_harm)].probability;
    CHECK(p == digits::largest(text.substr(w.begin, w.end - w.begin)));
  }
  CHECK(prompt_end == prompt.size());
  CHECK(response_end == response.size());

  std::vector<exchange> const in{{"a 3"}, {prompt}};
  std::vector<verdict> out(2);
  reader.classify(in, out);
  CHECK(out[0][task::prompt_harm].probability == 0.3f);
  CHECK(out[1][task::prompt_harm].probability == 0.7f);
}

TEST_CASE("a window that fails is a verdict that failed") {
  digits model;
  byte_tokens const tokenizer;
  windowed_moderator reader(model, tokenizer, {.size = 20, .overlap = 5});
  verdict const v = reader.classify({std::string(30, 'a') + "x"});
  CHECK(v.status == verdict_status::error);
  CHECK(v.message == "x");
  CHECK(!v[task::prompt_harm].known());
  CHECK_THROWS_AS((windowed_moderator(model, tokenizer, {.size = 5, .overlap = 5})), argument_error);
}

TEST_CASE("windows of another size for the next text") {
  digits model;
  byte_tokens const tokenizer;
  windowed_moderator reader(model, tokenizer, {.size = 20, .overlap = 5});
  std::string const text(40, 'a');
  CHECK(reader.classify({text}).windows.size() == 3);
  reader.set_options({.size = 8, .overlap = 0});
  CHECK(reader.classify({text}).windows.size() == 5);
  CHECK_THROWS_AS(reader.set_options({.size = 5, .overlap = 5}), argument_error);
  CHECK(reader.classify({text}).windows.size() == 5);
}
