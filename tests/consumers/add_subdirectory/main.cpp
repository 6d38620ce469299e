#include "policy.hpp"

#include <parapet/core/tensor_view.hpp>

#include <cmath>
#include <cstdio>

int main() {
  using namespace parapet;
  float const observation[] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f};
  float action[4] = {};
  policy controller(2, 3, 2);
  controller.act({observation, extents<2>{{2, 3}}}, {action, extents<2>{{2, 2}}});
  std::printf("action %g %g\n", static_cast<double>(action[2]), static_cast<double>(action[3]));
  return std::isfinite(action[3]) && action[3] != 0 && action[3] != action[1] ? 0 : 1;
}
