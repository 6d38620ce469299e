#include <parapet/guard/transformer.hpp>

#include "guard/transformer_models.hpp"
#include "support/allocation_counter.hpp"

#include <doctest/doctest.h>

using namespace parapet;

namespace {

using model_type = guard::transformer<guard::mistral>;

support::tensor<float, 2> run(backend::cpu& be, model_type const& model, guard::token_batch const& batch) {
  return models::hidden_of(be, model, batch);
}

bool same_rows(support::tensor<float, 2> const& a, index_t first, support::tensor<float, 2> const& b) {
  return models::difference(a.read()(first).data(), b.flat().data(), b.size()) == 0;
}

}  // namespace

TEST_CASE("a sequence has the same bits alone, in a batch, and for any number of threads") {
  backend::cpu one(1), two(2);
  for (char const* name : {"mistral_a", "mistral_b"}) {
    auto const model = guard::load_transformer<guard::mistral>(one, models::folder(name));
    guard::token_batch batch;
    for (index_t const n : {1, 37, 5, 64}) batch.add(models::random_ids(n, 53, static_cast<std::uint64_t>(n)));
    auto const together = run(one, model, batch), threads = run(two, model, batch);
    CHECK(same_rows(together, 0, threads));
    for (nn::sequence const& s : batch.sequences()) {
      guard::token_batch single;
      single.add(models::random_ids(s.queries(), 53, static_cast<std::uint64_t>(s.queries())));
      CHECK(same_rows(together, s.queries_begin, run(one, model, single)));
    }
  }
}

TEST_CASE("a pass allocates nothing once it has run") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  backend::cpu be(2);
  auto const model = guard::load_transformer<guard::mistral>(be, models::folder("mistral_a"));
  arena<> memory;
  auto const workspace = plan(memory, [&](auto& a) { return model.make_workspace(a, 64); });
  guard::kv_cache<> cache(model.config(), 64);
  buffer<float> logits(64 * model.config().vocabulary);
  guard::token_batch batch;
  auto const ids = models::random_ids(50, 53, 1);
  auto const step = [&] {
    batch.clear();
    batch.add(std::span(ids).first(20));
    batch.add(std::span(ids).last(30));
    auto const hidden = model.forward(be, batch.view(), workspace);
    model.logits(be, hidden, logits.view(extents{50, model.config().vocabulary}));
    batch.clear();
    batch.add(ids);
    model.forward(be, batch.view(), workspace, cache);
  };
  step();
  long const before = support::allocation_count();
  step();
  CHECK(support::allocation_count() == before);
}
