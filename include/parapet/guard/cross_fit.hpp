// A guard from few texts: several networks, each trained without one fold, that become one network and one honest sample of scores.
//
//     p = 1/K  sum of p_k            p_k: parameters learnt from all folds but k, from the same start
//     z(x)     = logits of network k for a text x of fold k
//
// Each text has logits of a network that has not learnt from it, so calibration and threshold can use all texts and no network has to do
// without more than one fold. Networks that are fine-tuned from the same encoder lie in one valley of the loss: the mean of their parameters
// is about as good as the mean of their answers, at the cost of one.
//
// Mean of parameters: Wortsman et al., "Model soups" (ICML 2022). Cross-fitting: Chernozhukov et al. (2018), its idea for nuisance models.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/moderation_network.hpp>
#include <parapet/guard/moderation_trainer.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct cross_fitted {
  buffer<float> parameters;  ///< the mean of the networks' (network.size())
  buffer<float> logits;      ///< (examples, moderation_logits), of the network that has not seen the example
};

/// `fold` has a number from 0 on for each example (k_folds); `start` the parameters that all networks start from; train(trainer, k) trains
/// network k, whose seed is options.seed + k. Throws argument_error where a fold has no texts or all of them.
template <class Architecture, class Backend, class Train>
cross_fitted cross_fit(Backend& be, moderation_network<Architecture> const& network, moderation_training options, std::span<moderation_example const> examples,
                       std::span<int const> fold, vector_view<float const> const& start, Train&& train) {
  if (fold.size() != examples.size()) throw argument_error(parapet::detail::concat("cross_fit: ", examples.size(), " examples and folds of ", fold.size()));
  int const folds = fold.empty() ? 0 : 1 + *std::max_element(fold.begin(), fold.end());
  cross_fitted out{buffer<float>(network.size()), buffer<float>(std::max<index_t>(1, static_cast<index_t>(examples.size()) * moderation_logits))};
  fill(be, out.parameters.view(), 0.0f);
  matrix_view<float> const logits = out.logits.view(extents{static_cast<index_t>(examples.size()), moderation_logits});
  for (int k = 0; k < folds; ++k, ++options.seed) {
    std::vector<moderation_example> learnt, held_out;
    for (std::size_t i = 0; i < examples.size(); ++i) (fold[i] == k ? held_out : learnt).push_back(examples[i]);
    if (learnt.empty() || held_out.empty())
      throw argument_error(parapet::detail::concat("cross_fit: fold ", k, " has ", held_out.size(), " of ", examples.size(), " examples"));
    moderation_trainer<Architecture, Backend> trainer(be, network, options, learnt, start);
    train(trainer, k);
    for (index_t i = 0; i < network.size(); ++i) out.parameters.data()[i] += trainer.parameters()[i] / static_cast<float>(folds);
    buffer<float> const found = trainer.logits(held_out);
    for (std::size_t i = 0, row = 0; i < examples.size(); ++i) {
      if (fold[i] != k) continue;
      for (index_t j = 0; j < moderation_logits; ++j) logits(static_cast<index_t>(i), j) = found.data()[static_cast<index_t>(row) * moderation_logits + j];
      ++row;
    }
  }
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
