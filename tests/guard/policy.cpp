#include <parapet/guard/policy.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace parapet;
using namespace parapet::guard;

namespace {

verdict answer(float prompt_harm) {
  verdict v;
  v.status = verdict_status::ok;
  v[task::prompt_harm] = {prompt_harm, true};
  return v;
}

policy two_bands() {
  policy p;
  p[speaker::user][task::prompt_harm] = {0.5f, 0.9f};
  return p;
}

}  // namespace

TEST_CASE("bands: allow, review, block, with the threshold inside the stronger one") {
  policy const p = two_bands();
  CHECK(decide(answer(0.49f), p, speaker::user).what == action::allow);
  CHECK(decide(answer(0.5f), p, speaker::user).what == action::review);
  CHECK(decide(answer(0.89f), p, speaker::user).what == action::review);
  decision const d = decide(answer(0.9f), p, speaker::user);
  CHECK(d.what == action::block);
  CHECK(d.reason == decision_reason::threshold);
  CHECK(d.subject == "prompt_harm");
  CHECK(d.score == 0.9f);
  CHECK(d.threshold == 0.9f);
  CHECK(decide(answer(1), p, speaker::assistant).allowed());  // which has no rules
}

TEST_CASE("of several rules the strongest wins, and then the one furthest beyond its threshold") {
  policy p = two_bands();
  p[speaker::user][category::cyberattack] = {0.1f, 0.2f};
  p[speaker::user][category::sexual_content].block = 0.3f;
  verdict v = answer(0.6f);
  v[category::cyberattack] = {0.25f, true};
  v[category::sexual_content] = {0.0f, true};
  CHECK(decide(v, p, speaker::user).subject == "cyberattack");
  v[category::sexual_content] = {0.7f, true};
  decision const d = decide(v, p, speaker::user);
  CHECK(d.what == action::block);
  CHECK(d.subject == "sexual_content");
}

TEST_CASE("what has no score fails closed, or open where the policy says so") {
  policy p = two_bands();
  verdict no_answer, other_answer = answer(0.1f);
  other_answer[task::prompt_harm] = {};
  for (verdict const& v : {no_answer, other_answer, failed_verdict("out of memory")}) {
    p.when_unavailable = action::block;
    CHECK(decide(v, p, speaker::user).what == action::block);
    CHECK(decide(v, p, speaker::user).reason == decision_reason::unavailable);
    p.when_unavailable = action::allow;
    CHECK(decide(v, p, speaker::user).allowed());
    CHECK(decide(v, p, speaker::user).reason == decision_reason::unavailable);  // and the log says that it failed open
  }
  p.when_unavailable = action::block;
  CHECK(decide(failed_verdict("no rule asks"), p, speaker::tool).allowed());

  // A failed open rule does not hide another that can be applied.
  p.when_unavailable = action::allow;
  p[speaker::user][category::cyberattack].block = 0.5f;
  CHECK(decide(answer(0.95f), p, speaker::user).what == action::block);
}

TEST_CASE("scores without calibration count as none where the policy asks for it") {
  policy p = two_bands();
  p.needs_calibration = true;
  verdict v = answer(0.1f);
  CHECK(decide(v, p, speaker::user).allowed());
  v[task::prompt_harm].calibrated = false;
  CHECK(decide(v, p, speaker::user).reason == decision_reason::unavailable);
}

TEST_CASE("a text that was not read whole") {
  policy p = two_bands();
  verdict v = answer(0.1f);
  v.cut_prompt = 10;
  CHECK(decide(v, p, speaker::user).what == action::review);
  CHECK(decide(v, p, speaker::user).reason == decision_reason::cut);
  p.when_cut = action::block;
  CHECK(decide(v, p, speaker::user).what == action::block);
  CHECK(decide(v, p, speaker::system).allowed());
}

TEST_CASE("JSON and back: the same policy, the same bytes, the same id") {
  policy p = two_bands();
  p.name = "strict \"1\"";
  p.when_unavailable = action::allow;
  p.when_cut = action::block;
  p.needs_calibration = true;
  p[speaker::user][category::cyberattack].block = 0.1f;
  p[speaker::assistant][task::response_harm].review = 1.0f / 3;
  policy const back = parse_policy(to_json(p), "p.json");
  CHECK(back == p);
  CHECK(to_json(back) == to_json(p));
  CHECK(policy_id(back) == policy_id(p));
  CHECK(policy_id(p).size() == 64);
  p[speaker::tool][task::prompt_harm].block = 0.5f;
  CHECK(policy_id(back) != policy_id(p));
  CHECK(parse_policy(to_json(policy{}), "empty") == policy{});
  CHECK(parse_policy("{}", "empty") == policy{});
}

TEST_CASE("a policy file that says something else than its author means is refused") {
  auto const refused = [](std::string const& text, std::string const& why) {
    std::string const message = support::message_of<io_error>([&] { static_cast<void>(parse_policy(text, "p.json")); });
    CHECK_MESSAGE(message.find(why) != message.npos, message);
    CHECK_MESSAGE(message.find("p.json: byte ") == 0, message);
  };
  refused(R"({"rule": {}})", "unknown key 'rule'");
  refused(R"({"rules": {"users": {}}})", "unknown speaker 'users'");
  refused(R"({"rules": {"user": {"prompt_harmm": {"block": 0.5}}}})", "unknown rule 'prompt_harmm'");
  refused(R"({"rules": {"user": {"prompt_harm": {"blok": 0.5}}}})", "unknown key 'blok'");
  refused(R"({"rules": {"user": {"prompt_harm": {"block": 50}}}})", "from 0 to 1");
  refused(R"({"rules": {"user": {"prompt_harm": {"block": -0.1}}}})", "from 0 to 1");
  refused(R"({"rules": {"user": {"prompt_harm": {}}}})", "or both");
  refused(R"({"rules": {"user": {"prompt_harm": {"review": 0.9, "block": 0.5}}}})", "above");
  refused(R"({"rules": {"user": {"prompt_harm": {"block": 0.5}, "prompt_harm": {"block": 0.9}}}})", "twice");
  refused(R"({"when_unavailable": "open"})", "none of");
  refused(R"({"needs_calibration": 1})", "true or false");
}

TEST_CASE("a policy is exchanged while others decide by it") {
  policy a = two_bands(), b = two_bands();
  a.name = "a";
  b.name = "b";
  b[speaker::user][task::prompt_harm] = {0.1f, 0.2f};
  policy_holder holder(a);
  auto const first = holder.get();
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int k = 0; k < 2; ++k)
    readers.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) {
        auto const now = holder.get();
        bool const is_a = now->rules.name == "a";
        torn += decide(answer(0.3f), now->rules, speaker::user).allowed() != is_a;
        torn += (now->id == first->id) != is_a;
      }
    });
  for (int n = 0; n < 200; ++n) holder.set(n % 2 ? a : b);
  for (auto& reader : readers) reader.join();
  CHECK(torn == 0);
  CHECK(first->rules.name == "a");  // whoever has the old one keeps it
  CHECK(holder.get()->id == policy_id(a));
}
