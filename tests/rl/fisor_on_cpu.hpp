// Compiled with tests/rl/fisor.cpp, so that a learner on another backend can be compared in a unit of its own.
#pragma once

#include <parapet/rl/fisor.hpp>

#include <vector>

/// Losses of the first updates of support::small_fisor() on support::random_transitions().
std::vector<parapet::rl::fisor_losses> fisor_losses_on_cpu(int updates);
