#include "guard/transformer_models.hpp"

#include <doctest/doctest.h>

using namespace parapet;

// As in transformer.cpp, where weights are float.
TEST_CASE_TEMPLATE("a sequence has the same bits alone, in a batch, and for any number of threads, with small weights too", Weight, bfloat16, std::int8_t) {
  backend::cpu one(1), two(2);
  auto const model = guard::load_transformer<guard::mistral, Weight>(one, models::folder("mistral_a"));
  guard::token_batch batch;
  for (index_t const n : {1, 37, 5, 64}) batch.add(models::random_ids(n, 53, static_cast<std::uint64_t>(n)));
  auto const together = models::hidden_of(one, model, batch);
  CHECK(support::same(together, models::hidden_of(two, model, batch)));
  for (nn::sequence const& s : batch.sequences()) {
    guard::token_batch single;
    single.add(models::random_ids(s.queries(), 53, static_cast<std::uint64_t>(s.queries())));
    auto const alone = models::hidden_of(one, model, single);
    CHECK(models::difference(together.read()(s.queries_begin).data(), alone.flat().data(), alone.size()) == 0);
  }
}
