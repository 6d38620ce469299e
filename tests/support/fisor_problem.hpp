// A small FISOR: options, data and access to parameters by name, for tests that need no answer but its own.
#pragma once

#include <parapet/core/named_tensor.hpp>
#include <parapet/rl/fisor_config.hpp>
#include <parapet/rl/transitions.hpp>

#include "support/tensor.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace support {

/// Networks of a few neurons, a batch of two dozen rows, every feature on.
inline parapet::rl::fisor_config small_fisor() {
  parapet::rl::fisor_config c;
  c.critic_width = 8;
  c.actor_width = 8;
  c.actor_blocks = 2;
  c.time_features = c.condition_width = 4;
  c.actor_batch = 13;  // shards of unequal size
  c.critic_batch = 23;
  c.candidates = 6;
  c.seed = 42;
  return c;
}

/// `size` random transitions with 3 state and 2 action numbers; some violate, some end, some are cut.
inline parapet::rl::transitions<float> random_transitions(index_t size = 50) {
  parapet::rl::transitions<float> data(size, 3, 2);
  auto const draw = [&](auto const& x, std::uint64_t stream) {
    parapet::philox_stream const random(7, stream);
    for (index_t i = 0; i < x.size(); ++i) x.data()[i] = random.normal(i);
  };
  draw(data.state(), 0);
  draw(data.action(), 1);
  draw(data.next_state(), 2);
  draw(data.reward(), 3);
  draw(data.h(), 4);
  for (index_t i = 0; i < size; ++i) {
    data.cost()[i] = data.h()[i] > 0 ? 1.0f : 0.0f;
    data.done()[i] = i % 5 == 0 ? 1.0f : 0.0f;
    data.timeout()[i] = i % 10 == 0 ? 1.0f : 0.0f;
  }
  return data;
}

/// All that training goes on from.
template <class Learner>
std::vector<unsigned char> state_of(Learner const& learner) {
  std::vector<unsigned char> bytes;
  for (parapet::const_tensor_ref const& t : learner.tensors()) bytes.insert(bytes.end(), t.data, t.data + t.bytes());
  return bytes;
}

/// The numbers of the float tensors whose names `select` accepts.
template <class Learner, class Select>
std::vector<parapet::vector_view<float>> parameters_of(Learner& learner, Select select) {
  std::vector<parapet::vector_view<float>> found;
  for (parapet::tensor_ref const& t : learner.tensors())
    if (t.type == parapet::scalar_type::f32 && select(t.name))
      found.emplace_back(reinterpret_cast<float*>(t.data), extents{t.size()});
  if (found.empty()) throw std::logic_error("no such parameters");
  return found;
}
template <class Learner>
parapet::vector_view<float> parameter_of(Learner& learner, std::string const& name) {
  return parameters_of(learner, [&](std::string const& other) { return other == name; }).at(0);
}

}  // namespace support
