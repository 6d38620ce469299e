// The learner on the CPU, compiled once for all tests of this folder: in fisor.cpp.
#pragma once

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/rl/fisor.hpp>

extern template class parapet::rl::fisor_update<parapet::backend::cpu, float>;
extern template class parapet::rl::fisor<parapet::backend::cpu>;
