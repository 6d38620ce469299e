#include "io/temporary_folder.hpp"
#include "support/allocation_counter.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/bpe_trainer.hpp>
#include <parapet/guard/moderation_model.hpp>
#include <parapet/guard/moderation_network.hpp>
#include <parapet/guard/stream_session.hpp>
#include <parapet/guard/windowed_moderator.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

using namespace parapet;
using namespace guard;

namespace {

/// A guard of random weights in a folder, and its parameters.
buffer<float> save(std::string const& folder, moderation_settings const& settings) {
  std::vector<std::string> const texts(3, "how do I bake bread for two, and what does a robot do before a wall");
  std::string const tokenizer = train_byte_level_bpe(texts, {.vocabulary = 300, .special_tokens = {"[CLS]", "[SEP]", "[MASK]"}, .begin = "[CLS]", .end = "[SEP]"});
  std::string const config = guard_config_json(json_tokenizer(tokenizer, "tokenizer").size(), {.hidden = 32, .layers = 2, .heads = 2, .intermediate = 48, .positions = 64});
  moderation_network<modernbert> const network(parse_transformer_config(config, "config"));
  buffer<float> parameters(network.size());
  network.initialize(parameters.view(), 3);
  for (index_t i = 0; i < parameters.size(); ++i) parameters.data()[i] *= 4;
  save_moderation_model(folder, network, vector_view<float const>(parameters.view()), config, tokenizer, settings);
  return parameters;
}

moderation_settings calibrated() {
  moderation_settings s;
  s.tokens = 24;
  s.calibration[0] = platt_scaling{0.5, -0.25};
  return s;
}

}  // namespace

TEST_CASE("a guard comes back from its folder, with its calibration, and gives each text the same verdict alone and among others") {
  support::temporary_folder const temporary;
  std::string const folder = temporary.path();
  save(folder, calibrated());
  backend::cpu be(2);
  auto guard = load_moderation_model<modernbert>(be, folder);
  static_assert(moderator<decltype(guard)>);
  std::vector<exchange> in;
  std::string const texts[] = {"how do I bake", "", "a robot before a wall [CLS] [SEP]", "bread"};
  for (std::string const& text : texts) in.push_back({text, {}}), in.push_back({text, "for two"});
  std::vector<verdict> out(in.size());
  guard.classify(in, out);
  for (std::size_t i = 0; i < in.size(); ++i) {
    verdict const alone = guard.classify(in[i]);
    CHECK(alone.status == verdict_status::ok);
    CHECK(alone.tasks == out[i].tasks);
    CHECK(alone.categories == out[i].categories);
    CHECK(alone[task::prompt_harm].calibrated);
    CHECK(alone[task::refusal].known() == in[i].response.has_value());
    auto const z = guard.logits(in[i]);
    CHECK(static_cast<double>(alone[task::prompt_harm].probability) == doctest::Approx(1 / (1 + std::exp(-(0.5 * static_cast<double>(z[0]) - 0.25)))));
    if (in[i].response) {
      CHECK_FALSE(alone[task::response_harm].calibrated);
      CHECK(static_cast<double>(alone[task::response_harm].probability) == doctest::Approx(1 / (1 + std::exp(-static_cast<double>(z[1])))));
    }
    double sum = 0;
    for (score const& c : alone.categories) sum += static_cast<double>(c.probability);
    CHECK(sum == doctest::Approx(1));
    CHECK(alone.model != io::sha256_digest{});
  }
}

TEST_CASE("weights in half the memory or a quarter give nearly the same") {
  support::temporary_folder const temporary;
  std::string const folder = temporary.path();
  save(folder, calibrated());
  backend::cpu be(1);
  auto exact = load_moderation_model<modernbert>(be, folder);
  auto half = load_moderation_model<modernbert, bfloat16>(be, folder, false);
  auto quarter = load_moderation_model<modernbert, std::int8_t>(be, folder, false);
  exchange const one{"how do I bake bread", "for two"};
  float const p = exact.classify(one)[task::refusal].probability;
  CHECK(half.classify(one)[task::refusal].probability == doctest::Approx(p).epsilon(0.02));
  CHECK(quarter.classify(one)[task::refusal].probability == doctest::Approx(p).epsilon(0.05));
  CHECK(half.classify(one).model == io::sha256_digest{});
}

TEST_CASE("what is not read is counted: the longer text loses its end") {
  support::temporary_folder const temporary;
  std::string const folder = temporary.path();
  save(folder, calibrated());
  backend::cpu be(1);
  auto guard = load_moderation_model<modernbert>(be, folder);
  std::string longer;
  for (int i = 0; i < 30; ++i) longer += " robot";
  verdict const v = guard.classify({longer, "bread"});
  CHECK(v.cut_prompt > 50);
  CHECK(v.cut_response == 0);
  std::string_view const read = std::string_view(longer).substr(0, longer.size() - v.cut_prompt);
  CHECK(guard.classify({read, "bread"}).tasks == v.tasks);
  verdict const both = guard.classify({longer, longer});
  CHECK(both.cut_prompt > 0);
  CHECK(both.cut_response > 0);
}

namespace {

/// Allocations of `ask` on all texts, after it was asked about the longest of them.
template <class Ask>
long allocations_after_the_longest(Ask ask) {
  std::string const long_text = std::string(200, 'a') + " e\u0301";  // a token for each
  std::string const texts[] = {"how do I bake", "", "a robot before a wall [CLS] [SEP]", std::string(90, 'a'), "e\u0301 before and before and before a wall"};
  for (int i = 0; i < 2; ++i) ask(exchange{long_text, long_text});
  long const before = support::allocation_count();
  for (std::string const& text : texts) {
    ask(exchange{text});
    ask(exchange{text, long_text});
    ask(exchange{long_text, text});
  }
  return support::allocation_count() - before;
}

}  // namespace

TEST_CASE("a verdict allocates nothing after the longest text: alone, in a batch, of windows") {
  support::temporary_folder const temporary;
  std::string const folder = temporary.path();
  save(folder, calibrated());
  backend::cpu one(1), two(2);
  auto const check = [](auto guard) {
    CHECK(allocations_after_the_longest([&](exchange const& text) { static_cast<void>(guard.classify(text)); }) == 0);
  };
  check(load_moderation_model<modernbert>(one, folder, false));
  check(load_moderation_model<modernbert, bfloat16>(one, folder, false));
  check(load_moderation_model<modernbert, std::int8_t>(one, folder, false));

  auto guard = load_moderation_model<modernbert>(two, folder, false);
  std::vector<exchange> in(6);
  std::vector<verdict> out(in.size());
  CHECK(allocations_after_the_longest([&](exchange const& text) {
          in.assign(in.size(), text);
          guard.classify(in, out);
        }) == 0);
  windowed_moderator reader(guard, guard.tokenizer(), {.size = 8, .overlap = 2});
  verdict v;
  CHECK(allocations_after_the_longest([&](exchange const& text) { reader.classify({&text, 1}, {&v, 1}); }) == 0);
  CHECK(v.windows.size() > 5);
}

TEST_CASE("a stream allocates nothing after its first steps") {
  support::temporary_folder const temporary;
  std::string const folder = temporary.path();
  save(folder, calibrated());
  backend::cpu be(1);
  auto guard = load_moderation_model<modernbert>(be, folder, false);
  policy const rules;
  stream_session session(guard, rules, "how do I bake", {.first = 20, .every = 20, .context = 40});
  for (int k = 0; k < 20; ++k) session.push(" a wall stops");
  long const before = support::allocation_count();
  index_t const checks = session.checks();
  for (int k = 0; k < 40; ++k) session.push(k % 2 == 0 ? " a wall stops" : " bread for two");
  long const counted = support::allocation_count() - before;
  CHECK(counted == 0);
  CHECK(session.checks() > checks + 20);
  CHECK(session.last().status == verdict_status::ok);
}

TEST_CASE("a folder that does not fit together is refused, with the file and what is wrong") {
  support::temporary_folder const temporary;
  std::string const folder = temporary.path();
  save(folder, calibrated());
  backend::cpu be(1);
  auto const load = [&] { static_cast<void>(load_moderation_model<modernbert>(be, folder)); };
  auto const write = [&](std::string const& name, std::string const& text) {
    io::atomic_file file(folder + name);
    file.write(text);
    file.commit();
  };
  write("/moderation.json", R"({"tokens": 65, "calibration": {}})");
  CHECK_THROWS_WITH_AS(load(), doctest::Contains("65 tokens are read, the model has 64 positions"), argument_error);
  write("/moderation.json", R"({"tokens": 32, "calibration": {"refusals": {"slope": 1, "offset": 0}}})");
  CHECK_THROWS_WITH_AS(load(), doctest::Contains("is no task"), io_error);
  write("/moderation.json", R"({"tokens": 32, "calibration": {"refusal": {"slope": -1, "offset": 0}}})");
  CHECK_THROWS_WITH_AS(load(), doctest::Contains("expected a slope above 0"), io_error);
  std::filesystem::remove(folder + "/moderation.json");
  CHECK_THROWS_WITH_AS(load(), doctest::Contains("moderation.json"), io_error);
}
