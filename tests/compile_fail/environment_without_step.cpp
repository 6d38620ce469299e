// expect: an environment must provide 'outcome<state> step(state const&, vector_view<float const> action) const'
#include <parapet/rl/environment.hpp>

using namespace parapet;

struct balance {
  struct state {
    float angle;
  };
  static constexpr index_t observation_dim = 1, action_dim = 1, max_steps = 100;

  state reset(philox_stream const& random, index_t episode) const { return {random.uniform(episode)}; }
  void observe(state const& s, vector_view<float> out) const { out[0] = s.angle; }
  float h(state const& s) const { return s.angle - 1; }
#ifndef MISTAKE
  rl::outcome<state> step(state const& s, vector_view<float const> action) const {
    state const next{s.angle + action[0]};
    return {next, 0.0f, h(next), false};
  }
#endif
};

static_assert(rl::check_environment<balance>());
