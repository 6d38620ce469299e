#include "diffusion/peers_paths.hpp"
#include "diffusion/peers_run.hpp"

std::vector<support::tensor<double, 2>> peers::path_in_float(peer_case const& c, sampling_plan const& plan, double start) { return path_of<float>(c, plan, start); }
