// What an optimiser works on.
#pragma once

#include <parapet/nn/optimizer.hpp>

#include "support/backends.hpp"

namespace nn_test {

using namespace parapet;

/// Parameters and state of n elements in the memory of backend B.
template <class B, class T>
struct problem {
  support::on<B, T, 1> p, first, second;
  problem(B& be, support::tensor<T, 1> const& start)
      : p(upload(be, start)), first(upload(be, support::constant(start.shape(), T(0)))), second(upload(be, support::constant(start.shape(), T(0)))) {}
  nn::moments<T, typename B::space> state() { return {first.view(), second.view()}; }
};

}  // namespace nn_test
