// Cheap moderators first, and the next only where one is not sure.
//
// After stage i a text is done as harmless if every score of it is below pass_below, as harmful if one is at stop_from or above; else stage
// i + 1 is asked, and the last one answers whatever it says. fit_stage_limits takes the limits from logged scores of texts with labels, by
// split conformal prediction (conformal.hpp): of harmful texts, stage i lets at most its miss budget b_i go early. By the union bound at most
//
//     b_1 + ... + b_(n-1)   of the harmful texts are let go before the last stage,
//
// whose own misses come on top, and likewise for harmless texts that are stopped early. That is for texts drawn like those of the log:
// nothing is promised for attacks that are unlike it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/conformal.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/metrics.hpp>
#include <parapet/guard/verdict.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <exception>
#include <limits>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Where a stage is sure about a task. By default never.
struct stage_limits {
  float pass_below = -std::numeric_limits<float>::infinity();  ///< +infinity: the task does not matter here
  float stop_from = std::numeric_limits<float>::infinity();
};
using cascade_stage = std::array<stage_limits, task_count>;

/// The limits of one stage for one task, from the scores that it gave texts with known labels: a harmful text is let go early with probability
/// <= miss_budget, a harmless one stopped early with probability <= stop_budget. With too few texts for a budget the stage is never sure that way.
inline stage_limits fit_stage_limits(std::span<scored const> log, double miss_budget, double stop_budget, guarantee const& g = {}) {
  double const stop = threshold_for_false_positives(log, stop_budget, g);
  auto stop_from = static_cast<float>(stop);
  if (static_cast<double>(stop_from) < stop) stop_from = std::nextafter(stop_from, std::numeric_limits<float>::infinity());
  return {static_cast<float>(threshold_for_misses(log, miss_budget, g)), stop_from};
}

/// Stages in the order of their cost; a cascade is a moderator too. The verdict is of the stage that answered, and names its model.
template <class... Stages>
  requires(sizeof...(Stages) >= 2)
class cascade {
  static_assert((check_moderator<Stages>() && ...));

public:
  static constexpr std::size_t stages = sizeof...(Stages);
  /// `limits` are of all stages but the last. The moderators must outlive the cascade.
  explicit cascade(std::array<cascade_stage, stages - 1> const& limits, Stages&... models) : limits_(limits), models_(models...) {}

  verdict classify(exchange const& text) {
    verdict out;
    std::size_t stage = 0;
    std::apply([&](auto&... model) { static_cast<void>((finish(stage++, text, out, ask(model, text)) || ...)); }, models_);
    return out;
  }

  /// Stage by stage: what a stage leaves open is one batch for the next.
  void classify(std::span<exchange const> in, std::span<verdict> out) {
    std::vector<std::size_t> open(in.size());
    for (std::size_t k = 0; k < open.size(); ++k) open[k] = k;
    std::size_t stage = 0;
    std::apply([&](auto&... model) { (batch(stage++, model, in, out, open), ...); }, models_);
  }

  /// How many texts each stage answered.
  std::array<index_t, stages> const& answered() const { return answered_; }

private:
  /// Whether stage `stage` may answer with `v`, which then is the answer.
  bool finish(std::size_t stage, exchange const& text, verdict& out, verdict v) {
    if (stage + 1 < stages && !sure(limits_[stage], text, v)) return false;
    out = std::move(v);
    ++answered_[stage];
    return true;
  }

  static bool sure(cascade_stage const& limits, exchange const& text, verdict const& v) {
    if (v.status != verdict_status::ok || v.cut()) return false;
    bool all_below = true;
    for (task const t : all_tasks) {
      if (t != task::prompt_harm && !text.response) continue;
      stage_limits const& l = limits[static_cast<std::size_t>(t)];
      float const p = v[t].probability;
      if (p >= l.stop_from) return true;
      all_below = all_below && (p < l.pass_below || l.pass_below == std::numeric_limits<float>::infinity());
    }
    return all_below;
  }

  template <class Model>
  void batch(std::size_t stage, Model& model, std::span<exchange const> in, std::span<verdict> out, std::vector<std::size_t>& open) {
    if (open.empty()) return;
    std::vector<exchange> texts;
    for (std::size_t const k : open) texts.push_back(in[k]);
    std::vector<verdict> answers(texts.size());
    try {
      model.classify(std::span<exchange const>(texts), std::span<verdict>(answers));
    } catch (std::exception const& failure) {
      for (verdict& v : answers) v = failed_verdict(failure.what());
    }
    std::size_t left = 0;
    for (std::size_t k = 0; k < open.size(); ++k)
      if (!finish(stage, texts[k], out[open[k]], std::move(answers[k]))) open[left++] = open[k];
    open.resize(left);
  }

  std::array<cascade_stage, stages - 1> limits_;
  std::tuple<Stages&...> models_;
  std::array<index_t, stages> answered_{};
};

}  // namespace parapet::inline PARAPET_ABI::guard
