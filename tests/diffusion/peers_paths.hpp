// The paths of peers_run.hpp in the two scalars, each compiled once.
#pragma once

#include "diffusion/peers.hpp"
#include "support/tensor.hpp"

#include <vector>

namespace peers {

std::vector<support::tensor<double, 2>> path_in_double(peer_case const& c, sampling_plan const& plan, double start);
std::vector<support::tensor<double, 2>> path_in_float(peer_case const& c, sampling_plan const& plan, double start);

}  // namespace peers
