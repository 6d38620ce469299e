#include <parapet/backend/cpu/cpu.hpp>

#include "parity/learner_on.hpp"

parity::outcome parity::learn_on_cpu(int updates) {
  parapet::backend::cpu be(1);
  return learn_on(be, updates);
}
