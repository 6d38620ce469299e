#include "diffusion/peers_paths.hpp"

#include <parapet/io/json.hpp>
#include <parapet/io/safetensors.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace peers {

namespace {

constexpr int counts[] = {5, 10, 20, 50};

class goldens {
public:
  explicit goldens(std::string const& path) : archive_(io::read_safetensors(path)) {}

  /// (rows of all step counts, 2, 3)
  tensor_view<double const, 3> path(std::string const& name) const { return archive_.view<double, 3>(name); }
  /// Empty where the peer has no such table.
  vector_view<double const> table(std::string const& name, char const* which) const {
    std::string const key = "table." + std::to_string(entry(name).at(which).integer());
    return archive_.contains(key) ? archive_.view<double, 1>(key) : vector_view<double const>();
  }
  double start(std::string const& name, std::size_t count) const { return entry(name).at("start").items()[count].number(); }
  std::string float32(std::string const& name) const { return std::string(entry(name).at("float32").string()); }

private:
  io::json_value entry(std::string const& name) const { return io::parse_json(archive_.metadata().at(name), name); }
  tensor_archive archive_;
};

/// The steps after which the file has x.
std::vector<std::size_t> checkpoints(std::size_t steps) {
  std::vector<std::size_t> at;
  for (std::size_t k = 1; k <= (steps <= 10 ? steps : 4); ++k) at.push_back(steps <= 10 ? k : steps * k / 4);
  return at;
}

/// Largest difference over all steps on file, relative to max(1, |x|).
template <class PathOf>
double difference(goldens const& file, peer_case const& c, PathOf path_of) {
  auto const path = file.path(c.name);
  index_t row = 0;
  double worst = 0;
  for (std::size_t k = 0; k < std::size(counts); ++k) {
    auto const ours = path_of(c, c.plan(c.levels(counts[k]), counts[k]), file.start(c.name, k));
    for (std::size_t const step : checkpoints(ours.size())) {
      REQUIRE(row < path.extent(0));
      tensor_view<double const, 2> const theirs = path(row++);
      double scale = 1;
      for (index_t i = 0; i < theirs.size(); ++i) scale = std::max(scale, std::abs(theirs.data()[i]));
      for (index_t i = 0; i < theirs.size(); ++i) {
        double const error = std::abs(ours[step - 1].flat()[i] - theirs.data()[i]) / scale;
        worst = error <= worst ? worst : error;  // a NaN stays
      }
    }
  }
  CHECK(row == path.extent(0));
  return worst;
}

/// Whether our levels for ten steps are the peer's tables, where it has one entry for each: noise over signal (or the time of a
/// flow), and the step of a discrete schedule that the model is told.
void check_tables(goldens const& file, peer_case const& c) {
  level_list const levels = c.levels(10);
  sampling_plan const plan = c.plan(levels, 10);
  auto const sigma = file.table(c.name, "sigma"), time = file.table(c.name, "time");
  auto const n = static_cast<index_t>(levels.size());
  for (index_t i = 0; i < n; ++i) {
    noise_level const& l = levels[static_cast<std::size_t>(i)];
    bool const flow = std::abs(levels[1].alpha + levels[1].sigma - 1) < 1e-9;
    if (sigma.extent(0) == n) CHECK(std::abs((flow ? l.sigma : l.sigma / l.alpha) - sigma[i]) <= 1e-12 * (1 + sigma[i]));
    if (time.extent(0) != n - 1 || static_cast<index_t>(plan.steps.size()) != n - 1 || i + 1 == n) continue;
    noise_level const& told = plan.steps[static_cast<std::size_t>(i)].level;
    if (told.step >= 0) CHECK(told.t == time[i]);
  }
}

}  // namespace

void check(std::string const& path, std::vector<peer_case> const& cases) {
  goldens const file(path);
  for (peer_case const& c : cases) {
    CAPTURE(c.name);
    try {
      check_tables(file, c);
      double const wide = difference(file, c, path_in_double), narrow = difference(file, c, path_in_float);
      CHECK(wide <= c.tolerance);
      CHECK(narrow <= 1e-5);
      if (std::getenv("PEER_TABLE") != nullptr) std::printf("| %s | %.0e | %.0e | %s |\n", c.name.c_str(), wide, narrow, file.float32(c.name).c_str());
    } catch (error const& e) {
      FAIL_CHECK(std::string(e.what()));
    }
  }
}

}  // namespace peers
