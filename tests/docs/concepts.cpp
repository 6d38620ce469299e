// The types of docs/concepts.md, at work. Returns the number of those that do not do what the page says.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/diffusion/ddpm.hpp>
#include <parapet/guard/verdict.hpp>
#include <parapet/nn/loss.hpp>
#include <parapet/nn/mlp.hpp>
#include <parapet/rl/rollout.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <span>

using namespace parapet;

namespace {

/// Nearly x where |x| is small, and never beyond the limit.
struct soft_clip {
  double limit;
  template <class X>
  PARAPET_INLINE PARAPET_FN void operator()(X& y, X const& x) const {
    y = X(limit) * math::tanh(x / X(limit));
  }
};

struct outer_product {
  vector_view<float const> a, b;
  matrix_view<float> c;
  PARAPET_FN void operator()(index_t i, index_t j) const { c(i, j) = a[i] * b[j]; }
};

struct softsign {
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return x / (X(1.0f) + math::abs(x)); }
  template <class X>  // from x and y = f(x)
  PARAPET_INLINE PARAPET_FN X derivative(X const&, X const& y) const { return (X(1.0f) - math::abs(y)) * (X(1.0f) - math::abs(y)); }
};

struct log_cosh {
  template <class X>  // of e = prediction - target
  PARAPET_INLINE PARAPET_FN X value(X const& e) const {
    return math::abs(e) + math::log(X(0.5f) + X(0.5f) * math::exp(X(-2.0f) * math::abs(e)));
  }
  template <class X>
  PARAPET_INLINE PARAPET_FN X slope(X const& e) const { return math::tanh(e); }
};

/// Knows that the data is one point, and so which noise there is in x.
struct point_denoiser {
  diffusion::noise_schedule const& schedule;
  float point;
  matrix_view<float> epsilon;  // (rows, dimension)    memory that outlives the call
  matrix_view<float const> operator()(backend::cpu&, matrix_view<float const> const& x, index_t i) const {
    auto const signal = static_cast<float>(schedule.signal(i)), noise = static_cast<float>(schedule.noise(i));
    for (index_t row = 0; row < x.extent(0); ++row)
      for (index_t j = 0; j < x.extent(1); ++j) epsilon(row, j) = (x(row, j) - signal * point) / noise;
    return epsilon;
  }
};

/// A cart on a line, pushed by an action in [-1, 1]; a wall stands at 1, the goal lies at -1.
struct cart {
  struct state {
    float position, speed;
  };
  static constexpr index_t observation_dim = 2, action_dim = 1, max_steps = 50;

  state reset(philox_stream const& random, index_t episode) const { return {random.uniform(episode), 0}; }
  rl::outcome<state> step(state const& s, vector_view<float const> action) const {
    state const next{s.position + 0.1f * s.speed, s.speed + 0.1f * std::clamp(action[0], -1.0f, 1.0f)};
    return {next, s.position - next.position, h(next), next.position < -1};  // state, reward, h, done
  }
  void observe(state const& s, vector_view<float> out) const {
    out[0] = s.position;
    out[1] = s.speed;
  }
  float h(state const& s) const { return s.position - 1; }  // violated where positive
};

struct longest_prompt {
  std::size_t bytes;
  guard::verdict classify(guard::exchange const& text) const {
    guard::verdict v{.status = guard::verdict_status::ok};
    v[guard::task::prompt_harm].probability = text.prompt.size() > bytes ? 1.0f : 0.0f;
    return v;  // the other tasks stay unknown
  }
  void classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) const { guard::classify_one_by_one(*this, in, out); }
};

int failures = 0;
void check(bool holds, char const* what) {
  if (holds) return;
  std::printf("failed: %s\n", what);
  ++failures;
}

void elementwise(backend::cpu& be) {
  float numbers[] = {-100, 0, 0.5f, 100}, clipped[4], products[16];
  vector_view<float const> const x(numbers, extents{index_t{4}});
  vector_view<float> const y(clipped, extents{index_t{4}});
  map(be, soft_clip{2.0}, y, x);  // y = f(x), views of one shape
  check(y[0] == -2 && y[1] == 0 && std::abs(y[2] - 2 * std::tanh(0.25f)) < 1e-6f && y[3] == 2, "soft_clip");

  matrix_view<float> const c(products, extents{index_t{4}, index_t{4}});
  for_each_index(be, c.shape(), outer_product{x, x, c});
  check(c(0, 3) == -10000 && c(2, 2) == 0.25f, "outer_product");

  nn::parameter_list list;
  nn::mlp<softsign> const net(list, "net", {1, 3, 1});
  check(list.size() == 10, "mlp<softsign>");
  check(std::abs(log_cosh{}.value(3.0) - std::log(std::cosh(3.0))) < 1e-12 && log_cosh{}.slope(0.0) == 0, "log_cosh");
}

void sample(backend::cpu& be) {
  float samples[6], scratch[6], epsilon[6];
  extents const shape{index_t{3}, index_t{2}};
  matrix_view<float> const x(samples, shape), z(scratch, shape);
  auto const schedule = diffusion::noise_schedule::vp(5);
  point_denoiser const denoise{schedule, 0.25f, {epsilon, shape}};
  diffusion::ddpm_sampler const sampler(schedule);
  sampler.run(be, denoise, diffusion::philox_noise{philox_stream(0, 0)}, x, z);
  for (float value : samples) check(std::abs(value - 0.25f) < 1e-5f, "point_denoiser");

  // noise of your own: z (rows, dimension) of draw 0 .. T - 1
  auto const still = [](backend::cpu& worker, index_t draw, matrix_view<float> const& out) { fill(worker, out, draw == 0 ? 1.0f : 0.0f); };
  sampler.run(be, denoise, still, x, z);
  for (float value : samples) check(std::abs(value - 0.25f) < 1e-5f, "noise");
}

void play() {
  auto const left = [](matrix_view<float const> const& seen, vector_view<index_t const> const& episodes, index_t step,
                       matrix_view<float> const& actions) {
    check(seen.extent(0) == episodes.extent(0) && step < cart::max_steps, "policy");
    for (index_t i = 0; i < seen.extent(0); ++i) actions(i, 0) = -1;
  };
  index_t steps = 0;
  auto const count = [&](index_t, cart::state const&, vector_view<float const>, rl::outcome<cart::state> const&) { ++steps; };
  auto const results = rl::roll_out(cart{}, rl::sample_starts(cart{}, philox_stream(0, 0), 4), left, count);
  for (auto const& r : results) {
    check(r.done && r.violations == 0, "cart");
    steps -= r.steps;
  }
  check(steps == 0, "observer");

  auto const at_random = [random = philox_stream(0, 1)](cart::state const&, index_t episode, index_t step, vector_view<float> const& action) {
    action[0] = 2 * random.uniform(cart::max_steps * episode + step) - 1;
  };
  auto const data = rl::log_transitions(cart{}, 120, philox_stream(0, 2), at_random, [](index_t) {});
  check(data.size() == 120 && data.state_dim() == 2, "behaviour");
}

void moderate() {
  static_assert(guard::check_moderator<longest_prompt>());
  longest_prompt const rule{8};
  guard::exchange const texts[] = {{"Soup?"}, {"What is for dinner?"}};
  guard::verdict verdicts[2];
  rule.classify(texts, verdicts);
  check(verdicts[0][guard::task::prompt_harm].probability == 0 && verdicts[1][guard::task::prompt_harm].probability == 1, "longest_prompt");
  check(!guard::ask(rule, texts[1])[guard::task::response_harm].known(), "ask");
}

}  // namespace

int main() {
  backend::cpu be(1);
  elementwise(be);
  sample(be);
  play();
  moderate();
  return failures;
}
