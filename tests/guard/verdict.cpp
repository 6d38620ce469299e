#include <parapet/guard/verdict.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

using namespace parapet;
using namespace parapet::guard;

namespace {

/// Fails at what is empty.
struct picky {
  verdict classify(exchange const& text) {
    if (text.prompt.empty()) throw std::runtime_error("nothing to read");
    if (text.prompt == "?") throw 7;
    verdict v;
    v.status = verdict_status::ok;
    v[task::prompt_harm] = {0.25f, true};
    return v;
  }
  void classify(std::span<exchange const> in, std::span<verdict> out) { classify_one_by_one(*this, in, out); }
};
static_assert(moderator<picky>);

struct answers_with_a_number {
  float classify(exchange const&) { return 0; }
  void classify(std::span<exchange const>, std::span<verdict>) {}
};
static_assert(!moderator<answers_with_a_number>);

}  // namespace

TEST_CASE("a new verdict knows nothing and says so") {
  verdict const v;
  CHECK(v.status == verdict_status::skipped);
  for (auto const& s : v.tasks) CHECK(!s.known());
  for (auto const& s : v.categories) CHECK(!s.known());
  CHECK(!v.cut());
  CHECK(score{} == score{});
  CHECK(!(score{0.5f} == score{}));
  CHECK(!(score{0.5f} == score{0.5f, true}));
}

TEST_CASE("an exception of a classifier is a verdict") {
  picky m;
  CHECK(ask(m, {"hello"})[task::prompt_harm] == score{0.25f, true});
  verdict const failed = ask(m, {""});
  CHECK(failed.status == verdict_status::error);
  CHECK(failed.message == "nothing to read");
  CHECK(ask(m, {"?"}).status == verdict_status::error);
}

TEST_CASE("a batch one by one") {
  picky m;
  std::vector<exchange> const in{{"a"}, {"b", "c"}};
  std::vector<verdict> out(2);
  m.classify(in, out);
  for (auto const& v : out) CHECK(v[task::prompt_harm].probability == 0.25f);
}
