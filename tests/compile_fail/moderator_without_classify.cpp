// expect: a moderator must provide 'guard::verdict classify(guard::exchange const&)'
#include <parapet/guard/stream_session.hpp>

using namespace parapet;

struct rule {
#ifdef MISTAKE
  guard::verdict judge(guard::exchange const&) { return {}; }
#else
  guard::verdict classify(guard::exchange const&) { return {}; }
#endif
  void classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) { guard::classify_one_by_one(*this, in, out); }
};

void watch(rule& model, guard::policy const& policy) {
  guard::stream_session session(model, policy, "What is for dinner?");
  session.push("Soup.");
}
