#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/backend/cpu/layer_norm.hpp>
#include <parapet/io/checkpoint.hpp>
#include <parapet/io/safetensors.hpp>
#include <parapet/rl/controller.hpp>
#include <parapet/rl/distillation.hpp>
#include <parapet/rl/fisor.hpp>
#include <parapet/rl/one_step_agent.hpp>

#include <doctest/doctest.h>

#include "io/temporary_folder.hpp"
#include "support/allocation_counter.hpp"
#include "support/fisor_problem.hpp"
#include "support/throws.hpp"

#include <cmath>
#include <string>

using namespace parapet;
using support::contains;
using support::message_of;

namespace {

/// A FISOR of random parameters, its data, and a student that learnt a little.
struct setting {
  backend::cpu be{1};
  rl::transitions<float> data = support::random_transitions();
  support::temporary_folder folder;
  rl::fisor_model model = rl::fisor_model(checkpoint());
  rl::distillation_options options{.width = 64, .hidden = 2, .batch = 64, .updates = 0, .learning_rate = 3e-3, .average_rate = 0.02};

  tensor_archive checkpoint() {
    rl::fisor<backend::cpu> learner(be, support::small_fisor(), data);
    learner.update();
    io::save_checkpoint(folder / "fisor.safetensors", learner);
    return io::read_safetensors(folder / "fisor.safetensors");
  }
  rl::one_step_policy student(index_t updates) {
    options.updates = updates;
    return rl::distill(be, model, data.state(), options, [](index_t, double) {});
  }
};

float const seen[] = {0.5f, -1, 0.25f};
vector_view<float const> const observation(seen, extents<1>{{3}});

}  // namespace

TEST_CASE("distillation: the teacher is deterministic and its actions lie in the box") {
  setting s;
  constexpr index_t rows = 24;
  auto const z = support::normal<float>(extents{rows, index_t{2}}, 1), states = support::normal<float>(extents{rows, index_t{3}}, 2);
  support::tensor<float, 2> a(z.shape()), b(z.shape());
  rl::ddim_teacher teacher(s.be, s.model, rows);
  teacher(s.be, z.read(), states.read(), a.view());
  teacher(s.be, z.read(), states.read(), b.view());
  CHECK(support::same(a, b));
  bool varied = false;
  for (index_t i = 0; i < a.size(); ++i) {
    CHECK(std::abs(a.flat()[i]) <= 1 + 1e-6f);
    varied = varied || std::abs(a.flat()[i] - a.flat()[0]) > 0.1f;
  }
  CHECK(varied);
}

TEST_CASE("distillation: a student comes to act as its teacher, on states and noise that it has not seen") {
  setting s;
  auto const student = s.student(1500);
  constexpr index_t rows = 64;
  auto const z = support::normal<float>(extents{rows, index_t{2}}, 11);
  support::tensor<float, 2> states(extents{rows, index_t{3}}), a(z.shape());
  for (index_t i = 0; i < states.size(); ++i) states.flat()[i] = s.data.state().data()[i % s.data.state().size()];
  rl::ddim_teacher teacher(s.be, s.model, rows);
  teacher(s.be, z.read(), states.read(), a.view());
  arena<> memory;
  auto const work = plan(memory, [&](auto& m) { return student.network().make_workspace<float>(m, rows, nn::mode::inference); });
  fill(s.be, work.time, 0.0f);
  copy(s.be, z.read(), student.network().sample(work));
  copy(s.be, states.read(), student.network().condition(work));
  auto const answer = student.network().forward(s.be, student.parameters(), work);
  double error = 0, spread = 0, mean = 0;
  for (index_t i = 0; i < a.size(); ++i) mean += static_cast<double>(a.flat()[i]) / static_cast<double>(a.size());
  for (index_t i = 0; i < a.size(); ++i) {
    error += std::pow(static_cast<double>(answer.data()[i] - a.flat()[i]), 2);
    spread += std::pow(static_cast<double>(a.flat()[i]) - mean, 2);
  }
  CHECK(error < 0.15 * spread);
}

TEST_CASE("one_step_policy: saved, loaded, and the same in a controller; the same bits again") {
  setting s;
  auto student = s.student(20);
  std::string const path = s.folder / "policy.safetensors";
  io::save_checkpoint(path, student);
  auto loaded = rl::one_step_policy::load(io::read_safetensors(path));
  CHECK(loaded.metadata() == student.metadata());
  auto again = s.student(20);
  rl::controller a(rl::one_step_agent(s.be, std::move(student), rl::fisor_model(s.checkpoint())));
  rl::controller b(rl::one_step_agent(s.be, std::move(loaded), rl::fisor_model(s.checkpoint())));
  rl::controller c(rl::one_step_agent(s.be, std::move(again), rl::fisor_model(s.checkpoint())));
  for (int i = 0; i < 3; ++i) {
    auto const x = a.act(observation), y = b.act(observation), z = c.act(observation);
    CHECK_FALSE(x.fallback);
    CHECK(x.candidates == 6);
    CHECK(x.action[0] == y.action[0]);
    CHECK(x.safety_critic == y.safety_critic);
    CHECK(x.action[1] == z.action[1]);
    CHECK(std::abs(x.action[0]) <= 1);
  }
}

TEST_CASE("one_step_agent: what it says of an action is what the critics of FISOR say") {
  setting s;
  rl::one_step_agent agent(s.be, s.student(20), rl::fisor_model(s.checkpoint()), {.candidates = 3, .rows = 3});
  support::tensor<float, 2> states(extents{3, 3}), actions(extents{3, 2}), value(extents{1, 1});
  for (index_t i = 0; i < states.size(); ++i) states.flat()[i] = seen[i % 3];
  index_t const number[] = {0, 1, 2};
  rl::decision_info<float> info[3];
  agent.propose(states.read(), {number, extents<1>{{3}}}, actions.view(), {info, extents<1>{{3}}});
  support::tensor<float, 1> v(extents{3});
  support::tensor<float, 2> more(extents{4, 3}), narrow(extents{3, 2});
  CHECK_THROWS_AS(agent.propose(more.read(), {number, extents<1>{{3}}}, actions.view(), {info, extents<1>{{3}}}), shape_error);
  CHECK_THROWS_AS(agent.propose(narrow.read(), {number, extents<1>{{3}}}, actions.view(), {info, extents<1>{{3}}}), shape_error);
  CHECK_THROWS_AS(agent.propose(states.read(), {number, extents<1>{{2}}}, actions.view(), {info, extents<1>{{3}}}), shape_error);
  rl::evaluate_safety_value(s.be, s.model.networks(), s.model.parameters(), states.read(), v.view());
  arena<> memory;
  auto const& critic = s.model.networks().critic;
  auto const work = plan(memory, [&](auto& m) { return critic.make_workspace<float>(m, 3, nn::mode::inference, rl::fisor_networks::critics); });
  support::tensor<float, 2> input(extents{3, 5});
  for (index_t i = 0; i < 3; ++i)
    for (index_t j = 0; j < 5; ++j) input.view()(i, j) = j < 3 ? states.read()(i, j) : actions.read()(i, j - 3);
  auto const q = critic.forward(s.be, s.model.parameters().critics, repeated(input.read(), 1), work);
  for (index_t i = 0; i < 3; ++i) {
    CHECK(info[i].safety_value == doctest::Approx(v.read()[i]).epsilon(1e-5));
    CHECK(info[i].reward_critic == doctest::Approx(std::min(q(0, i, 0), q(1, i, 0))).epsilon(1e-5));
    CHECK(info[i].safety_critic == doctest::Approx(std::max(q(2, i, 0), q(3, i, 0))).epsilon(1e-5));
  }
}

TEST_CASE("one_step_policy: files and dimensions that do not fit are refused") {
  setting s;
  CHECK(contains(message_of<io_error>([&] { rl::one_step_policy::load(s.checkpoint()); }), "no array named 'policy.output.weight'"));
  auto const file_of = [](index_t in, index_t width, index_t out) {
    tensor_archive file("student");
    file.add("policy.dense0.weight", scalar_type::f32, {in, width});
    file.add("policy.output.weight", scalar_type::f32, {width, out});
    file.add("policy.dense1.weight", scalar_type::f32, {1, 1});
    return file;
  };
  CHECK(contains(message_of<io_error>([&] { rl::one_step_policy::load(file_of(4, 8, 2)); }), "are not of one policy"));  // no state
  std::string const wide = message_of<io_error>([&] { rl::one_step_policy::load(file_of(7, 1 << 20, 2)); });  // would take 4 TiB
  CHECK(contains(wide, "student: "));
  CHECK_THROWS_AS(rl::one_step_agent(s.be, rl::one_step_policy({.state_dim = 4, .action_dim = 2, .width = 8, .hidden = 1}),
                                         rl::fisor_model(s.checkpoint())), argument_error);
  CHECK_THROWS_AS(rl::distill(s.be, s.model, s.data.state().rows(0, 0), s.options, [](index_t, double) {}), argument_error);
  CHECK_THROWS_AS(rl::distill(s.be, s.model, s.data.action(), s.options, [](index_t, double) {}), shape_error);
}

TEST_CASE("one_step_agent: acting allocates nothing") {
  if (!support::counts_allocations) {
    MESSAGE("skipped: allocations are not counted in this build");
    return;
  }
  setting s;
  rl::controller c(rl::one_step_agent(s.be, s.student(5), rl::fisor_model(s.checkpoint())));
  c.act(observation);
  auto const before = support::allocation_count();
  for (int i = 0; i < 5; ++i) c.act(observation);
  CHECK(support::allocation_count() == before);
}
