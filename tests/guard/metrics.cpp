#include <parapet/guard/bootstrap.hpp>
#include <parapet/guard/category_table.hpp>
#include <parapet/guard/metrics.hpp>
#include <parapet/guard/ranking.hpp>
#include <parapet/guard/reliability.hpp>
#include <parapet/guard/risk_coverage.hpp>

#include "goldens/guard/metrics.hpp"
#include "guard/scored_sample.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

using namespace parapet;
using doctest::Approx;
using guard::category;
using guard::scored;

namespace {
constexpr double infinity = std::numeric_limits<double>::infinity(), undefined = std::numeric_limits<double>::quiet_NaN();
std::vector<scored> const sample = support::scored_sample(goldens::metrics::score, goldens::metrics::positive);
std::vector<scored> const none, only_positives{{0.2, true}, {0.7, true}}, only_negatives{{0.2, false}, {0.7, false}};
}  // namespace

TEST_CASE("figures at a threshold are scikit-learn's") {
  guard::confusion const counts = guard::confusion_at(sample, 0.5);
  CHECK(counts.precision() == Approx(goldens::metrics::at_half[0]).epsilon(1e-14));
  CHECK(counts.recall() == Approx(goldens::metrics::at_half[1]).epsilon(1e-14));
  CHECK(counts.f1() == Approx(goldens::metrics::at_half[2]).epsilon(1e-14));
  CHECK(counts.count() == 120);
  CHECK(counts.miss_rate() == Approx(1 - counts.recall()));
  CHECK(guard::confusion{3, 1, 4, 2}.text("harmful", 0.5) ==
        "harmful (5 of 10) at 0.5: F1 0.667, precision 0.750, recall 0.600, false-positive rate 0.200");
}

TEST_CASE("a figure of a class that is missing is not a number") {
  guard::confusion const all = guard::confusion_at(only_positives, 0.5);
  CHECK(all == guard::confusion{1, 0, 0, 1});
  CHECK(all.recall() == 0.5);
  CHECK(std::isnan(all.false_positive_rate()));
  CHECK(std::isnan(guard::confusion_at(none, 0.5).f1()));
  CHECK(std::isnan(guard::confusion_at(only_negatives, 0.8).precision()));
  CHECK(guard::confusion_at(only_negatives, 0.8).text("harmful", 0.8) ==
        "harmful (0 of 2) at 0.8: F1 n/a, precision n/a, recall n/a, false-positive rate 0.000");
  for (auto const& one_class : {none, only_positives, only_negatives}) {
    CHECK(std::isnan(guard::auroc(one_class)));
    CHECK(std::isnan(guard::auprc(one_class)));
  }
  CHECK(std::isnan(guard::brier_score(none)));
  CHECK(std::isnan(guard::expected_calibration_error(none)));
  CHECK(guard::risk_coverage_curve(none).empty());
}

TEST_CASE("NaN is refused, and so is what is no probability where one is needed") {
  std::vector<scored> const broken{{0.5, true}, {undefined, false}}, large{{0.5, true}, {1.5, false}};
  auto const says = [](auto const& f, char const* what) { return support::contains(support::message_of<argument_error>(f), what); };
  CHECK(says([&] { guard::confusion_at(broken, 0.5); }, "score 1 is not a number"));
  CHECK(says([&] { guard::auroc(broken); }, "score 1 is not a number"));
  CHECK(says([&] { guard::risk_coverage_curve(broken); }, "score 1 is not a number"));
  CHECK(says([&] { guard::brier_score(broken); }, "expected a probability"));
  CHECK(says([&] { guard::reliability_table(large); }, "score 1 is 1.5"));
  CHECK(says([&] { guard::reliability_table(sample, 0); }, "0 bins"));
  CHECK(guard::confusion_at(large, 1).false_positive == 1);  // any score has an order
}

TEST_CASE("texts without a label are left out") {
  float const scores[] = {0.5f, 0.25f, 1};
  std::optional<bool> const labels[] = {true, std::nullopt, false};
  CHECK(guard::pair_scores(std::span<float const>(scores), labels) == std::vector<scored>{{0.5, true}, {1, false}});
  CHECK_THROWS_AS(guard::pair_scores(std::span<float const>(scores, 2), labels), shape_error);
}

TEST_CASE("the threshold of the best F1 is the best of all thresholds, and lies between scores") {
  guard::threshold_choice const best = guard::choose_f1_threshold(sample);
  CHECK(guard::confusion_at(sample, best.threshold) == best.counts);
  for (int k = 0; k <= 128; ++k) CHECK(!(guard::confusion_at(sample, k / 128.0).f1() > best.counts.f1()));
  CHECK(guard::choose_f1_threshold(std::vector<scored>{{0.9, true}, {0.5, true}, {0.1, false}}).threshold == Approx(0.3));
  CHECK(guard::choose_f1_threshold(only_positives).threshold == 0.2);
  double const close = std::nextafter(0.5, 1);
  CHECK(guard::choose_f1_threshold(std::vector<scored>{{close, true}, {0.5, false}}).counts.f1() == 1);
  CHECK(guard::confusion_at(std::vector<scored>{{close, true}, {0.5, false}}, guard::choose_f1_threshold(std::vector<scored>{{close, true}, {0.5, false}}).threshold).f1() == 1);
  CHECK_THROWS_AS(guard::choose_f1_threshold(only_negatives), argument_error);
}

TEST_CASE("order: AUROC and average precision are scikit-learn's, ties included") {
  CHECK(guard::auroc(sample) == Approx(goldens::metrics::figures[0]).epsilon(1e-13));
  CHECK(guard::auprc(sample) == Approx(goldens::metrics::figures[1]).epsilon(1e-13));
  std::vector<scored> const ties{{1, true}, {1, false}, {1, true}, {1, false}, {1, false}};
  CHECK(guard::auroc(ties) == 0.5);
  CHECK(guard::auprc(ties) == Approx(0.4));
  std::vector<guard::operating_point> const points = guard::operating_points(ties);
  CHECK(points.size() == 2);
  CHECK(points[0].threshold == infinity);
  CHECK(points[1].counts == guard::confusion{2, 3, 0, 0});
  CHECK(guard::auroc(std::vector<scored>{{-infinity, false}, {infinity, true}}) == 1);
}

TEST_CASE("calibration: Brier score, log loss and ECE") {
  CHECK(guard::brier_score(sample) == Approx(goldens::metrics::figures[2]).epsilon(1e-13));
  CHECK(guard::log_loss(sample) == Approx(goldens::metrics::figures[3]).epsilon(1e-13));
  CHECK(guard::expected_calibration_error(sample, 10) == Approx(goldens::metrics::width_error[0]).epsilon(1e-13));
  CHECK(guard::log_loss(std::vector<scored>{{0, true}}) == Approx(52 * std::log(2)));
  // Two bins of two: means 0.15 and 0.85, rates 0.5 and 1.
  std::vector<scored> const four{{0.1, false}, {0.2, true}, {0.8, true}, {0.9, true}};
  for (auto const how : {guard::binning::equal_width, guard::binning::equal_mass}) {
    std::vector<guard::reliability_bin> const table = guard::reliability_table(four, 2, how);
    CHECK(table.size() == 2);
    CHECK(table[0].count == 2);
    CHECK(table[0].mean_probability == Approx(0.15));
    CHECK(table[1].positive_rate == 1);
    CHECK(table[0].low == 0);
    CHECK(table[1].high == 1);
    CHECK(guard::calibration_error_of(table).expected == Approx(0.25));
    CHECK(guard::calibration_error_of(table).maximum == Approx(0.35));
  }
}

TEST_CASE("bins of equal mass hold as many texts, and all bins together all texts") {
  for (int const bins : {1, 7, 15, 200}) {
    for (auto const how : {guard::binning::equal_width, guard::binning::equal_mass}) {
      index_t total = 0, least = 120, most = 0;
      for (auto const& bin : guard::reliability_table(sample, bins, how)) {
        total += bin.count, least = std::min(least, bin.count), most = std::max(most, bin.count);
        if (bin.count > 0) CHECK((bin.low <= bin.mean_probability && bin.mean_probability <= bin.high));
      }
      CHECK(total == 120);
      if (how == guard::binning::equal_mass) CHECK(most - least <= 1);
    }
  }
  CHECK(guard::reliability_table(std::vector<scored>{{1, true}, {0, false}}, 3)[2].count == 1);
}

TEST_CASE("a reliability plot has a dot for each bin that is not empty") {
  io::svg_figure figure("");
  io::svg_panel& panel = figure.add_panel({0, 1, 0, 1});
  std::vector<guard::reliability_bin> const table = guard::reliability_table(sample, 10);
  guard::draw_reliability(panel, table);
  std::string const text = figure.text();
  std::size_t dots = 0, filled = 0;
  for (std::size_t at = text.find("<ellipse"); at != text.npos; at = text.find("<ellipse", at + 1)) ++dots;
  for (auto const& bin : table) filled += bin.count > 0;
  CHECK(dots == filled);
}

TEST_CASE("risk and coverage, from the most confident text on") {
  std::vector<scored> const four{{0.9, true}, {0.2, false}, {0.4, true}, {0.6, true}};
  std::vector<guard::risk_coverage_point> const curve = guard::risk_coverage_curve(four);
  CHECK(curve.size() == 3);  // 0.4 and 0.6 are as confident as each other, but for rounding
  CHECK(curve[0].coverage == 0.25);
  CHECK(curve[1].risk == 0);
  CHECK(curve[2].coverage == 1);
  CHECK(curve[2].risk == 0.25);
  CHECK(guard::area_under_risk_coverage(curve) == Approx(0.5 * 0.25));
  CHECK(guard::risk_coverage_curve(four, 0.3).back().risk == 0);
}

TEST_CASE("the bootstrap of a mean has the spread of the mean") {
  std::vector<double> numbers;
  double mean = 0, variance = 0;
  for (int i = 0; i < 400; ++i) numbers.push_back(philox_stream(1, 2).normal(i)), mean += numbers.back() / 400;
  for (double const x : numbers) variance += (x - mean) * (x - mean) / 400;
  auto const mean_of = [](std::span<double const> x) {
    double sum = 0;
    for (double const v : x) sum += v;
    return sum / static_cast<double>(x.size());
  };
  guard::interval const got = guard::bootstrap_interval<double>(numbers, mean_of);
  double const width = 2 * 1.96 * std::sqrt(variance / 400);
  CHECK(got.value == Approx(mean));
  CHECK(got.high - got.low == Approx(width).epsilon(0.08));
  CHECK(got.undefined == 0);
  CHECK(guard::bootstrap_interval<double>(numbers, mean_of).low == got.low);
  CHECK(guard::bootstrap_interval<double>(numbers, mean_of, {}, {.seed = 1}).low != got.low);

  // Each number four times over, drawn together: as wide as a hundred numbers are, not four hundred.
  std::vector<index_t> group;
  std::vector<double> repeated;
  for (int i = 0; i < 400; ++i) group.push_back(i / 4), repeated.push_back(numbers[static_cast<std::size_t>(i / 4)]);
  guard::interval const together = guard::bootstrap_interval<double>(repeated, mean_of, group), apart = guard::bootstrap_interval<double>(repeated, mean_of);
  CHECK(together.high - together.low == Approx(2 * (apart.high - apart.low)).epsilon(0.15));
  CHECK_THROWS_AS(guard::bootstrap_interval<double>(numbers, mean_of, std::vector<index_t>{1}), shape_error);
  CHECK_THROWS_AS(guard::bootstrap_interval<double>(numbers, mean_of, {}, {.level = 1}), argument_error);
}

TEST_CASE("replicates without the figure are counted") {
  std::vector<scored> const two{{0.9, true}, {0.1, false}};
  guard::interval const got = guard::bootstrap_interval<scored>(two, [](std::span<scored const> s) { return guard::auroc(s); });
  CHECK(got.undefined > 800);  // one half of the 2000
  CHECK(got.undefined < 1200);
  CHECK(got.low == 1);
}

TEST_CASE("figures by category") {
  std::vector<category> const kinds{category::cyberattack, category::cyberattack, category::benign, category::benign};
  std::vector<scored> const scores{{0.9, true}, {0.1, true}, {0.8, false}, {0.2, false}};
  guard::category_counts const counts = guard::counts_by_category(kinds, scores, 0.5);
  CHECK(counts[static_cast<std::size_t>(category::cyberattack)].recall() == 0.5);
  CHECK(counts[static_cast<std::size_t>(category::benign)].false_positive_rate() == 0.5);
  std::string const table = guard::to_markdown(counts);
  CHECK(support::contains(table, "| cyberattack | 2 | 2 | 1.000 | 0.500 | 0.667 | n/a |\n"));
  CHECK(!support::contains(table, "violence"));

  std::vector<category> const named{category::cyberattack, category::benign, category::benign, category::benign};
  guard::category_counts const all = guard::counts_of_named(kinds, named);
  CHECK(all[static_cast<std::size_t>(category::benign)].precision() == Approx(2.0 / 3));
  CHECK(guard::macro_f1(all) == Approx((2.0 / 3 + 0.8) / 2));
  CHECK_THROWS_AS(guard::counts_of_named(kinds, std::vector<category>{}), shape_error);
}
