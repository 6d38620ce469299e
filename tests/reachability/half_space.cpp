#include <parapet/core/philox.hpp>
#include <parapet/reachability/half_space.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace parapet;
using reachability::ball;
using reachability::box;
using reachability::vec;

namespace {

/// By brute force: the nearest point on a fine grid of the square around the set that is in the set and meets the demand.
template <class Inside>
double least_distance(vec<double, 2> const& from, vec<double, 2> const& a, double b, Inside inside) {
  double least = 1e30;
  int const n = 800;
  for (int i = 0; i <= n; ++i)
    for (int j = 0; j <= n; ++j) {
      vec<double, 2> const u{-2 + 4.0 * i / n, -2 + 4.0 * j / n};
      if (inside(u) && dot(a, u) >= b) least = std::min(least, std::hypot(u[0] - from[0], u[1] - from[1]));
    }
  return least;
}

template <class Set, class Inside>
void check_against_search(Set const& set, Inside inside) {
  philox_stream const random(3, 0);
  int feasible = 0, changed = 0;
  for (index_t i = 0; i < 60; ++i) {
    auto const draw = [&](int k) { return 4.0 * static_cast<double>(random.uniform(8 * i + k)) - 2.0; };
    vec<double, 2> const wish{draw(0), draw(1)}, a{draw(2), i % 7 == 0 ? 0.0 : draw(3)};
    double const b = 1.5 * draw(4);
    auto const p = project(set, wish, a, b);
    CHECK(inside(p.input));
    if (!p.feasible) {
      CHECK(set.support(a) < b);
      CHECK(dot(a, p.input) == doctest::Approx(set.support(a)).epsilon(1e-12));
      continue;
    }
    ++feasible;
    CHECK(dot(a, p.input) >= b - 1e-9);
    vec<double, 2> const start = nearest(set, wish);
    double const moved = std::hypot(p.input[0] - start[0], p.input[1] - start[1]), best = least_distance(start, a, b, inside);
    changed += moved > 0.01;
    CHECK(moved <= best + 1e-9);  // nothing on the search's grid is nearer
    if (best < 1e30) CHECK(moved >= best - 0.05);
  }
  CHECK(feasible > 20);
  CHECK(changed > 10);
}

}  // namespace

TEST_CASE("projection onto a half-space in a box finds the nearest input, exactly") {
  check_against_search(box<2>{{-1.5, -0.5}, {1, 1.25}}, [](vec<double, 2> const& u) {
    return u[0] >= -1.5 - 1e-12 && u[0] <= 1 + 1e-12 && u[1] >= -0.5 - 1e-12 && u[1] <= 1.25 + 1e-12;
  });
  // one component stops at its bound, the other goes on: u = (1, 0.5)
  auto const p = project(box<2>{{-1, -1}, {1, 1}}, vec<double, 2>{0.9, 0}, vec<double, 2>{2, 1}, 2.5);
  CHECK(p.feasible);
  CHECK(p.input[0] == doctest::Approx(1));
  CHECK(p.input[1] == doctest::Approx(0.5));
}

TEST_CASE("projection onto a half-space in a ball finds the nearest input, exactly") {
  check_against_search(ball<2>{1.25}, [](vec<double, 2> const& u) { return std::hypot(u[0], u[1]) <= 1.25 + 1e-12; });
}

TEST_CASE("projection onto a half-space in a list takes the nearest that will do, or the best that there is") {
  reachability::input_list<1, 3> const list{{{-1}, {0}, {1}}};
  CHECK(project(list, vec<double, 1>{-1}, vec<double, 1>{1}, -0.5).input[0] == 0);
  CHECK(project(list, vec<double, 1>{-1}, vec<double, 1>{1}, 0.5).input[0] == 1);
  CHECK(!project(list, vec<double, 1>{-1}, vec<double, 1>{1}, 1.5).feasible);
  CHECK(project(list, vec<double, 1>{-1}, vec<double, 1>{1}, 1.5).input[0] == 1);
}

TEST_CASE("a wish that is not a number becomes an input of the set") {
  CHECK(nearest(box<1>{{-1}, {2}}, vec<float, 1>{NAN})[0] == -1);
  CHECK(nearest(ball<2>{1}, vec<float, 2>{NAN, 0})[0] == 0);
  CHECK(nearest(ball<2>{2}, vec<float, 2>{30, 40})[1] == doctest::Approx(1.6f));
}
