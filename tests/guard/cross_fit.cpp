#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/cross_fit.hpp>
#include <parapet/guard/moderation_network.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace parapet;
using namespace guard;

TEST_CASE("each text has the logits of the network that has not learnt from it, and the networks' mean is the result") {
  backend::cpu be(1);
  moderation_network<modernbert> const network(
      parse_transformer_config(guard_config_json(40, {.hidden = 16, .layers = 1, .heads = 2, .intermediate = 16, .positions = 16}), "test"));
  philox_stream const stream(1, 1);
  std::vector<moderation_example> texts(30);
  std::vector<int> fold;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (index_t k = 0; k < 6; ++k) texts[i].ids.push_back(static_cast<std::int32_t>(stream.below(static_cast<index_t>(i) * 6 + k, 40)));
    texts[i].types.assign(6, 0);
    texts[i].labels[0] = texts[i].ids[2] < 20;
    fold.push_back(static_cast<int>(i % 3));
  }
  buffer<float> start(network.size());
  network.initialize(start.view(), 3);
  moderation_training how;
  how.epochs = 3;
  how.batch = 8;
  how.seed = 11;
  using trainer = moderation_trainer<modernbert, backend::cpu>;
  std::vector<std::vector<float>> learnt;
  auto const train = [&](trainer& t, int k) {
    CHECK(k == static_cast<int>(learnt.size()));
    CHECK(t.options().seed == 11 + static_cast<std::uint64_t>(k));
    CHECK(t.steps() == 9);  // 20 texts in batches of 8, three times
    while (t.step_number() < t.steps()) t.step();
    learnt.emplace_back(t.parameters().data(), t.parameters().data() + network.size());
  };
  cross_fitted const found = cross_fit(be, network, how, texts, fold, start.view(), train);
  REQUIRE(learnt.size() == 3);
  for (index_t i = 0; i < network.size(); ++i) {
    auto const at = static_cast<std::size_t>(i);
    CHECK(found.parameters.data()[i] == doctest::Approx((learnt[0][at] + learnt[1][at] + learnt[2][at]) / 3).epsilon(1e-5));
  }
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(learnt[k] != learnt[(k + 1) % 3]);
    trainer again(be, network, how, texts, vector_view<float const>(learnt[k].data(), extents{network.size()}));
    buffer<float> const logits = again.logits(texts);
    for (std::size_t i = 0; i < texts.size(); ++i)
      for (index_t j = 0; fold[i] == static_cast<int>(k) && j < moderation_logits; ++j) {
        index_t const at = static_cast<index_t>(i) * moderation_logits + j;
        CHECK(found.logits.data()[at] == logits.data()[at]);
      }
  }

  fold[0] = 4;  // fold 3 is empty
  CHECK_THROWS_WITH_AS(cross_fit(be, network, how, texts, fold, start.view(), [](trainer&, int) {}), doctest::Contains("fold 3 has 0 of 30"), argument_error);
  fold.pop_back();
  CHECK_THROWS_AS(cross_fit(be, network, how, texts, fold, start.view(), [](trainer&, int) {}), argument_error);
}
