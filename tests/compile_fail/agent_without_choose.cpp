// expect: an agent must have choose(
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
#ifndef MISTAKE
  index_t choose(vector_view<float const> const&, vector_view<float const> const&, double) const { return 0; }
#endif
};

static_assert(rl::check_agent<agent>());
