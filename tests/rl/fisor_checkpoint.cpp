// FISOR's learner in a file: it goes on exactly, or says what differs.
#include <parapet/io/checkpoint.hpp>

#include <doctest/doctest.h>

#include "rl/fisor_on_cpu.hpp"
#include "io/temporary_folder.hpp"
#include "support/fisor_problem.hpp"
#include "support/throws.hpp"

#include <cstring>
#include <string>

using namespace parapet;
using support::message_of;
using support::random_transitions;
using support::small_fisor;
using support::state_of;
using learner = rl::fisor<backend::cpu>;

TEST_CASE("fisor: goes on from a checkpoint as if it had not stopped") {
  backend::cpu be(1), other(2);
  auto const data = random_transitions();
  learner whole(be, small_fisor(), data), loaded(other, small_fisor(), data);
  for (int i = 0; i < 3; ++i) whole.update();
  support::temporary_folder const folder;
  io::save_checkpoint(folder / "run.safetensors", whole);
  io::load_checkpoint(folder / "run.safetensors", loaded);
  CHECK(loaded.step() == 3);
  for (int i = 0; i < 2; ++i) {
    whole.update();
    loaded.update();
  }
  CHECK(state_of(loaded) == state_of(whole));
}

TEST_CASE("fisor: one of several seeds is saved as if it were alone, and goes on in a learner of its own") {
  backend::cpu be(1);
  auto const data = random_transitions();
  auto config = small_fisor();
  learner all(be, config, data, 3);
  config.seed += 2;
  learner alone(be, config, data), loaded(be, config, data);
  all.train(3);
  alone.train(3);
  support::temporary_folder const folder;
  io::save_checkpoint(folder / "all.safetensors", all.snapshot(2));
  io::load_checkpoint(folder / "all.safetensors", loaded);
  CHECK(state_of(loaded) == state_of(alone));
  auto snapshot = all.snapshot(2);
  all.train(2);
  io::save_checkpoint(folder / "later.safetensors", all.snapshot(2));
  io::load_checkpoint(folder / "later.safetensors", snapshot);
  alone.restore(snapshot);
  CHECK(alone.step() == 5);
  CHECK(state_of(alone) == state_of(all.snapshot(2)));
}

TEST_CASE("fisor: a checkpoint names every option and the data, and one of another run is refused") {
  backend::cpu be(1);
  auto const data = random_transitions(), longer = random_transitions(51);
  support::temporary_folder const folder;
  std::string const path = folder / "run.safetensors";
  learner const first(be, small_fisor(), data);
  for (auto const& [option, value] : small_fisor().to_text()) CHECK(first.metadata().at(option) == value);
  CHECK(first.metadata().at("data_hash") == std::to_string(data.hash()));
  io::save_checkpoint(path, first);
  auto const refusal = [&](learner&& l) { return message_of<io_error>([&] { io::load_checkpoint(path, l); }); };
  CHECK(support::contains(refusal(learner(be, small_fisor(), longer)), "metadata 'data_hash' is"));
  rl::fisor_config wider = small_fisor(), slower = small_fisor();
  wider.critic_width = 16;
  slower.critic_learning_rate = 1e-4;
  CHECK(support::contains(refusal(learner(be, wider, data)), "metadata 'critic_width' is '8', expected '16'"));
  CHECK(support::contains(refusal(learner(be, slower, data)), "metadata 'critic_learning_rate' is '0.00029999999999999997'"));
}

TEST_CASE("fisor: a doctored number of updates is refused before it is used") {
  backend::cpu be(1);
  auto const data = random_transitions();
  learner l(be, small_fisor(), data);
  for (index_t const step : {index_t{-1}, index_t{1} << 60}) {
    std::memcpy(l.tensors().at(0).data, &step, sizeof step);
    CHECK(support::contains(message_of<error>([&] { l.update(); }), "is not a state of training"));
  }
}
