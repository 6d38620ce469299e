// What the benchmarks of FISOR share: random data, a clock, percentiles.
#pragma once

#include <parapet/core/philox.hpp>
#include <parapet/rl/transitions.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

using parapet::index_t;

inline double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Of times, which it sorts: the one that a fraction p in [0, 1] of the others do not exceed.
inline double percentile(std::vector<double>& times, double p) {
  std::sort(times.begin(), times.end());
  return times[static_cast<std::size_t>(p * static_cast<double>(times.size() - 1))];
}

/// `rows` random transitions with 2 action numbers, none of which ends an episode.
inline parapet::rl::transitions<float> random_transitions(index_t rows, index_t state_dim) {
  parapet::rl::transitions<float> data(rows, state_dim, 2);
  std::uint64_t stream = 0;
  auto const draw = [&](auto const& x, auto number) {
    parapet::philox_stream const random(1, ++stream);
    for (index_t i = 0; i < x.size(); ++i) x.data()[i] = number(random, i);
  };
  auto const normal = [](parapet::philox_stream const& random, index_t i) { return random.normal(i); };
  draw(data.state(), normal);
  draw(data.next_state(), normal);
  draw(data.action(), [](parapet::philox_stream const& random, index_t i) { return random.uniform(i); });
  draw(data.reward(), normal);
  draw(data.h(), normal);
  for (auto const& x : {data.cost(), data.done(), data.timeout()}) std::fill_n(x.data(), x.size(), 0.0f);
  return data;
}

}  // namespace bench
