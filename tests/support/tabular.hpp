// Decision problems as tables, solved exactly: the oracle for learned values.
#pragma once

#include <parapet/config.hpp>

#include <cstddef>
#include <vector>

namespace support {

/// Deterministic: in each state some actions, the only ones that the data has.
struct tabular_problem {
  struct action {
    parapet::index_t next;
    bool end;  ///< the episode ends with this action
  };
  std::vector<double> h;                     ///< of each state
  std::vector<std::vector<action>> actions;  ///< of each state

  /// One application of a Bellman operator: `pick` makes one value of those of a state's actions.
  template <class Backup, class Pick>
  std::vector<double> backup(Backup const& rule, std::vector<double> const& v, Pick const& pick) const {
    std::vector<double> result;
    for (std::size_t s = 0; s < h.size(); ++s) {
      std::vector<double> q;
      for (action const& a : actions[s]) q.push_back(rule(h[s], a.end ? 0.0 : 1.0, v[static_cast<std::size_t>(a.next)]));
      result.push_back(pick(q));
    }
    return result;
  }

  /// Its fixed point, to rounding.
  template <class Backup, class Pick>
  std::vector<double> solve(Backup const& rule, Pick const& pick) const {
    std::vector<double> v = h;
    for (int sweep = 0; sweep < 20000; ++sweep) {
      std::vector<double> next = backup(rule, v, pick);
      if (next == v) break;
      v.swap(next);
    }
    return v;
  }

  /// The states from which no choice of actions avoids h > 0, found backwards from those that violate.
  std::vector<bool> doomed() const {
    std::vector<bool> result;
    for (double value : h) result.push_back(value > 0);
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t s = 0; s < h.size(); ++s) {
        bool lost = true;
        for (action const& a : actions[s]) lost = lost && !a.end && result[static_cast<std::size_t>(a.next)];
        if (lost && !result[s]) result[s] = changed = true;
      }
    }
    return result;
  }
};

}  // namespace support
