// Draws docs/diffusion_orders.svg: error of every deterministic solver against its number of steps, and the slope of its order.
#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/io/svg.hpp>

#include "support/solver_orders.hpp"

#include <cmath>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

using namespace parapet;

namespace {

constexpr index_t counts[] = {20, 40, 80, 160, 320, 640};
constexpr char const* dashes[] = {"", "8 2", "3 2"};  // of each panel, so that every solver has a line of its own
constexpr char const* colours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#1b4965", "#e63946"};

/// Errors of a few evaluations over the whole range, as one samples: from pure noise to t_min, then all the way.
void print_few_evaluations(backend::cpu& be) {
  std::printf("\n%-34s error with 6, 10, 20, 40 evaluations over the whole range\n", "");
  for (support::solver_order const& which : support::solver_orders()) {
    if (which.on == support::path::flow) continue;
    std::printf("%-34s", which.name);
    for (index_t evaluations : {6, 10, 20, 40}) {
      // The most steps that this many evaluations allow.
      double error = -1;
      for (index_t n = 1; n <= evaluations; ++n) {
        auto const levels = which.on == support::path::exploding ? diffusion::make_levels(diffusion::edm{}, diffusion::karras_grid{}, n)
                                                                 : diffusion::make_levels(diffusion::vp_linear{}, diffusion::log_snr_grid{}, n);
        auto const plan = which.plan(levels);
        if (plan.evaluations() <= evaluations) error = support::flow_error(be, plan, levels);
      }
      std::printf("  %.1e", error);
    }
    std::printf("\n");
  }
}

}  // namespace

int main() {
  backend::cpu be(1);
  io::svg_figure figure("Error on a mixture of normals against steps; grey: slopes of theory", 3, 330, 380);
  std::vector<std::vector<support::solver_order>> panels(4);
  for (support::solver_order const& s : support::solver_orders())
    panels[s.on != support::path::variance_preserving ? 3 : s.order <= 1 ? 0 : s.order <= 2 ? 1 : 2].push_back(s);
  panels[1].insert(panels[1].begin(), panels[0].begin(), panels[0].end());
  panels.erase(panels.begin());
  char const* titles[] = {"variance preserving, order 1 and 2", "variance preserving, order 3 and 4", "sigma space and flow"};
  bool as_expected = true;
  for (std::size_t p = 0; p < panels.size(); ++p) {
    auto& panel = figure.add_panel({1.2, 2.9, p == 0 ? -7.0 : -13.0, -0.5}, titles[p]).labels("log10 steps", "log10 largest error");
    for (int order = p == 1 ? 3 : 1; order <= (p == 0 ? 2 : 4); ++order) {
      double const start = p == 0 ? -1.0 - order : -1.5 - order;
      panel.polyline({{1.3, start}, {2.8, start - 1.5 * order}}, {.stroke = "#c0c0c0", .width = 3, .opacity = 0.6});
    }
    for (std::size_t i = 0; i < panels[p].size(); ++i) {
      support::solver_order const& which = panels[p][i];
      std::vector<io::point2> line;
      std::vector<double> errors;
      for (index_t n : counts) {
        errors.push_back(support::order_error(be, which, n));
        line.push_back({std::log10(static_cast<double>(n)), std::log10(errors.back())});
      }
      io::svg_style const style{.stroke = colours[i % std::size(colours)], .width = 1.5, .dash = dashes[p]};
      panel.polyline(line, style, std::string(which.name));
      for (io::point2 const& at : line) panel.marker(at, 2, {.fill = style.stroke});
      double const order = support::measured_order(errors[4], errors[5]);
      as_expected = as_expected && std::abs(order - which.order) <= 0.15;
      std::printf("%-34s theory %.0f, measured %.2f, error at 20 %.1e, at 640 %.1e\n", which.name, which.order, order, errors[0], errors[5]);
    }
  }
  figure.write("diffusion_orders.svg");
  print_few_evaluations(be);
  return as_expected ? 0 : 1;
}
