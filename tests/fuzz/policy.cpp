// A moderation policy. What is accepted means the same after it has been written again, and decides.
#include "fuzz/target.hpp"

#include <parapet/guard/policy.hpp>

using namespace parapet::guard;

FUZZ_TARGET(policy) {
  policy const p = parse_policy(fuzz::text_of(bytes), "fuzz");
  fuzz::require(parse_policy(to_json(p), "again") == p);
  verdict certain;
  certain.status = verdict_status::ok;
  for (task const t : all_tasks) certain[t] = {1, true};
  for (int c = 0; c < category_count; ++c) certain[static_cast<category>(c)] = {1, true};
  for (int s = 0; s < speaker_count; ++s) {
    auto const who = static_cast<speaker>(s);
    bool const any_rule = p[who] != speaker_rules{};
    fuzz::require(decide(certain, p, who).allowed() != any_rule);
    fuzz::require(decide(failed_verdict("fuzz"), p, who).what == (any_rule ? p.when_unavailable : action::allow));
  }
}
