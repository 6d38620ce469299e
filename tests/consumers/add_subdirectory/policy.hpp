// What the rest of a large program includes: forward declarations only, no template is compiled for it.
#pragma once

#include <parapet/fwd.hpp>

#include <memory>

class policy {
public:
  policy(int rows, int observation_size, int action_size);
  ~policy();
  /// observation (rows, observation_size), action (rows, action_size)
  void act(parapet::matrix_view<float const> const& observation, parapet::matrix_view<float> const& action);

private:
  struct network;
  std::unique_ptr<network> network_;
};
