#include <parapet/guard/phrase_rules.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using namespace parapet;
using namespace parapet::guard;

TEST_CASE("phrases are whole words in any case, in the text that the task is about") {
  phrase_rules const rules(R"({"rules": [
      {"phrase": "Purple Plum", "prompt_harm": 0.9, "cyberattack": 0.7},
      {"phrase": "plum", "prompt_harm": 0.4, "response_harm": 0.6},
      {"phrase": "I cannot", "refusal": 0.8}]})", "rules.json");
  CHECK(rules.size() == 3);
  verdict const v = rules.classify({"a PURPLE -- plum!", "I can, plum."});
  CHECK(v.status == verdict_status::ok);
  CHECK(v[task::prompt_harm].probability == 0.9f);
  CHECK(v[task::response_harm].probability == 0.6f);
  CHECK(v[task::refusal].probability == 0);
  CHECK(v[category::cyberattack].probability == 0.7f);
  CHECK(!v[category::others].known());
  CHECK(!v[task::prompt_harm].calibrated);

  CHECK(rules.classify({"purple plums, a plumber"})[task::prompt_harm].probability == 0);
  CHECK(rules.classify({"plum"})[task::prompt_harm].probability == 0.4f);
  CHECK(!rules.classify({"plum"})[task::response_harm].known());
  CHECK(rules.classify({"", "i\ncannot"})[task::refusal].probability == 0.8f);
  CHECK(rules.classify({"", ""})[task::prompt_harm].probability == 0);
}

TEST_CASE("all phrases that occur are found: against a search for each") {
  std::vector<std::string> const phrases{"a", "a b", "b a", "b a b", "a b a c", "c", "b c", "a a a"};
  std::string json = "{\"rules\": [";
  for (std::size_t k = 0; k < phrases.size(); ++k)
    json += (k ? "," : "") + std::string("{\"phrase\": \"") + phrases[k] + "\", \"" + std::string(name(static_cast<category>(k))) + "\": 1}";
  phrase_rules const rules(json + "]}", "r");
  std::uint32_t state = 7;
  for (int round = 0; round < 300; ++round) {
    std::string text = " ";
    for (int k = 0; k < 8; ++k) {
      state = state * 1664525 + 1013904223;
      text += std::string(1, static_cast<char>('a' + (state >> 24) % 3)) + " ";
    }
    verdict const v = rules.classify({text});
    for (std::size_t k = 0; k < phrases.size(); ++k)
      REQUIRE((v[static_cast<category>(k)].probability == 1) == support::contains(text, " " + phrases[k] + " "));
  }
}

TEST_CASE("a rule that cannot be meant is refused") {
  auto const refused = [](char const* text, char const* why) {
    std::string const message = support::message_of<io_error>([&] { phrase_rules(text, "r.json"); });
    CHECK_MESSAGE(support::contains(message, why), message);
    CHECK(support::contains(message, "r.json: byte "));
  };
  refused(R"({"rules": [{"phrase": "a", "harm": 1}]})", "unknown key 'harm'");
  refused(R"({"rules": [{"phrase": "a", "prompt_harm": 2}]})", "from 0 to 1");
  refused(R"({"rules": [{"phrase": " - ", "prompt_harm": 1}]})", "no words");
  refused(R"({"rules": [{"prompt_harm": 1}]})", "no key 'phrase'");
  refused(R"({"rule": []})", "unknown key 'rule'");
}
