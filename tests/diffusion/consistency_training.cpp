#include <parapet/diffusion/consistency_training.hpp>
#include <parapet/diffusion/distillation.hpp>

#include "diffusion/tilted_gaussian.hpp"
#include "support/backends.hpp"
#include "support/gradient.hpp"
#include "support/throws.hpp"

#include <cmath>

using namespace parapet;
using diffusion::consistency_levels;
using diffusion::level_list;
using diffusion::noise_level;
using support::generate;
using support::normal;
using support::on;
using support::tensor;

namespace {

constexpr index_t rows = 6, dimension = 2;
level_list const levels{{1, 0.002}, {1, 0.1}, {1, 0.9}, {1, 7}};
diffusion::consistency_preconditioning const model{};

struct outcome {
  tensor<double, 2> low, high, dhigh;
  tensor<double, 1> low_time, high_time, value;
};

template <class B>
outcome run(tensor<double, 2> const& low_answer, tensor<double, 2> const& high_answer) {
  B be;
  using space = typename B::space;
  consistency_levels<double, space> const table(be, levels, model);
  auto const a = support::upload(be, normal<double>(extents{rows, dimension}, 1)), z = support::upload(be, normal<double>(extents{rows, dimension}, 2));
  auto const which = support::upload(be, generate<index_t>(extents{rows}, [&](index_t i) { return i % table.size(); }));
  auto const low = support::upload(be, low_answer), high = support::upload(be, high_answer);
  on<B, double, 2> x_low(a.shape()), x_high(a.shape()), dhigh(a.shape());
  on<B, double, 1> t_low(extents{rows}), t_high(extents{rows}), value(extents{rows});
  diffusion::consistency_inputs(be, table, table.low, which.read(), a.read(), z.read(), x_low.view(), t_low.view());
  diffusion::consistency_inputs(be, table, table.high, which.read(), a.read(), z.read(), x_high.view(), t_high.view());
  diffusion::consistency_loss(be, 0.5, table, which.read(), a.read(), z.read(), low.read(), high.read(), value.view(), dhigh.view());
  using support::download;
  return {download(be, x_low), download(be, x_high), download(be, dhigh), download(be, t_low), download(be, t_high), download(be, value)};
}

double data_of(double input, double answer, noise_level const& l) {
  double const x = input / model.input_scale(l), d = model.sigma_data, s = l.sigma - model.s_min;
  return d * d / (s * s + d * d) * x + d * s / std::hypot(l.sigma, d) * answer;
}

}  // namespace

TEST_CASE_TEMPLATE("consistency training: inputs of both sides, the loss and its gradient", B, TEST_BACKENDS) {
  auto const low = normal<double>(extents{rows, dimension}, 3);
  auto high = normal<double>(extents{rows, dimension}, 4);
  auto const got = run<B>(low, high);
  auto const a = normal<double>(extents{rows, dimension}, 1), z = normal<double>(extents{rows, dimension}, 2);
  for (index_t i = 0; i < rows; ++i) {
    noise_level const below = levels[static_cast<std::size_t>(i % 3)], above = levels[static_cast<std::size_t>(i % 3 + 1)];
    CHECK(got.low_time.read()[i] == doctest::Approx(below.lambda()));
    CHECK(got.high_time.read()[i] == doctest::Approx(above.lambda()));
    double squares = 0, c = 0.00054 * std::sqrt(2.0);
    for (index_t j = 0; j < dimension; ++j) {
      CHECK(got.low.read()(i, j) / model.input_scale(below) == doctest::Approx(a.read()(i, j) + below.sigma * z.read()(i, j)));
      CHECK(got.high.read()(i, j) / model.input_scale(above) == doctest::Approx(a.read()(i, j) + above.sigma * z.read()(i, j)));
      double const d = data_of(got.high.read()(i, j), high.read()(i, j), above) - data_of(got.low.read()(i, j), low.read()(i, j), below);
      squares += d * d;
    }
    CHECK(got.value.read()[i] == doctest::Approx(0.5 * (std::sqrt(squares + c * c) - c) / (above.sigma - below.sigma)));
  }
  auto const total = [&] {
    auto const o = run<B>(low, high);
    double sum = 0;
    for (index_t i = 0; i < rows; ++i) sum += o.value.read()[i];
    return sum;
  };
  CHECK(support::gradient_error(high.flat(), got.dhigh.flat(), total) < 1e-6);
}

TEST_CASE_TEMPLATE("consistency training: at the lowest level the model is the identity, whatever the network says", B, TEST_BACKENDS) {
  auto const low = normal<double>(extents{rows, dimension}, 3), other = normal<double>(extents{rows, dimension}, 5), high = normal<double>(extents{rows, dimension}, 4);
  auto const a = run<B>(low, high), b = run<B>(other, high);
  CHECK(a.value.read()[0] == b.value.read()[0]);  // row 0 has the pair of s_min
  CHECK(a.value.read()[1] != b.value.read()[1]);
}

TEST_CASE_TEMPLATE("consistency training: levels that cannot be", B, TEST_BACKENDS) {
  B be;
  using table = consistency_levels<double, typename B::space>;
  CHECK(table(be, {{1, 7}, {1, 0.9}, {1, 0.1}}, model).size() == 2);  // downwards is fine
  for (level_list const& bad : {level_list{}, level_list{{1, 1}}, level_list{{1, 1}, {1, 1}}, level_list{{0.5, 1}, {1, 2}}, level_list{{1, 0.001}, {1, 2}}})
    CHECK_THROWS_AS(table(be, bad, model), argument_error);
}

TEST_CASE_TEMPLATE("distillation: pairs are what the sampler makes of its noise, and a student that knows it takes one step", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  support::gaussian const data;
  level_list vp;
  for (int i = 0; i <= 400; ++i) {
    double const angle = 1.5 * (1 - i / 400.0);
    vp.push_back({std::cos(angle), std::sin(angle), angle});
  }
  vp.back() = {1, 0, 0};
  diffusion::sampler const teacher(make_plan(diffusion::ddim{}, vp));
  arena<space> memory, student_memory;
  auto const work = plan(memory, [&](auto& m) { return teacher.template make_workspace<double>(m, rows, dimension); });
  auto const host_z = normal<double>(extents{rows, dimension}, 2);
  auto const z = support::upload(be, host_z);
  on<B, double, 2> a(z.shape()), answer(z.shape()), x(z.shape());
  auto const model_epsilon = [&](noise_level const& l, double at) { return data.epsilon(l, at); };
  diffusion::sample_pairs(be, teacher, support::affine_denoiser{model_epsilon, answer.view()}, z.read(), a.view(), work);
  auto const pairs = support::download(be, a);
  auto const exact = [&](noise_level const&, double at) { return data.m + data.s / std::sqrt(data.variance(vp[0])) * (at - vp[0].alpha * data.m); };
  for (index_t i = 0; i < pairs.size(); ++i) CHECK(pairs.flat()[i] == doctest::Approx(exact({}, host_z.flat()[i])).epsilon(0.01));

  diffusion::sampler const student(diffusion::one_step_plan(teacher.plan()), diffusion::data_prediction{});
  CHECK(student.plan().evaluations() == 1);
  auto const one = plan(student_memory, [&](auto& m) { return student.template make_workspace<double>(m, rows, dimension); });
  copy(be, z.read(), x.view());
  student.run_from(be, support::affine_denoiser{exact, answer.view()}, diffusion::philox_noise{philox_stream(1, 1)}, x.view(), one);
  auto const got = support::download(be, x);
  for (index_t i = 0; i < got.size(); ++i) CHECK(got.flat()[i] == doctest::Approx(exact({}, host_z.flat()[i])).epsilon(1e-12));

  diffusion::sampler const random(make_plan(diffusion::ddim{.eta = 1}, vp));
  CHECK(support::contains(support::message_of<argument_error>([&] {
          diffusion::sample_pairs(be, random, support::affine_denoiser{model_epsilon, answer.view()}, z.read(), a.view(), work);
        }), "draws noise at"));
  on<B, double, 2> small(extents{rows, index_t{1}});
  CHECK_THROWS_AS(diffusion::sample_pairs(be, teacher, support::affine_denoiser{model_epsilon, answer.view()}, small.read(), a.view(), work), shape_error);
}
