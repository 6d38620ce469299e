// How many evaluations of the model does a sample cost? Error against evaluations for solvers of several families.
//
//   the model is exact: noise of a mixture of eight Gaussians on a circle;  error = distance to where the exact flow takes the same noise
//
//   steps_against_error --rows 400 --out steps_against_error.svg
//
// Prints a table and draws it.
#include "support/arguments.hpp"
#include "support/moons.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/ddim.hpp>
#include <parapet/diffusion/solvers/dpm_pp_multistep.hpp>
#include <parapet/diffusion/solvers/dpm_solver.hpp>
#include <parapet/diffusion/solvers/heun.hpp>
#include <parapet/diffusion/solvers/unipc.hpp>
#include <parapet/diffusion/step_grid.hpp>
#include <parapet/io/svg.hpp>

#include <array>

using namespace parapet;

namespace {

/// E[epsilon | x] of eight Gaussians of deviation 0.15 on a circle of radius 1.5: a denoiser is any callable.
class mixture {
public:
  explicit mixture(index_t rows) : answer_(2 * rows) {}
  matrix_view<double const> operator()(backend::cpu&, matrix_view<double const> const& x, diffusion::noise_level const& l) {
    auto const out = answer_.view(x.shape());
    double const variance = l.alpha * l.alpha * 0.15 * 0.15 + l.sigma * l.sigma;
    for (index_t i = 0; i < x.extent(0); ++i) {
      std::array<double, 8> weight{};
      double highest = -1e300, total = 0, mean[2] = {};
      for (std::size_t k = 0; k < 8; ++k) {
        double const dx = x(i, 0) - l.alpha * centre(k, 0), dy = x(i, 1) - l.alpha * centre(k, 1);
        weight[k] = -0.5 * (dx * dx + dy * dy) / variance;
        highest = std::max(highest, weight[k]);
      }
      for (std::size_t k = 0; k < 8; ++k) {
        total += weight[k] = std::exp(weight[k] - highest);
        for (int j = 0; j < 2; ++j) mean[j] += weight[k] * centre(k, j);
      }
      for (index_t j = 0; j < 2; ++j) out(i, j) = l.sigma / variance * (x(i, j) - l.alpha * mean[j] / total);
    }
    return out;
  }

private:
  static double centre(std::size_t k, index_t j) {
    double const angle = 0.78539816339744831 * static_cast<double>(k);
    return 1.5 * (j == 0 ? std::cos(angle) : std::sin(angle));
  }
  buffer<double> answer_;
};

constexpr diffusion::vp_linear schedule{};

/// What a plan makes of the same noise: (rows, 2).
buffer<double> sample(backend::cpu& be, diffusion::sampling_plan const& plan, index_t rows) {
  diffusion::sampler const sampler(plan);
  arena<> memory;
  auto const work = parapet::plan(memory, [&](auto& m) { return sampler.make_workspace<double>(m, rows, 2); });
  buffer<double> x(2 * rows);
  sampler.run(be, mixture(rows), diffusion::philox_noise{philox_stream(1, 1)}, x.view(extents{rows, index_t{2}}), work);
  return x;
}

double difference(buffer<double> const& a, buffer<double> const& b) {
  double total = 0;
  for (index_t i = 0; i < a.size(); ++i) total += (a.data()[i] - b.data()[i]) * (a.data()[i] - b.data()[i]);
  return std::sqrt(2 * total / static_cast<double>(a.size()));
}

void run(support::arguments& args) {
  backend::cpu be(1);
  index_t const rows = args.number("rows", 1, 100000);
  diffusion::log_snr_grid const grid;
  auto const exact = sample(be, make_plan(diffusion::dpm_solver{3}, schedule, grid, 2000), rows);

  struct family {
    char const *name, *colour;
    diffusion::sampling_plan (*plan)(index_t);
  };
  family const families[] = {
      {"DDIM", "#7f7f7f", [](index_t n) { return make_plan(diffusion::ddim{}, schedule, diffusion::log_snr_grid{}, n); }},
      {"Heun", "#e6550d", [](index_t n) { return make_plan(diffusion::heun{}, schedule, diffusion::log_snr_grid{}, (n + 1) / 2); }},
      {"DPM-Solver-3", "#31a354", [](index_t n) { return make_plan(diffusion::dpm_solver{3}, schedule, diffusion::log_snr_grid{}, n / 3); }},
      {"DPM-Solver++ 2M", "#2171b5", [](index_t n) { return make_plan(diffusion::dpm_pp_multistep{}, schedule, diffusion::log_snr_grid{}, n); }},
      {"UniPC-3", "#6a51a3", [](index_t n) { return make_plan(diffusion::unipc{.order = 3}, schedule, diffusion::log_snr_grid{}, n); }}};
  index_t const budgets[] = {6, 9, 12, 18, 24, 36, 48, 72, 96};

  io::svg_figure figure("Error of a sample against evaluations of the model", 1, 460, 320);
  auto& panel = figure.add_panel({0.7, 2.05, -4.7, 0.9}, "a mixture of eight Gaussians, steps even in log-SNR")
                    .labels("log10 of the evaluations", "log10 of the error");
  std::printf("  evaluations     ");
  for (index_t n : budgets) std::printf("%9ld", static_cast<long>(n));
  for (family const& f : families) {
    std::printf("\n  %-16s", f.name);
    std::vector<io::point2> line;
    for (index_t n : budgets) {
      auto const plan = f.plan(n);
      double const error = difference(sample(be, plan, rows), exact);
      std::printf("%9.1e", error);
      line.push_back({std::log10(static_cast<double>(plan.evaluations())), std::log10(error)});
      panel.marker(line.back(), 3, {.fill = f.colour});
    }
    panel.polyline(line, {.stroke = f.colour, .width = 1.8}, f.name);
  }
  figure.write(args.text("out"));
  std::printf("\n  picture: %s\n", args.text("out").c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments args(argc, argv, "Error of samples against evaluations of the model, for five solvers.",
                          {{"rows", "400", "samples"}, {"out", "steps_against_error.svg", "the picture"}});
  run(args);
} catch (std::exception const& e) {
  std::fprintf(stderr, "steps_against_error: %s\n", e.what());
  return 1;
}
