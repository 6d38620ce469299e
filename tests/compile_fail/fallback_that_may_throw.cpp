// expect: a fallback must be callable as fallback(observation, action) noexcept
#include <parapet/rl/controller.hpp>

using namespace parapet;

struct agent {
  index_t state_dim() const { return 1; }
  index_t action_dim() const { return 1; }
  index_t candidates() const { return 1; }
  index_t rows() const { return 1; }
  double feasible_level() const { return 0; }
  void propose(matrix_view<float const> const&, vector_view<index_t const> const&, matrix_view<float> const&,
               vector_view<rl::decision_info<float>> const&) {}
  index_t choose(vector_view<float const> const&, vector_view<float const> const&, double) const { return 0; }
};
struct stop {
#ifdef MISTAKE
  void operator()(vector_view<float const> const&, vector_view<float> const& action) const { action[0] = 0; }
#else
  void operator()(vector_view<float const> const&, vector_view<float> const& action) const noexcept { action[0] = 0; }
#endif
};

rl::controller<agent, stop> make() { return rl::controller<agent, stop>(agent{}); }
