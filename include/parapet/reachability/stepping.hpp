// A continuous system as a game of steps: how long one is, how it is integrated, which inputs are tried, what comes of it.
//
//     steps_of(0.05)                                        rk4, corners of the input sets, worst disturbance, leaving the grid is bad
//     steps_of(0.05).by(euler{}).trying(3, 1)               three values along each component of the control, one of the disturbance
//     steps_of(0.05).with_outcome(cvar{0.1})                reachability/outcome.hpp
//     steps_of(0.05).beyond_grid(beyond::clamp{})           reachability/successor.hpp
#pragma once

#include <parapet/config.hpp>
#include <parapet/reachability/integrator.hpp>
#include <parapet/reachability/outcome.hpp>
#include <parapet/reachability/successor.hpp>

namespace parapet::inline PARAPET_ABI::reachability {

template <class Integrator = rk4, class Outcome = worst_case, class Beyond = beyond::conservative>
struct stepping {
  double time;  ///< of one step, in seconds
  Integrator integrator = {};
  Outcome outcome = {};
  Beyond off_grid = {};
  index_t control_samples = 2;      ///< along each component; see reachability/input_samples.hpp
  index_t disturbance_samples = 2;

  template <class I>
  stepping<I, Outcome, Beyond> by(I i) const {
    return {time, i, outcome, off_grid, control_samples, disturbance_samples};
  }
  template <class O>
  stepping<Integrator, O, Beyond> with_outcome(O o) const {
    return {time, integrator, o, off_grid, control_samples, disturbance_samples};
  }
  template <class B>
  stepping<Integrator, Outcome, B> beyond_grid(B b) const {
    return {time, integrator, outcome, b, control_samples, disturbance_samples};
  }
  stepping trying(index_t controls, index_t disturbances) const {
    return {time, integrator, outcome, off_grid, controls, disturbances};
  }
};

/// Steps of `seconds`; for a system that is a map, `steps_of(1).by(discrete_map{})`.
inline stepping<> steps_of(double seconds) { return {seconds}; }

}  // namespace parapet::inline PARAPET_ABI::reachability
