// Paths of diffusers and k-diffusion beside ours: same exact denoiser, same noise, step by step.
//
// tests/goldens/diffusion/write_goldens.py wrote the paths and says how. PEER_TABLE=1 in the environment prints one line for each
// case: largest difference in double, in float, and what the peer itself is off by in its own float32.
#pragma once

#include <parapet/diffusion/dynamic_threshold.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/sampler.hpp>
#include <parapet/diffusion/solvers/consistency.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/safetensors.hpp>

#include "support/backends.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

namespace peers {

using namespace parapet;
using namespace parapet::diffusion;
using support::tensor;

inline constexpr index_t rows = 2, dimension = 3;
inline constexpr int counts[] = {5, 10, 20, 50};

/// Draw k is elements 6 k .. 6 k + 5 of the stream, in double.
template <class T, class Space>
struct fill_draw {
  matrix_view<T, Space> z;
  index_t draw;
  double factor;
  PARAPET_FN void operator()(index_t row, index_t column) const {
    index_t const i = rows * dimension * draw + dimension * row + column;
    philox_block const b = philox_stream(4, 0).block(i / 4);
    int const pair = static_cast<int>(i % 4) & 2;
    double const radius = std::sqrt(-2 * std::log(static_cast<double>(to_uniform(b.word[pair]))));
    double const angle = 6.283185307179586477 * static_cast<double>(to_uniform(b.word[pair + 1]));
    z(row, column) = static_cast<T>(factor * radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle)));
  }
};
struct golden_noise {
  template <class B, class T, class Space>
  void operator()(B& be, index_t draw, matrix_view<T, Space> const& z) const { for_each_index(be, z.shape(), fill_draw<T, Space>{z, draw, 1}); }
};

/// data * E[x_0 | x] + noise * E[z | x] + own * x of the mixture, for x = alpha x_0 + sigma z; x may come scaled.
template <class T, class Space>
struct predict_row {
  matrix_view<T const, Space> x;
  matrix_view<T, Space> out;
  double alpha, sigma, data, noise, own, scale;
  PARAPET_FN void operator()(index_t row) const {
    constexpr double weight[] = {0.5, 0.3, 0.2}, deviation[] = {0.3, 0.5, 0.2};
    constexpr double mean[3][3] = {{-1.5, 0.5, 1.0}, {1.25, -0.75, 0.25}, {0.5, 1.5, -1.25}};
    double variance[3], log_weight[3], top = -1e300, total = 0, gap[3][3];
    for (int k = 0; k < 3; ++k) {
      variance[k] = alpha * alpha * deviation[k] * deviation[k] + sigma * sigma;
      double square = 0;
      for (int d = 0; d < 3; ++d) {
        gap[k][d] = static_cast<double>(x(row, d)) / scale - alpha * mean[k][d];
        square += gap[k][d] * gap[k][d];
      }
      log_weight[k] = std::log(weight[k]) - 0.5 * square / variance[k] - 1.5 * std::log(variance[k]);
      top = log_weight[k] > top ? log_weight[k] : top;
    }
    for (int k = 0; k < 3; ++k) total += log_weight[k] = std::exp(log_weight[k] - top);
    for (int d = 0; d < 3; ++d) {
      double x0 = 0, epsilon = 0;
      for (int k = 0; k < 3; ++k) {
        double const share = log_weight[k] / total / variance[k];
        x0 += share * (variance[k] * mean[k][d] + alpha * deviation[k] * deviation[k] * gap[k][d]);
        epsilon += share * sigma * gap[k][d];
      }
      out(row, d) = static_cast<T>(data * x0 + noise * epsilon + own * static_cast<double>(x(row, d)) / scale);
    }
  }
};

enum class model { epsilon, data, v, flow, edm, negative_edm, consistency };

/// A parameterization chosen at run time, so that one instantiation serves all cases that do not scale their input.
struct any_prediction {
  model kind;
  prediction operator()(noise_level const& l) const {
    switch (kind) {
      case model::data: return data_prediction{}(l);
      case model::v: return v_prediction{}(l);
      case model::flow: return flow_prediction{}(l);
      default: return epsilon_prediction{}(l);
    }
  }
};
/// The same of networks that want scaled input. diffusers' v_prediction of EDM schedulers has the other sign of c_out.
struct any_preconditioned {
  model kind;
  double sigma_data;
  prediction operator()(noise_level const& l) const {
    if (kind == model::consistency) return consistency_preconditioning{sigma_data, 0.002}(l);
    double const sign = kind == model::negative_edm ? -1 : 1;
    prediction const p = edm_preconditioning{sigma_data}(l);
    return {sign * p.data, sign * p.noise};
  }
  double input_scale(noise_level const& l) const {
    return kind == model::consistency ? consistency_preconditioning{sigma_data, 0.002}.input_scale(l) : edm_preconditioning{sigma_data}.input_scale(l);
  }
};

/// The exact denoiser as a network of this kind.
template <class B, class T>
struct network {
  model kind;
  double sigma_data;
  matrix_view<T, typename B::space> out;
  matrix_view<T const, typename B::space> operator()(B& be, matrix_view<T const, typename B::space> const& x, noise_level const& l) const {
    predict_row<T, typename B::space> f{x, out, l.alpha, l.sigma, 0, 1, 0, 1};
    double const length = std::hypot(l.alpha, l.sigma), s = l.sigma / l.alpha;
    if (kind == model::data) f.data = 1, f.noise = 0;
    if (kind == model::v) f.data = -l.sigma / length, f.noise = l.alpha / length;
    if (kind == model::flow) f.data = -1;
    if (kind == model::edm || kind == model::negative_edm) {  // (x_0 - c_skip x) / c_out, on levels of alpha = 1
      double const root = std::hypot(s, sigma_data), c_out = (kind == model::edm ? 1 : -1) * s * sigma_data / root;
      f.scale = 1 / root, f.noise = 0, f.data = 1 / c_out, f.own = -sigma_data * sigma_data / (root * root) / c_out;
    }
    if (kind == model::consistency) f.scale = 1 / std::hypot(s, sigma_data);
    for_each_index(be, extents<1>{{rows}}, f);
    return out;
  }
};

struct peer_case {
  std::string name;
  std::function<level_list(index_t n)> levels;
  std::function<sampling_plan(level_list const&, index_t n)> plan;
  model kind = model::epsilon;
  bool over_alpha = false;  ///< the peer keeps x / alpha
  double clip = 0, sigma_data = 0;
  double tolerance = 1e-10;
};

/// A solver for every number of steps.
template <class Solver>
auto with(Solver const& solver) {
  return [solver](level_list const& levels, index_t) { return make_plan(solver, levels); };
}

class goldens {
public:
  explicit goldens(std::string const& path) : archive_(io::read_safetensors(path)) {}

  /// (rows of all step counts, 2, 3)
  tensor_view<double const, 3> path(std::string const& name) const { return archive_.view<double, 3>(name); }
  vector_view<double const> table(std::string const& name, char const* which) const {
    return archive_.view<double, 1>("table." + std::to_string(entry(name).at(which).integer()));
  }
  double start(std::string const& name, std::size_t count) const { return entry(name).at("start").items()[count].number(); }
  std::string float32(std::string const& name) const { return std::string(entry(name).at("float32").string()); }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (auto const& [name, text] : archive_.metadata())
      if (text.starts_with('{')) all.push_back(name);
    return all;
  }

private:
  io::json_value entry(std::string const& name) const { return io::parse_json(archive_.metadata().at(name), name); }
  tensor_archive archive_;
};

/// The steps after which the file has x.
inline std::vector<std::size_t> checkpoints(std::size_t steps) {
  std::vector<std::size_t> at;
  for (std::size_t k = 1; k <= (steps <= 10 ? steps : 4); ++k) at.push_back(steps <= 10 ? k : steps * k / 4);
  return at;
}

/// x after every step of the plan, in the peer's scale.
template <class T, class B, class Parameterization, class... Hooks>
std::vector<tensor<double, 2>> run(B& be, peer_case const& c, sampling_plan const& plan, double start, Parameterization const& p, Hooks const&... hooks) {
  using space = typename B::space;
  std::vector<tensor<double, 2>> path;
  support::on<B, T, 2> x(extents{rows, dimension}), out(x.shape());
  auto const record = [&](B& backend, matrix_view<T, space> const& now, sampling_progress const& progress) {
    support::on<B, T, 2> copied(now.shape());
    copy(backend, matrix_view<T const, space>(now), copied.view());
    tensor<T, 2> const host = download(backend, copied);
    double const unit = c.over_alpha ? progress.level.alpha : 1;
    path.push_back(support::generate<double>(host.shape(), [&](index_t i) { return static_cast<double>(host.flat()[i]) / unit; }));
  };
  sampler const s(plan, p, hooks..., on_step{record});
  arena<space> memory;
  auto const work = parapet::plan(memory, [&](auto& m) { return s.template make_workspace<T>(m, rows, dimension); });
  for_each_index(be, x.shape(), fill_draw<T, space>{x.view(), 0, start * (c.over_alpha ? plan.start.alpha : 1)});
  s.run_from(be, network<B, T>{c.kind, c.sigma_data, out.view()}, golden_noise{}, x.view(), work);
  return path;
}

// What a sampler is made of, besides its plan: each instantiates its own kernels, so a source names those that it uses.
struct plain {
  static auto parts(peer_case const& c) { return std::tuple(any_prediction{c.kind}); }
};
struct clipped {
  static auto parts(peer_case const& c) { return std::tuple(any_prediction{c.kind}, clip_data{c.clip}); }
};
struct thresholded {  // diffusers' dynamic_thresholding_ratio 0.8, sample_max_value 1.25
  static auto parts(peer_case const& c) { return std::tuple(any_prediction{c.kind}, dynamic_threshold{.quantile = 0.8, .limit = 1, .most = 1.25}); }
};
struct preconditioned {
  static auto parts(peer_case const& c) { return std::tuple(any_preconditioned{c.kind, c.sigma_data}, clip_data{c.clip > 0 ? c.clip : HUGE_VAL}); }
};

/// Largest difference over all steps on file, relative to max(1, |x|).
template <class T, class Make, class B>
double difference(B& be, goldens const& file, peer_case const& c) {
  auto const path = file.path(c.name);
  index_t row = 0;
  double worst = 0;
  for (std::size_t k = 0; k < std::size(counts); ++k) {
    sampling_plan const plan = c.plan(c.levels(counts[k]), counts[k]);
    auto const ours = std::apply([&](auto const&... part) { return run<T>(be, c, plan, file.start(c.name, k), part...); }, Make::parts(c));
    for (std::size_t const step : checkpoints(ours.size())) {
      REQUIRE(row < path.extent(0));
      tensor_view<double const, 2> const theirs = path(row++);
      double scale = 1;
      for (index_t i = 0; i < theirs.size(); ++i) scale = std::max(scale, std::abs(theirs.data()[i]));
      for (index_t i = 0; i < theirs.size(); ++i) {
        double const error = std::abs(ours[step - 1].flat()[i] - theirs.data()[i]) / scale;
        worst = error <= worst ? worst : error;  // a NaN stays
      }
    }
  }
  CHECK(row == path.extent(0));
  return worst;
}

inline void print(std::string const& name, double in_double, double in_float, std::string const& peer) {
  if (std::getenv("PEER_TABLE")) std::printf("| %s | %.0e | %.0e | %s |\n", name.c_str(), in_double, in_float, peer.c_str());
}

/// Step by step within 1e-10 in double and 1e-5 in float.
template <class B, class Make>
void check(goldens const& file, std::vector<peer_case> const& cases) {
  B be;
  for (peer_case const& c : cases) {
    CAPTURE(c.name);
    try {
      double const wide = difference<double, Make>(be, file, c), narrow = difference<float, Make>(be, file, c);
      CHECK(wide <= c.tolerance);
      CHECK(narrow <= 1e-5);
      print(c.name, wide, narrow, file.float32(c.name));
    } catch (error const& e) {
      FAIL_CHECK(std::string(e.what()));
    }
  }
}

}  // namespace peers
