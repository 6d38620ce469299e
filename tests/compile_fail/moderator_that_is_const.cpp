// expect: a moderator must not be const where its classify is not
#include <parapet/guard/cascade.hpp>
#include <parapet/guard/phrase_rules.hpp>

using namespace parapet;

struct network {
  guard::verdict classify(guard::exchange const&) { return {}; }
  void classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) { guard::classify_one_by_one(*this, in, out); }
};

#ifdef MISTAKE
using model = network const;
#else
using model = network;
#endif

guard::verdict ask_both(guard::phrase_rules const& rules, model& large) {
  guard::cascade stages({}, rules, large);
  return stages.classify({.prompt = "What is for dinner?"});
}
