// A sample from a golden's two arrays.
#pragma once

#include <parapet/guard/metrics.hpp>

#include <cstddef>
#include <vector>

namespace support {

template <std::size_t N>
std::vector<parapet::guard::scored> scored_sample(double const (&scores)[N], double const (&positive)[N]) {
  std::vector<parapet::guard::scored> out;
  for (std::size_t i = 0; i < N; ++i) out.push_back({scores[i], positive[i] != 0});
  return out;
}

}  // namespace support
