// hj_reachability's value functions, node by node: tests/goldens/reachability/write_goldens.py.
#pragma once

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/io/safetensors.hpp>
#include <parapet/reachability/hamilton_jacobi.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace peer {

using namespace parapet;
using namespace parapet::reachability;

/// hj_reachability bounds the speeds by |drift| + |G| max |u| + |C| max |d|, which is too much where a set is not symmetric.
template <class System>
struct with_their_speeds : System {
  template <class Role, class X>
  X hamiltonian(vec<X, System::state_dim> const& x, vec<X, System::state_dim> const& p, X t) const {
    return reachability::hamiltonian<Role>(static_cast<System const&>(*this), x, p, t);
  }
  template <class X>
  vec<X, System::state_dim> max_speed(vec<X, System::state_dim> const& x, X t) const {
    auto const parts = parts_of(static_cast<System const&>(*this), x, t);
    auto const largest = [](auto const& set, int j) { return X(std::max(std::abs(set.lower[j]), std::abs(set.upper[j]))); };
    vec<X, System::state_dim> a;
    for (int i = 0; i < System::state_dim; ++i) {
      a[i] = math::abs(parts.drift[i]);
      for (int j = 0; j < control_dim<System>; ++j) a[i] = a[i] + math::abs(parts.control(i, j)) * largest(this->controls, j);
      for (int j = 0; j < disturbance_dim<System>; ++j) a[i] = a[i] + math::abs(parts.disturbance(i, j)) * largest(this->disturbances, j);
    }
    return a;
  }
};

/// Largest |ours - theirs|, and the nodes where the signs differ though neither value is nearer to 0 than `margin`.
struct difference {
  double largest = 0;
  index_t signs = 0;
};

template <class Value>
difference against(tensor_archive const& goldens, std::string const& name, Value const& v, double margin) {
  auto const theirs = goldens.view<float, Value::dim>(name);
  REQUIRE(theirs.shape() == v.nodes().shape());
  difference d;
  for (index_t n = 0; n < v.nodes().size(); ++n) {
    double const a = static_cast<double>(v.values().data()[n]), b = static_cast<double>(theirs.data()[n]);
    d.largest = std::max(d.largest, std::abs(a - b));
    d.signs += (a <= 0) != (b <= 0) && std::abs(a) > margin && std::abs(b) > margin;
  }
  return d;
}

/// The three questions that the goldens answer, with one scheme. Differences beyond `allowed` fail.
template <class Scheme, class System, class Nodes, class Target, class Obstacle>
void compare(tensor_archive const& goldens, std::string const& accuracy, System const& system, Nodes const& nodes, Target target, Obstacle obstacle,
             double horizon, double allowed) {
  backend::cpu be(1);
  auto const check = [&](std::string const& question, auto const& problem) {
    auto const r = hamilton_jacobi<double, Scheme>(be, with_their_speeds<System>{system}, nodes, problem, finite_horizon{horizon});
    difference const d = against(goldens, accuracy + "." + question, r.value, 1e-5);
    INFO(accuracy, " ", question, ": ", d.largest);
    CHECK(d.largest <= allowed);
    CHECK(d.signs == 0);
  };
  check("avoid_set", avoid(target).as_set());
  check("avoid_tube", avoid(target));
  check("reach_avoid_tube", reach(target).while_avoiding(obstacle));
}

}  // namespace peer
