// What an optimiser works on.
#pragma once

#include <parapet/nn/optimizer.hpp>

#include "support/tensor.hpp"

namespace nn_test {

using namespace parapet;

/// Parameters and state of n elements.
template <class T>
struct problem {
  support::tensor<T, 1> p, first, second;
  explicit problem(support::tensor<T, 1> const& start)
      : p(support::clone(start)), first(support::constant(start.shape(), T(0))), second(support::constant(start.shape(), T(0))) {}
  nn::moments<T> state() { return {first.view(), second.view()}; }
};

}  // namespace nn_test
