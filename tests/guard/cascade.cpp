#include <parapet/guard/cascade.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace parapet;
using namespace parapet::guard;

namespace {

/// Reads its score from the text: "<stage 0> <stage 1> ...", in hundredths; "x" fails.
struct reads {
  int stage;
  std::vector<std::string> seen = {};

  verdict classify(exchange const& text) {
    seen.emplace_back(text.prompt);
    std::string_view rest = text.prompt;
    for (int k = 0; k < stage; ++k) rest.remove_prefix(rest.find(' ') + 1);
    if (rest[0] == 'x') throw std::runtime_error("x");
    verdict v;
    v.status = verdict_status::ok;
    v[task::prompt_harm].probability = static_cast<float>(std::stoi(std::string(rest))) / 100;
    if (text.response) v[task::response_harm].probability = 0.5f;
    v.message = std::to_string(stage);
    return v;
  }
  void classify(std::span<exchange const> in, std::span<verdict> out) { classify_one_by_one(*this, in, out); }
};

}  // namespace

TEST_CASE("a stage that is sure answers; the last one always does") {
  reads a{0}, b{1}, c{2};
  cascade_stage limits{};
  limits[0] = {0.1f, 0.9f};
  cascade chain({limits, limits}, a, b, c);
  static_assert(moderator<decltype(chain)>);
  auto const stage = [&](char const* text) { return chain.classify({text}).message; };
  CHECK(stage("5 99 99") == "0");
  CHECK(stage("10 99 99") == "1");
  CHECK(stage("90 1 1") == "0");
  CHECK(stage("50 5 99") == "1");
  CHECK(stage("50 50 50") == "2");
  CHECK(stage("x 5 99") == "1");  // a stage that fails is not sure
  CHECK(stage("50 x 20") == "2");
  verdict const v = chain.classify({"50 50 x"});
  CHECK(v.status == verdict_status::error);
  CHECK(chain.answered() == std::array<index_t, 3>{2, 3, 3});
  CHECK(c.seen.size() == 3);
  // With a response there is a task of which no stage but the last is ever sure, unless it is stopped or does not matter.
  CHECK(chain.classify({"5 5 5", "r"}).message == "2");
  CHECK(chain.classify({"95 5 5", "r"}).message == "0");
  limits[1].pass_below = limits[2].pass_below = std::numeric_limits<float>::infinity();
  cascade prompts_only({limits, limits}, a, b, c);
  CHECK(prompts_only.classify({"5 5 5", "r"}).message == "0");
}

TEST_CASE("a batch is answered as one by one, and a later stage gets only what is open") {
  reads a{0}, b{1}, c{2};
  cascade_stage limits{};
  limits[0] = {0.1f, 0.9f};
  cascade chain({limits, limits}, a, b, c);
  std::vector<std::string> const texts{"5 0 0", "50 5 0", "50 50 50", "95 0 0", "50 99 0", "20 20 20"};
  std::vector<exchange> in;
  for (auto const& t : texts) in.push_back({t});
  std::vector<verdict> out(in.size());
  chain.classify(in, out);
  CHECK(a.seen.size() == 6);
  CHECK(b.seen == std::vector<std::string>{"50 5 0", "50 50 50", "50 99 0", "20 20 20"});
  CHECK(c.seen == std::vector<std::string>{"50 50 50", "20 20 20"});
  for (std::size_t k = 0; k < in.size(); ++k) {
    verdict const one = chain.classify(in[k]);
    CHECK(one.message == out[k].message);
    CHECK(one.tasks == out[k].tasks);
  }
}

TEST_CASE("limits by hand") {
  std::vector<scored> log;
  for (int k = 1; k <= 9; ++k) log.push_back({static_cast<float>(k) / 10, true});
  for (int k = 0; k <= 8; ++k) log.push_back({static_cast<float>(k) / 10, false});
  stage_limits const l = fit_stage_limits(log, 0.25, 0.1);
  CHECK(l.pass_below == 0.2f);
  CHECK(l.stop_from == std::nextafter(0.8f, 1.0f));  // s >= stop_from is s > 0.8
  stage_limits const few = fit_stage_limits(log, 0.01, 0.01);
  CHECK(few.pass_below == -std::numeric_limits<float>::infinity());
  CHECK(few.stop_from == std::numeric_limits<float>::infinity());
}

TEST_CASE("the budgets of two stages hold together") {
  // Scores of harmful and of harmless texts are uniform, so that what a limit does to new ones is known. Half of the texts have one score
  // for both stages, half two that know nothing of each other.
  constexpr int logs = 1000, n = 150;
  constexpr double budget = 0.1;
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform;
  auto const either = [](double a, double b) { return 0.5 * std::max(a, b) + 0.5 * (1 - (1 - a) * (1 - b)); };
  double missed = 0, stopped = 0;
  for (int round = 0; round < logs; ++round) {
    std::vector<scored> first, second;
    for (int k = 0; k < 2 * n; ++k) {
      bool const harmful = k < n;
      first.push_back({uniform(random), harmful});
      second.push_back({k % 2 ? static_cast<float>(first.back().score) : uniform(random), harmful});
    }
    stage_limits const a = fit_stage_limits(first, budget / 2, budget / 2), b = fit_stage_limits(second, budget / 2, budget / 2);
    missed += either(static_cast<double>(a.pass_below), static_cast<double>(b.pass_below));
    stopped += either(1 - static_cast<double>(a.stop_from), 1 - static_cast<double>(b.stop_from));
  }
  double const noise = 3 * std::sqrt(budget * (1 - budget) / n / logs);
  for (double const rate : {missed / logs, stopped / logs}) {
    CHECK(rate <= budget + noise);
    CHECK(rate >= 0.5 * budget);  // and is used
  }
}
