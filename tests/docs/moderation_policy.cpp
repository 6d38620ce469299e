// The program of docs/moderation_policy.md.
#include <parapet/guard/audit_log.hpp>
#include <parapet/guard/cascade.hpp>
#include <parapet/guard/evasion.hpp>
#include <parapet/guard/phrase_rules.hpp>
#include <parapet/guard/policy.hpp>
#include <parapet/guard/stream_session.hpp>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

using namespace parapet;

int main() {
  guard::phrase_rules const rules(R"({"rules": [{"phrase": "purple plum", "prompt_harm": 0.95, "response_harm": 0.95}]})", "rules.json");
  guard::clear_reader model(rules);  // any moderator: here the cheapest, behind the reader of disguises

  guard::policy const policy = guard::parse_policy(R"({
    "name": "kitchen", "when_unavailable": "block", "when_cut": "review",
    "rules": {"user": {"prompt_harm": {"review": 0.5, "block": 0.9}},
              "assistant": {"response_harm": {"block": 0.8}}}})", "policy.json");

  std::string const prompt = "where do I find a p u r p l e  plum?";
  guard::verdict const v = guard::ask(model, {prompt});
  guard::decision const d = guard::decide(v, policy, guard::speaker::user);
  std::printf("%s: %s of %.2f, %s from %.2f on\n", name(d.what).data(), d.subject.data(), static_cast<double>(d.score), name(d.what).data(),
              static_cast<double>(d.threshold));

  std::filesystem::remove("audit.jsonl");
  guard::audit_log log("audit.jsonl", {.salt = "at least 16 secret bytes"});
  std::string const id = guard::policy_id(policy);
  log.append({.request = "r-17", .who = guard::speaker::user, .text = prompt, .answer = v, .decided = d, .policy_id = id});

  guard::stream_session session(model, policy, "what is for dessert?", {.first = 10, .every = 10, .context = 40});
  std::string reader;
  for (std::string const piece : {"An apple, ", "some cream, ", "and at the end a purple ", "plum or two"})
    reader += session.push(piece).text;
  reader += session.finish().text;
  std::printf("the reader got \"%s\", stopped: %s\n", reader.c_str(), session.stopped() ? "yes" : "no");

  // Scores that the first stage gave texts with labels: here as many as there are hundredths.
  std::vector<guard::scored> logged;
  for (int k = 0; k < 100; ++k) logged.push_back({0.01 * k, k % 2 == 1});
  guard::cascade_stage limits{};
  limits[static_cast<std::size_t>(guard::task::prompt_harm)] = guard::fit_stage_limits(logged, 0.05, 0.1);
  guard::cascade stages({limits}, model, rules);  // the second would be a larger model
  guard::verdict const by_stage = stages.classify({prompt});
  std::printf("answered by stage %d: %.2f\n", stages.answered()[0] == 1 ? 1 : 2, static_cast<double>(by_stage[guard::task::prompt_harm].probability));
  return d.what == guard::action::block && reader.find("plum") == reader.npos && log.file().repaired_bytes() == 0 ? 0 : 1;
}
