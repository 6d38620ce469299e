// The same learner on two backends, in two units of one program: names that neither backend's header is needed for.
#pragma once

#include <string>
#include <vector>

namespace parity {

struct outcome {
  std::vector<std::string> names;            // of the tensors
  std::vector<std::vector<double>> tensors;  // parameters, averages and moments after training
  std::vector<double> losses;                // of the last update
  std::vector<double> actions;               // what the policy does then in sixteen states
};

outcome learn_on_cpu(int updates);
outcome learn_on_cuda(int updates);

}  // namespace parity
