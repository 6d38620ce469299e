// The program of docs/calibration.md: its figures, and reliability.svg.
#include <parapet/core/philox.hpp>
#include <parapet/guard/abstention.hpp>
#include <parapet/guard/bootstrap.hpp>
#include <parapet/guard/calibration.hpp>
#include <parapet/guard/conformal.hpp>
#include <parapet/guard/ranking.hpp>
#include <parapet/guard/reliability.hpp>
#include <parapet/guard/risk_coverage.hpp>

#include <cstdio>
#include <span>
#include <vector>

using namespace parapet;
using guard::scored;

/// Logits of a model that is too sure of itself, and whose threshold is off: one text in five is positive.
std::vector<scored> texts_of_use(std::uint64_t stream, index_t n) {
  std::vector<scored> out;
  for (index_t i = 0; i < n; ++i) {
    bool const positive = philox_stream(7, stream).uniform(2 * i) < 0.2f;
    double const z = philox_stream(8, stream).normal(i) + (positive ? 1.2 : -1.2);
    out.push_back({4 * z + 2, positive});
  }
  return out;
}

template <class Calibrator>
std::vector<scored> calibrated(std::span<scored const> sample, Calibrator const& calibrator) {
  std::vector<scored> out;
  for (scored const& s : sample) out.push_back({calibrator(s.score), s.positive});
  return out;
}

int main() {
  std::vector<scored> const held_out = texts_of_use(0, 2000), use = texts_of_use(1, 20000);

  guard::temperature_scaling const temperature = guard::fit_temperature(held_out);
  guard::platt_scaling const platt = guard::fit_platt(held_out);
  guard::isotonic_map const isotonic = guard::fit_isotonic(held_out);

  auto const line = [](char const* name, std::vector<scored> const& p) {
    std::printf("| %s | %.3f | %.3f | %.3f | %.3f |\n", name, guard::expected_calibration_error(p), guard::brier_score(p), guard::log_loss(p), guard::auroc(p));
  };
  line("none", calibrated(use, guard::sigmoid));
  line("temperature", calibrated(use, temperature));
  line("Platt", calibrated(use, platt));
  line("isotonic", calibrated(use, isotonic));

  io::svg_figure figure("", 2, 240);
  guard::draw_reliability(figure.add_panel({0, 1, 0, 1}, "as the model says"), guard::reliability_table(calibrated(use, guard::sigmoid)));
  guard::draw_reliability(figure.add_panel({0, 1, 0, 1}, "after Platt"), guard::reliability_table(calibrated(use, platt)));
  figure.write("reliability.svg");

  std::vector<scored> const fit = calibrated(held_out, platt), p = calibrated(use, platt);
  double const t = guard::threshold_for_misses(fit, 0.05);  // at most one positive in twenty gets through, on average
  std::printf("%s\n", guard::confusion_at(p, t).text("harmful", t).c_str());

  guard::interval const f1 = guard::bootstrap_interval<scored>(std::span(fit), [](std::span<scored const> s) { return guard::confusion_at(s, 0.5).f1(); });
  std::printf("F1 %.3f, between %.3f and %.3f\n", f1.value, f1.low, f1.high);

  guard::abstention const rule = guard::fit_abstention(fit, {.error = 0.05, .confidence = 0.95});
  double answered = 0, wrong = 0;
  for (scored const& s : p) {
    guard::answer const a = rule(s.score);
    if (a == guard::answer::abstain) continue;  // to a larger model, or to a person
    ++answered;
    wrong += (a == guard::answer::positive) != s.positive;
  }
  std::printf("answered %.3f of all, wrong %.3f of them; without abstention %.3f\n", answered / 20000, wrong / answered,
              guard::risk_coverage_curve(p).back().risk);
  return wrong / answered <= 0.05 && guard::expected_calibration_error(p) < 0.02 ? 0 : 1;
}
