// What plain loops get from support::small_fisor() on support::random_transitions(): fisor_device.cpp computes it again.
#pragma once

#include <parapet/rl/fisor.hpp>

/// Of the first updates: actor, V_r, Q_r, V_h, Q_h, mean weight, effective sample size.
inline parapet::rl::fisor_losses const fisor_reference_losses[] = {
    {0.735632, 0.0848043, 1.68548, 0.0167397, 0.798133, 0.439232, 0.43206},
    {2.01298, 0.0969662, 0.880594, 0.028612, 0.606003, 0.873304, 0.538679},
    {1.33225, 0.108505, 1.42127, 0.0182277, 0.868069, 0.811193, 0.506009},
    {2.26921, 0.111847, 1.22774, 0.0449657, 0.90387, 1.66931, 0.172216},
};
