// The picture of the point robot: the learnt {V_h <= 0} against the true set, at three speeds and headings, and how well the two
// agree.
#pragma once

#include "point_robot_safe_set.hpp"

#include <parapet/core/buffer.hpp>
#include <parapet/io/svg.hpp>
#include <parapet/rl/point_robot.hpp>

#include <array>
#include <string>
#include <vector>

namespace support {

/// The slices (v, theta) of the paper's figure.
struct slice {
  float v, theta;
  char const* title;
};
inline constexpr std::array<slice, 3> paper_slices{{{0.5f, 0.78539816f, "v = 0.5, \u03b8 = \u03c0/4"},
                                                    {1.0f, 1.57079633f, "v = 1, \u03b8 = \u03c0/2"},
                                                    {1.5f, 0.78539816f, "v = 1.5, \u03b8 = \u03c0/4"}}};

/// Values at 200 x 200 nodes over [-3, 3]^2, one field a slice.
class slice_fields {
public:
  static constexpr parapet::index_t side = 200;
  using field = parapet::matrix_view<float>;

  slice_fields() : memory_(3 * side * side) {}
  field at(std::size_t i) { return {memory_.data() + offset(i), parapet::extents{side, side}}; }
  parapet::matrix_view<float const> at(std::size_t i) const { return {memory_.data() + offset(i), parapet::extents{side, side}}; }

  static float coordinate(parapet::index_t i) { return -3.0f + 6.0f * static_cast<float>(i) / static_cast<float>(side - 1); }
  static parapet::rl::point_robot::state state(slice const& s, parapet::index_t i, parapet::index_t j) {
    return {coordinate(i), coordinate(j), s.v, s.theta};
  }

private:
  static parapet::index_t offset(std::size_t i) { return static_cast<parapet::index_t>(i) * side * side; }

  parapet::buffer<float> memory_;
};

/// How well two sets {V <= 0} agree over all slices: intersection over union of the sets, and of their complements.
struct agreement {
  double feasible = 0, infeasible = 0;
};
inline agreement agreement_of(slice_fields const& learnt, slice_fields const& truth) {
  agreement mean;
  for (std::size_t s = 0; s < paper_slices.size(); ++s) {
    double both[2] = {}, either[2] = {};
    for (parapet::index_t i = 0; i < learnt.at(s).size(); ++i) {
      bool const a = learnt.at(s).data()[i] <= 0, b = truth.at(s).data()[i] <= 0;
      both[0] += a && b;
      either[0] += a || b;
      both[1] += !a && !b;
      either[1] += !a || !b;
    }
    mean.feasible += both[0] / either[0] / 3;
    mean.infeasible += both[1] / either[1] / 3;
  }
  return mean;
}

/// Writes the picture; each path is a list of positions.
inline void write_figure(std::string const& file, std::string const& title, slice_fields const& learnt, slice_fields const& truth,
                         std::vector<std::vector<parapet::io::point2>> const& paths) {
  using robot = parapet::rl::point_robot;
  parapet::io::rectangle const arena{-robot::arena, robot::arena, -robot::arena, robot::arena};
  parapet::io::svg_figure figure(title);
  for (std::size_t s = 0; s < paper_slices.size(); ++s) {
    auto& panel = figure.add_panel(arena, paper_slices[s].title).labels("x [m]", s == 0 ? "y [m]" : "");
    panel.region(learnt.at(s), arena, 0, {.fill = "#d6e8f5"}, "learnt feasible set {V_h \u2264 0}");
    for (robot::point const& hazard : robot::hazards)
      panel.circle({hazard.x, hazard.y}, robot::hazard_radius, {.fill = "#d9534f", .opacity = 0.75}, "hazard");
    panel.circle({robot::goal.x, robot::goal.y}, robot::goal_radius, {.fill = "#5cb85c", .opacity = 0.9}, "goal");
    panel.iso_line(truth.at(s), arena, 0, {.stroke = "#222222", .width = 1.6, .dash = "5 3"}, "edge of the true set");
    panel.iso_line(learnt.at(s), arena, 0, {.stroke = "#2171b5", .width = 1.8}, "edge of the learnt set");
    for (auto const& path : paths) {
      if (path.empty()) continue;
      panel.polyline(path, {.stroke = "#f0a000", .width = 1.1, .opacity = 0.9}, "trajectories of the policy");
      panel.marker(path.front(), 2, {.fill = "#b87800"});
    }
  }
  figure.write(file);
}

}  // namespace support
