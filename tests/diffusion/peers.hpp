// Paths of diffusers and k-diffusion beside ours: same exact denoiser, same noise, step by step.
//
// tests/goldens/diffusion/write_goldens.py wrote the paths and says how. A case says how its configuration is called here.
// PEER_TABLE=1 in the environment prints one line for each case: largest difference in double, in float, and what the peer itself
// is off by in its own float32.
#pragma once

#include <parapet/diffusion/sampling_plan.hpp>

#include <functional>
#include <string>
#include <vector>

namespace peers {

using namespace parapet;
using namespace parapet::diffusion;

enum class model { epsilon, data, v, flow, edm, negative_edm, consistency };

struct peer_case {
  std::string name;
  std::function<level_list(index_t n)> levels;
  std::function<sampling_plan(level_list const&, index_t n)> plan;
  model kind = model::epsilon;
  bool over_alpha = false;  ///< the peer keeps x / alpha
  double tolerance = 1e-10;
  double clip = 0;          ///< limit of the predicted data
  bool threshold = false;   ///< diffusers' dynamic thresholding with ratio 0.8 and sample_max_value 1.25
  double sigma_data = 0;    ///< of networks that take scaled input
};

// The same case with a hook, or of another network.
inline peer_case clipped(peer_case c, double limit) {
  c.clip = limit;
  return c;
}
inline peer_case thresholded(peer_case c) {
  c.threshold = true;
  return c;
}
inline peer_case scaled_input(peer_case c, double sigma_data) {
  c.sigma_data = sigma_data;
  return c;
}

/// A solver for every number of steps.
template <class Solver>
auto with(Solver const& solver) {
  return [solver](level_list const& levels, index_t) { return make_plan(solver, levels); };
}

/// Runs all cases of a file; step by step they agree within 1e-10 in double and 1e-5 in float, relative to max(1, |x|).
void check(std::string const& file, std::vector<peer_case> const& cases);

}  // namespace peers
