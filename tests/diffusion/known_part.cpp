#include <parapet/diffusion/known_part.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/warm_start.hpp>

#include "diffusion/tilted_gaussian.hpp"
#include "support/backends.hpp"
#include "support/throws.hpp"

#include <cmath>

using namespace parapet;
using diffusion::level_list;
using diffusion::noise_level;
using support::generate;
using support::normal;
using support::on;
using support::tensor;

namespace {

constexpr index_t rows = 3, dimension = 4;
support::gaussian const data;

level_list vp_levels(int steps) {
  level_list levels;
  for (int i = 0; i <= steps; ++i) {
    double const angle = 1.5 * (1 - static_cast<double>(i) / steps);
    levels.push_back({std::cos(angle), std::sin(angle), angle});
  }
  return levels;
}

tensor<double, 2> mask() { return generate<double>(extents{rows, dimension}, [](index_t i) { return i % dimension < 2 ? 1.0 : 0.0; }); }

/// A denoiser that records what it is shown of the masked columns.
template <class B>
struct watching {
  support::affine_denoiser<double (*)(noise_level const&, double), double, typename B::space> model;
  std::vector<tensor<double, 2>>& seen;
  matrix_view<double, typename B::space> copied;
  on<B, double, 2>& storage;
  matrix_view<double const, typename B::space> operator()(B& be, matrix_view<double const, typename B::space> const& x, noise_level const& l) const {
    copy(be, x, copied);
    seen.push_back(support::download(be, storage));
    return model(be, x, l);
  }
};
double model_epsilon(noise_level const& l, double x) { return data.epsilon(l, x); }

/// A run with a hook: the result, and what the model was shown.
template <class B, class Hook>
tensor<double, 2> run(B& be, Hook const& hook, std::vector<tensor<double, 2>>& seen) {
  using space = typename B::space;
  diffusion::sampler const s(make_plan(diffusion::ddim{.eta = 1}, vp_levels(6)), diffusion::epsilon_prediction{}, hook);
  arena<space> memory;
  auto const w = plan(memory, [&](auto& m) { return s.template make_workspace<double>(m, rows, dimension); });
  on<B, double, 2> x(extents{rows, dimension}), answer(x.shape()), shown(x.shape());
  watching<B> const denoise{{&model_epsilon, answer.view()}, seen, shown.view(), shown};
  s.run(be, denoise, diffusion::philox_noise{philox_stream(1, 1)}, x.view(), w);
  return support::download(be, x);
}

struct no_hook {};

}  // namespace

TEST_CASE_TEMPLATE("known_part: stands in all that the model sees and in the result, bit for bit, and nothing else changes", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  auto const known = normal<double>(extents{rows, dimension}, 5);
  auto const on_mask = support::upload(be, mask()), on_known = support::upload(be, known);
  std::vector<tensor<double, 2>> seen, free_seen;
  auto const x = run(be, diffusion::known_part<double, space>{on_mask.read(), on_known.read()}, seen);
  auto const unmasked = run(be, no_hook{}, free_seen);
  CHECK(seen.size() == 6);
  for (index_t i = 0; i < x.size(); ++i) {
    bool const masked = i % dimension < 2;
    CHECK(x.flat()[i] == (masked ? known.flat()[i] : unmasked.flat()[i]));  // this model treats elements apart
    for (auto const& shown : seen)
      if (masked) CHECK(shown.flat()[i] == known.flat()[i]);
  }
}

TEST_CASE_TEMPLATE("noised_known_part: stands at the level of x, and bare in the result; one row may be for all", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  auto const known = normal<double>(extents{index_t{1}, dimension}, 5), z = normal<double>(extents{rows, dimension}, 6);
  auto const on_mask = support::upload(be, mask()), on_known = support::upload(be, known), on_z = support::upload(be, z);
  matrix_view<double const, space> const for_all(on_known.read().data(), extents{rows, dimension}, extents{index_t{0}, index_t{1}});
  std::vector<tensor<double, 2>> seen;
  auto const x = run(be, diffusion::noised_known_part<double, space>{on_mask.read(), for_all, on_z.read()}, seen);
  auto const levels = vp_levels(6);
  for (index_t i = 0; i < x.size(); ++i) {
    if (i % dimension >= 2) continue;
    double const bare = known.flat()[i % dimension];
    CHECK(x.flat()[i] == bare);
    for (std::size_t k = 0; k < seen.size(); ++k)
      CHECK(seen[k].flat()[i] == doctest::Approx(levels[k].alpha * bare + levels[k].sigma * z.flat()[i]).epsilon(1e-13));
  }
}

TEST_CASE_TEMPLATE("known_part: masks and values of the wrong size are refused by name", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  auto const good = support::upload(be, mask()), small = support::upload(be, normal<double>(extents{rows, index_t{3}}, 1));
  std::vector<tensor<double, 2>> seen;
  auto const message = [&](auto const& hook) { return support::message_of<shape_error>([&] { run(be, hook, seen); }); };
  CHECK(message(diffusion::known_part<double, space>{small.read(), good.read()}) == "known_part: mask has shape (3, 3), expected (3, 4)");
  CHECK(message(diffusion::known_part<double, space>{good.read(), small.read()}) == "known_part: known has shape (3, 3), expected (3, 4)");
  CHECK(message(diffusion::noised_known_part<double, space>{good.read(), good.read(), small.read()}) ==
        "noised_known_part: z has shape (3, 3), expected (3, 4)");
  CHECK(seen.empty());  // before any evaluation
}

TEST_CASE_TEMPLATE("warm_start: the last steps of a run that has the same x there end in the same sample", B, TEST_BACKENDS) {
  B be;
  using space = typename B::space;
  auto const all = vp_levels(8), last = diffusion::last_levels(all, 3);
  CHECK(last.size() == 4);
  CHECK(last.front().alpha == all[5].alpha);
  CHECK(last.back().sigma == all.back().sigma);
  CHECK_THROWS_AS(diffusion::last_levels(all, 0), argument_error);
  CHECK_THROWS_AS(diffusion::last_levels(all, 9), argument_error);

  auto const previous = support::upload(be, normal<double>(extents{rows, dimension}, 1)), z = support::upload(be, normal<double>(extents{rows, dimension}, 2));
  on<B, double, 2> x(previous.shape()), answer(x.shape()), small(extents{rows, index_t{3}});
  diffusion::warm_start(be, last.front(), previous.read(), z.read(), x.view());
  CHECK_THROWS_AS(diffusion::warm_start(be, last.front(), small.read(), z.read(), x.view()), shape_error);
  // For Gaussian data the flow from there has a closed form, which many small steps follow.
  diffusion::sampler const s(make_plan(diffusion::ddim{}, diffusion::last_levels(vp_levels(8000), 3000)), diffusion::epsilon_prediction{});
  arena<space> memory;
  auto const w = plan(memory, [&](auto& m) { return s.template make_workspace<double>(m, rows, dimension); });
  auto const start = support::download(be, x);
  s.run_from(be, support::affine_denoiser{&model_epsilon, answer.view()}, diffusion::philox_noise{philox_stream(1, 1)}, x.view(), w);
  auto const end = support::download(be, x);
  for (index_t i = 0; i < end.size(); ++i) {
    double const at = last.front().alpha * normal<double>(extents{rows, dimension}, 1).flat()[i] +
                      last.front().sigma * normal<double>(extents{rows, dimension}, 2).flat()[i];
    CHECK(start.flat()[i] == doctest::Approx(at).epsilon(1e-13));
    CHECK(end.flat()[i] == doctest::Approx(data.m + data.s / std::sqrt(data.variance(last.front())) * (at - last.front().alpha * data.m)).epsilon(1e-3));
  }
}
