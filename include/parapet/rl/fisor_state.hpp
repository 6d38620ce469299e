// All that FISOR's training goes on from: the number of its update, and its networks with moments and targets.
//
// `fisor_snapshot` is one seed's in host memory, whatever the learner runs on:
//
//     io::save_checkpoint("run.safetensors", learner.snapshot());
//
//     auto snapshot = learner.snapshot();                  // its shapes and options are what the file must have
//     io::load_checkpoint("run.safetensors", snapshot);
//     learner.restore(snapshot);
//
// So a run may stop on one machine and go on, or act, on another kind.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/nn/trained.hpp>
#include <parapet/rl/fisor_networks.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

/// Of one seed or several.
template <class T, class Space = host_space>
struct fisor_state {
  buffer<index_t, Space> clock;  ///< (seeds)    updates done so far
  nn::trained<T, Space> actor, critics, values;

  /// What acts of a seed: the averaged actor, the target critics and V_h. Follows the training.
  fisor_parameters<T, Space> parameters(index_t seed) const {
    return {actor.followers(seed)(0), critics.followers(seed), values.parameters(seed)(1)};
  }

  /// Named tensors of a seed (host memory), all after `prefix`.
  template <class Self, class Refs>
  static void append_tensors(Self& self, Refs& out, index_t seed, std::string const& prefix) {
    out.push_back(named(prefix + "step", self.clock.view().rows(seed, seed + 1)));
    for (auto* network : {&self.actor, &self.critics, &self.values}) network->append_tensors(out, seed, prefix);
  }
};

template <class T>
class fisor_snapshot {
public:
  fisor_snapshot(std::shared_ptr<fisor_networks const> networks, fisor_state<T> state, std::map<std::string, std::string> metadata)
      : networks_(std::move(networks)), state_(std::move(state)), metadata_(std::move(metadata)) {}

  fisor_networks const& networks() const { return *networks_; }
  index_t step() const { return state_.clock.data()[0]; }
  fisor_parameters<T> parameters() const { return state_.parameters(0); }
  fisor_state<T> const& state() const { return state_; }

  std::vector<tensor_ref> tensors() { return all<tensor_ref>(state_); }
  std::vector<const_tensor_ref> tensors() const { return all<const_tensor_ref>(state_); }
  /// Options, and a hash of the data: what a checkpoint must agree on.
  std::map<std::string, std::string> metadata() const { return metadata_; }

private:
  template <class Ref, class State>
  static std::vector<Ref> all(State& state) {
    std::vector<Ref> out;
    fisor_state<T>::append_tensors(state, out, 0, "");
    return out;
  }

  std::shared_ptr<fisor_networks const> networks_;
  fisor_state<T> state_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace parapet::inline PARAPET_ABI::rl
