// The trial of a point robot's policy: which starts are fair, what it scored there, and a table over seeds.
//
// Starts are drawn as the environment draws them, where the true set is feasible by a margin of 0.1. From some of those no
// control can stop before a wall, which ends an episode without violation and without goal: reaching the goal is counted
// over the starts from which the robot can also stay in the arena by that margin.
#pragma once

#include "point_robot_figure.hpp"
#include "point_robot_safe_set.hpp"

#include <parapet/rl/point_robot.hpp>
#include <parapet/rl/point_robot_expert.hpp>
#include <parapet/rl/rollout.hpp>
#include <parapet/rl/transitions.hpp>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace support {

using robot = parapet::rl::point_robot;
using parapet::index_t;

struct score {
  double total_reward = 0;     ///< mean over episodes
  double violation_steps = 0;  ///< sum over episodes
  double safe_episodes = 0;    ///< fraction without violation
  double in_goal = 0;          ///< fraction that ends in the goal
  double fair_in_goal = 0;     ///< the same, of the starts from which that is possible
};

struct point_robot_trial {
  static constexpr float margin = 0.1f;

  point_robot_safe_set safe;
  std::vector<robot::state> starts;
  std::vector<bool> fair;  ///< starts from which the robot can stay in the arena
  slice_fields truth;

  point_robot_trial(parapet::backend::cpu& be, index_t episodes) : safe(be) {
    point_robot_safe_set const stoppable(be, 25, point_robot_safe_set::h_and_walls);
    parapet::philox_stream const random(2024, 7);
    for (index_t i = 0; static_cast<index_t>(starts.size()) < episodes; ++i) {
      robot::state const s = robot::reset(random, i);
      if (safe.value(s) > -margin) continue;
      starts.push_back(s);
      fair.push_back(stoppable.value(s) <= -margin);
    }
    for (std::size_t s = 0; s < paper_slices.size(); ++s)
      for (index_t i = 0; i < slice_fields::side; ++i)
        for (index_t j = 0; j < slice_fields::side; ++j) truth.at(s)(i, j) = safe.value(slice_fields::state(paper_slices[s], i, j));
  }

  score score_of(std::vector<parapet::rl::episode_result<robot::state>> const& played) const {
    score s;
    auto const n = static_cast<double>(played.size());
    double fair_starts = 0;
    for (std::size_t i = 0; i < played.size(); ++i) {
      bool const arrived = robot::in_goal(played[i].last), counts = i < fair.size() && fair[i];
      s.total_reward += played[i].total_reward / n;
      s.violation_steps += static_cast<double>(played[i].violations);
      s.safe_episodes += (played[i].violations == 0) / n;
      s.in_goal += arrived / n;
      s.fair_in_goal += arrived && counts;
      fair_starts += counts;
    }
    s.fair_in_goal /= fair_starts > 0 ? fair_starts : 1;
    return s;
  }

  /// What the expert scores from the same starts; it sees the state.
  score expert() const {
    parapet::rl::point_robot_expert const drive;
    return score_of(parapet::rl::roll_out(robot{}, starts, [&](auto const& seen, auto const&, index_t, auto const& actions) {
      for (index_t i = 0; i < seen.extent(0); ++i)
        drive(robot::state{seen(i, 0), seen(i, 1), seen(i, 2), std::atan2(seen(i, 4), seen(i, 3))}, actions(i));
    }));
  }
};

/// The same of the episodes in a log; `done` tells them apart.
inline score score_of(parapet::rl::transitions<float> const& data) {
  score s;
  double n = 0, total = 0;
  bool safe = true;
  for (index_t i = 0; i < data.size(); ++i) {
    total += static_cast<double>(data.reward()[i]);
    s.violation_steps += data.cost()[i] > 0;
    safe = safe && data.cost()[i] == 0;
    if (data.done()[i] == 0) continue;
    n += 1;
    s.total_reward += total;
    s.safe_episodes += safe;
    s.in_goal += data.reward()[i] > 0.9f;  // a step's progress is far below the 1 on arrival
    total = 0;
    safe = true;
  }
  return {s.total_reward / n, s.violation_steps, s.safe_episodes / n, s.in_goal / n, 0};
}

/// Results of all seeds, and the table of them.
struct results {
  std::vector<score> fisor, cloning, edge;
  std::vector<agreement> sets;
  score expert, data;

  results(point_robot_trial const& trial, parapet::rl::transitions<float> const& log) : expert(trial.expert()), data(score_of(log)) {}

  void print() const {
    std::printf("  %-34s %15s %15s %15s %15s %15s\n", "", "return", "violation steps", "safe episodes %", "in goal %", "where it can %");
    row("FISOR", fisor);
    row("behaviour cloning", cloning);
    row("the logged data", {data}, false);
    row("the expert, who sees the state", {expert});
    row("FISOR from the edge, 20 episodes", edge, false);
    double feasible = 0, infeasible = 0;
    for (agreement const& a : sets) {
      feasible += a.feasible / static_cast<double>(sets.size());
      infeasible += a.infeasible / static_cast<double>(sets.size());
    }
    std::printf("  learnt and true feasible set: intersection over union %.3f; of the infeasible rest %.3f\n", feasible, infeasible);
  }

  /// No violation in any seed; return, goals and agreement of sets in the mean.
  bool meet_bounds() const {
    double worst = 0, total = 0, goal = 0, feasible = 0;
    auto const n = static_cast<double>(fisor.size());
    for (std::size_t i = 0; i < fisor.size(); ++i) {
      worst += fisor[i].violation_steps + edge[i].violation_steps;
      total += fisor[i].total_reward / n;
      goal += fisor[i].fair_in_goal / n;
      feasible += sets[i].feasible / n;
    }
    bool met = true;
    auto const require = [&](char const* what, bool holds, double value) {
      std::printf("  %-4s %s: %.3f\n", holds ? "ok" : "FAIL", what, value);
      met = met && holds;
    };
    require("violation steps, all seeds, expected 0", worst == 0, worst);
    require("return over the expert's, expected at least 0.95", total >= 0.95 * expert.total_reward, total / expert.total_reward);
    require("in goal where it can be, expected at least 0.95", goal >= 0.95, goal);
    require("agreement of feasible sets, expected at least 0.93", feasible >= 0.93, feasible);
    return met;
  }

private:
  /// For each number its mean over the seeds and, where there are several, their standard deviation.
  static void row(char const* name, std::vector<score> const& seeds, bool fair = true) {
    auto const cell = [&](double score::*field, double unit, int digits) {
      double mean = 0, squares = 0;
      auto const n = static_cast<double>(seeds.size());
      for (score const& s : seeds) mean += s.*field * unit / n;
      for (score const& s : seeds) squares += (s.*field * unit - mean) * (s.*field * unit - mean) / n;
      char text[64];
      if (seeds.size() > 1) std::snprintf(text, sizeof text, "%.*f \u00b1 %.*f", digits, mean, digits, std::sqrt(squares));
      else std::snprintf(text, sizeof text, "%.*f", digits, mean);
      return std::string(text);
    };
    auto const print = [](std::string const& text) {  // printf counts bytes, and the sign has two
      std::printf(" %*s", 15 + (text.find('\xc2') != text.npos), text.c_str());
    };
    std::printf("  %-34s", name);
    print(cell(&score::total_reward, 1, 2));
    print(cell(&score::violation_steps, 1, 0));
    print(cell(&score::safe_episodes, 100, 1));
    print(cell(&score::in_goal, 100, 1));
    print(fair ? cell(&score::fair_in_goal, 100, 1) : "");
    std::printf("\n");
  }
};

}  // namespace support
