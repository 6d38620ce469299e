#include "io/temporary_folder.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/moderation_network.hpp>
#include <parapet/guard/moderation_trainer.hpp>
#include <parapet/io/checkpoint.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

using namespace parapet;
using namespace guard;

namespace {

using trainer = moderation_trainer<modernbert, backend::cpu>;

moderation_network<modernbert> const& network() {
  static moderation_network<modernbert> const n(
      parse_transformer_config(guard_config_json(40, {.hidden = 32, .layers = 2, .heads = 2, .intermediate = 48, .positions = 64}), "test"));
  return n;
}

/// Texts of random words; which of the words 30 to 37 is among them decides the labels.
std::vector<moderation_example> texts(std::uint64_t seed, index_t count) {
  philox_stream const stream(seed, 9);
  std::vector<moderation_example> out;
  for (index_t i = 0; i < count; ++i) {
    moderation_example e;
    index_t const length = 4 + stream.below(100 * i, 12), key = stream.below(100 * i + 1, 8);
    e.ids.push_back(0);
    for (index_t k = 1; k < length; ++k) e.ids.push_back(static_cast<std::int32_t>(3 + stream.below(100 * i + 2 + k, 27)));
    e.ids[static_cast<std::size_t>(1 + stream.below(100 * i + 90, length - 1))] = static_cast<std::int32_t>(30 + key);
    e.types.assign(e.ids.size(), 0);
    e.labels[0] = key < 4;
    if (i % 3 == 0) e.labels[1] = key % 2 == 0;
    e.harm = key < 4 ? static_cast<category>(key) : category::benign;
    out.push_back(std::move(e));
  }
  return out;
}

moderation_training options() {
  moderation_training o;
  o.seed = 5;
  o.epochs = 8;
  o.batch = 16;
  o.learning_rate = 4e-3;
  o.mask = 2;
  o.masked = 0.05;
  return o;
}

bool same(vector_view<float const> a, vector_view<float const> b) {
  return a.extent(0) == b.extent(0) && std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.extent(0)) * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a small encoder learns to answer several questions, of which some have few labels") {
  backend::cpu be(2);
  auto const data = texts(1, 400), held_out = texts(2, 200);
  trainer t(be, network(), options(), data);
  double first = 0, last = 0;
  while (t.step_number() < t.steps()) {
    double const loss = t.step();
    if (t.step_number() == 1) first = loss;
    last = loss;
  }
  CHECK(first > 3);  // log 2 + log 2 + log 15, nearly
  CHECK(last < 0.3 * first);
  buffer<float> const found = t.logits(held_out);
  int right = 0, right_kind = 0;
  for (std::size_t i = 0; i < held_out.size(); ++i) {
    float const* row = found.data() + static_cast<index_t>(i) * moderation_logits;
    right += (row[0] > 0) == *held_out[i].labels[0];
    index_t best = 0;
    for (index_t k = 1; k < category_count; ++k)
      if (row[task_count + k] > row[task_count + best]) best = k;
    right_kind += best == static_cast<index_t>(*held_out[i].harm);
  }
  CHECK(right > 190);
  CHECK(right_kind > 180);
}

TEST_CASE("the same bits for any number of threads, and for training that was interrupted") {
  auto const data = texts(1, 100);
  auto how = options();
  how.epochs = 2;
  how.accumulate = 2;
  how.energy_weight = 0.1;
  backend::cpu one(1), two(2);
  trainer a(one, network(), how, data), b(two, network(), how, data);
  support::temporary_folder const folder;
  std::string const path = folder / "trainer.safetensors";
  while (a.step_number() < a.steps()) {
    CHECK(a.step() == b.step());
    if (a.step_number() == 2) {
      a.keep_best(0.5);
      io::save_checkpoint(path, a);
    }
  }
  CHECK(a.steps() == 8);
  CHECK(same(a.parameters(), b.parameters()));

  trainer resumed(two, network(), how, data);
  io::load_checkpoint(path, resumed);
  CHECK(resumed.step_number() == 2);
  CHECK(resumed.best_score() == 0.5);
  while (resumed.step_number() < resumed.steps()) resumed.step();
  CHECK(same(a.parameters(), resumed.parameters()));

  how.learning_rate *= 2;
  trainer other(two, network(), how, data);
  CHECK_THROWS_WITH_AS(io::load_checkpoint(path, other), doctest::Contains("metadata 'rates'"), io_error);
  auto const fewer = texts(1, 99);
  how = a.options();
  trainer elsewhere(two, network(), how, fewer);
  CHECK_THROWS_WITH_AS(io::load_checkpoint(path, elsewhere), doctest::Contains("metadata 'examples'"), io_error);
}

TEST_CASE("the best parameters are kept and gone back to") {
  auto const data = texts(1, 64);
  backend::cpu be(1);
  trainer t(be, network(), options(), data);
  t.step();
  CHECK(t.keep_best(-2));
  std::vector<float> const then(t.parameters().data(), t.parameters().data() + t.parameters().extent(0));
  t.step();
  CHECK_FALSE(t.keep_best(-3));
  CHECK_FALSE(t.keep_best(std::nan("")));
  CHECK_FALSE(same(t.parameters(), vector_view<float const>(then.data(), extents{static_cast<index_t>(then.size())})));
  t.restore_best();
  CHECK(same(t.parameters(), vector_view<float const>(then.data(), extents{static_cast<index_t>(then.size())})));
  CHECK(t.best_step() == 1);
}

TEST_CASE("a head alone can be trained on an encoder that stays as it is") {
  auto const data = texts(1, 64);
  backend::cpu be(1);
  auto how = options();
  how.head_only = true;
  buffer<float> start(network().size());
  network().initialize(start.view(), 77);
  trainer t(be, network(), how, data, start.view());
  for (int i = 0; i < 3; ++i) t.step();
  index_t const body = network().body_size();
  CHECK(same(t.parameters().rows(0, body), vector_view<float const>(start.view()).rows(0, body)));
  CHECK_FALSE(same(t.parameters().rows(body, network().size()), vector_view<float const>(start.view()).rows(body, network().size())));
}

TEST_CASE("a head that starts anew moves faster than its encoder") {
  auto const data = texts(1, 64);
  backend::cpu be(1);
  auto how = options();
  how.warm_up = how.weight_decay = how.masked = 0;
  buffer<float> start(network().size());
  network().initialize(start.view(), 77);
  auto const furthest = [&](double head_rate, index_t begin, index_t end) {
    how.head_rate = head_rate;
    trainer t(be, network(), how, data, start.view());
    t.step();
    double most = 0;
    for (index_t i = begin; i < end; ++i) most = std::max(most, std::abs(static_cast<double>(t.parameters()[i]) - static_cast<double>(start.data()[i])));
    return most;
  };
  // Adam's first step is the rate, for every parameter that has a gradient.
  index_t const body = network().body_size(), all = network().size();
  CHECK(furthest(1, body, all) == doctest::Approx(how.learning_rate).epsilon(1e-3));
  CHECK(furthest(5, body, all) == doctest::Approx(5 * how.learning_rate).epsilon(1e-3));
  CHECK(furthest(5, 0, body) == doctest::Approx(how.learning_rate).epsilon(1e-3));
  how.head_rate = 0;
  CHECK_THROWS_AS(trainer(be, network(), how, data, start.view()), argument_error);
}

TEST_CASE("options that cannot be are refused") {
  backend::cpu be(1);
  auto const data = texts(1, 10);
  auto how = options();
  how.shards = 3;
  CHECK_THROWS_WITH_AS(trainer(be, network(), how, data), doctest::Contains("3 shards"), argument_error);
  CHECK_THROWS_WITH_AS(trainer(be, network(), options(), std::span<moderation_example const>{}), doctest::Contains("no examples"), argument_error);
}
