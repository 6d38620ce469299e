// Gradients of small transformers in double against differences.
#pragma once

#include <parapet/core/arena.hpp>
#include <parapet/guard/token_batch.hpp>
#include <parapet/guard/transformer_gradient.hpp>

#include "support/backends.hpp"
#include "support/gradient.hpp"

#include <array>
#include <string>

namespace models {

/// Parameters of a config, with noise on what starts at 0 or 1, so that nothing has a gradient of 0 by chance.
template <class Architecture>
support::tensor<double, 1> noisy_parameters(parapet::guard::transformer_config const& config) {
  parapet::nn::parameter_list list;
  parapet::guard::list_parameters<Architecture>(config, list);
  auto parameters = support::normal<double>(parapet::extents{list.size()}, 17);
  for (auto const& p : list)
    for (parapet::index_t i = p.offset; i < p.offset + p.size; ++i) {
      double& x = parameters.flat()[i];
      x = p.initial.value == 1 ? 1 + 0.2 * x : 0.4 * x;
    }
  return parameters;
}

/// Error of a backward pass over two sequences; the loss is a random linear function of the hidden states.
template <class B, class Architecture>
double transformer_gradient_error(std::string const& json) {
  using namespace parapet;
  using space = typename B::space;
  B be;
  auto const config = guard::parse_transformer_config(json, "config.json");
  auto const host = noisy_parameters<Architecture>(config);
  auto parameters = support::upload(be, host);
  support::tensor<double, 1, space> gradient(host.shape());
  fill(be, gradient.flat(), 0.0);
  guard::transformer<Architecture, double, space> const model(be, config, parameters.flat());
  guard::transformer_gradient<Architecture, double, space> const gradients(config, gradient.flat());

  std::array<std::int32_t, 6> const ids{3, 0, 4, 3, 1, 2}, types{0, 0, 1, 1, 0, 1};
  guard::token_batch batch;
  batch.add(std::span(ids).first(5), std::span(types).first(5));
  batch.add(std::span(ids).last(2), std::span(types).last(2));
  auto const view = batch.view();
  index_t const tokens = batch.tokens();
  buffer<std::int32_t, space> device_ids(tokens), device_types(tokens);
  buffer<index_t, space> device_positions(tokens);
  copy(be, view.ids, device_ids.view());
  copy(be, view.types, device_types.view());
  copy(be, view.positions, device_positions.view());
  guard::transformer_batch<space> const uploaded{device_ids.view(), device_positions.view(), device_types.view(), view.sequences};

  arena<space> memory, scratch_memory;
  auto const kept = plan(memory, [&](auto& a) { return model.make_workspace(a, tokens + 1, nn::mode::training); });
  auto const scratch = plan(scratch_memory, [&](auto& a) { return gradients.make_workspace(a, tokens + 1); });
  auto const dhidden = support::upload(be, support::normal<double>(extents{tokens, config.hidden}, 5));
  auto const loss = [&] {
    auto const hidden = model.forward(be, uploaded, kept);
    support::tensor<double, 2> out(hidden.shape());
    copy(be, matrix_view<double const, space>(hidden), out.view());
    synchronize(be);
    return support::dot(out.flat(), support::download(be, dhidden).flat());
  };
  loss();
  gradients.add(be, model, uploaded, kept, scratch, dhidden.read());
  return support::gradient_error(be, parameters.flat(), vector_view<double const, space>(gradient.flat()), loss);
}

}  // namespace models
