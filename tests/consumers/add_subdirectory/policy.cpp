// The only file that compiles the network.
#include "policy.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/nn/mlp.hpp>

using namespace parapet;

struct policy::network {
  network(index_t rows, index_t observation_size, index_t action_size)
      : layers(list, "policy", {observation_size, 32, action_size}) {
    parameters = buffer<float>(list.size());
    list.initialize(parameters.view(), 1, 0);
    workspace = plan(memory, [&](auto& a) { return layers.make_workspace<float>(a, rows, nn::mode::inference); });
  }

  nn::parameter_list list;
  nn::mlp<math::silu> layers;
  buffer<float> parameters;
  arena<> memory;
  nn::mlp<math::silu>::workspace<float, host_space> workspace;
  backend::cpu cpu{1};
};

policy::policy(int rows, int observation_size, int action_size)
    : network_(std::make_unique<network>(rows, observation_size, action_size)) {}
policy::~policy() = default;

void policy::act(matrix_view<float const> const& observation, matrix_view<float> const& action) {
  auto const y = network_->layers.forward(network_->cpu, vector_view<float const>(network_->parameters.view()),
                                          repeated(observation, 1), network_->workspace);
  copy(network_->cpu, y(0), action);
}
