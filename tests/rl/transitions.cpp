#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/rl/transitions.hpp>

#include <doctest/doctest.h>

#include "support/throws.hpp"

#include <cmath>
#include <cstring>
#include <limits>

using namespace parapet;
using rl::to_transitions;
using rl::transitions;
using support::message_of;

namespace {

/// Three transitions with numbers of their own in every place, but for flags.
transitions<float> three() {
  transitions<float> data(3, 2, 1);
  float next = -2;
  auto const count = [&](auto const& x) {
    for (index_t i = 0; i < x.size(); ++i) x.data()[i] = next += 0.25f;
  };
  count(data.state());
  count(data.action());
  count(data.next_state());
  count(data.reward());
  for (index_t i = 0; i < 3; ++i) {
    data.h()[i] = static_cast<float>(i) - 1;  // -1, 0, 1: one violation
    data.cost()[i] = i == 2;
    data.done()[i] = i > 0;
    data.timeout()[i] = i == 2;
  }
  return data;
}

tensor_archive archive_of(std::vector<const_tensor_ref> const& tensors, std::string const& without = "") {
  tensor_archive archive("log.npy");
  for (const_tensor_ref const& t : tensors)
    if (t.name != without) std::memcpy(archive.add(t.name, t.type, t.shape).data, t.data, static_cast<std::size_t>(t.bytes()));
  return archive;
}

/// What to_transitions says of the archive after a change to one of its arrays.
std::string refusal(transitions<float> const& data) {
  return message_of<io_error>([&] { to_transitions<float>(archive_of(data.tensors())); });
}
std::string refusal_of(std::string const& replaced, scalar_type type, std::vector<index_t> const& shape) {
  tensor_archive archive = archive_of(three().tensors(), replaced);
  tensor_ref const added = archive.add(replaced, type, shape);
  if (added.bytes() != 0) std::memset(added.data, 0, static_cast<std::size_t>(added.bytes()));
  return message_of<io_error>([&] { to_transitions<float>(archive); });
}

}  // namespace

TEST_CASE("transitions: to an archive and back") {
  transitions<float> const data = three();
  transitions<float> const back = to_transitions<float>(archive_of(data.tensors()));
  REQUIRE(back.size() == 3);
  REQUIRE(back.state_dim() == 2);
  REQUIRE(back.action_dim() == 1);
  CHECK(back.hash() == data.hash());
  CHECK(back.next_state()(2, 1) == data.next_state()(2, 1));
}

TEST_CASE("transitions: what a file may leave out") {
  transitions<float> const without_timeout = to_transitions<float>(archive_of(three().tensors(), "timeout"));
  CHECK(without_timeout.timeout()[2] == 0);
  transitions<float> logged = three();
  logged.cost()[0] = 7;
  CHECK(to_transitions<float>(archive_of(logged.tensors())).cost()[0] == 7);
  transitions<float> const without_cost = to_transitions<float>(archive_of(logged.tensors(), "cost"));
  for (index_t i = 0; i < 3; ++i) CHECK(without_cost.cost()[i] == (i == 2));
}

TEST_CASE("transitions: the hash sees every number") {
  std::uint64_t const hash = three().hash();
  CHECK(three().hash() == hash);
  transitions<float> a = three(), b = three();
  a.state()(0, 0) = 0;
  b.timeout()[2] = 0;
  CHECK(a.hash() != hash);
  CHECK(b.hash() != hash);
}

TEST_CASE("transitions: an archive that is none is refused, with file and array") {
  CHECK(message_of<io_error>([] { to_transitions<float>(archive_of(three().tensors(), "h")); }).starts_with("log.npy: no array named 'h'"));
  CHECK(refusal_of("reward", scalar_type::f32, {4}) == "log.npy: array 'reward' has shape (4), expected (3)");
  CHECK(refusal_of("next_state", scalar_type::f32, {3, 3}) == "log.npy: array 'next_state' has shape (3, 3), expected (3, 2)");
  CHECK(refusal_of("action", scalar_type::f32, {2, 1}) == "log.npy: array 'action' has shape (2, 1), expected (3, 1)");
  CHECK(refusal_of("h", scalar_type::f64, {3}) == "log.npy: array 'h' is f64 (3), expected f32 with 1 axes");
  CHECK(refusal_of("reward", scalar_type::f32, {3, 1}) == "log.npy: array 'reward' is f32 (3, 1), expected f32 with 1 axes");
  CHECK(refusal_of("state", scalar_type::f32, {0, 2}) == "log.npy: array 'state' has shape (0, 2): no transitions");
  CHECK(refusal_of("state", scalar_type::f32, {3, 0}) == "log.npy: array 'state' has shape (3, 0): no transitions");
}

TEST_CASE("transitions: values that are none are refused, with array and row") {
  backend::cpu be(1);
  auto const spoilt = [&](auto spoil) {
    transitions<float> data = three();
    spoil(data);
    std::string const in_memory = message_of<argument_error>([&] { check_values(be, data); }), in_file = refusal(data);
    CHECK(in_memory.substr(in_memory.find(':')) == in_file.substr(in_file.find(':')));
    return in_file;
  };
  float const nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  CHECK(message_of<argument_error>([&] { check_values(be, three()); }) == "");
  CHECK(spoilt([&](auto& d) { d.state()(1, 1) = nan; }) == "log.npy: array 'state' is not finite in row 1");
  CHECK(spoilt([&](auto& d) { d.action()(2, 0) = infinity; }) == "log.npy: array 'action' is not finite in row 2");
  CHECK(spoilt([&](auto& d) { d.next_state()(0, 1) = -infinity; }) == "log.npy: array 'next_state' is not finite in row 0");
  CHECK(spoilt([&](auto& d) { d.reward()[2] = nan; }) == "log.npy: array 'reward' is not finite in row 2");
  CHECK(spoilt([&](auto& d) { d.h()[0] = infinity; }) == "log.npy: array 'h' is not finite in row 0");
  CHECK(spoilt([&](auto& d) { d.cost()[1] = nan; }) == "log.npy: array 'cost' is not finite in row 1");
  CHECK(spoilt([&](auto& d) { d.done()[1] = 0.5f; }) == "log.npy: array 'done' is neither 0 nor 1 in row 1");
  CHECK(spoilt([&](auto& d) { d.timeout()[2] = -1; }) == "log.npy: array 'timeout' is neither 0 nor 1 in row 2");
  CHECK(spoilt([&](auto& d) { d.done()[0] = nan; }) == "log.npy: array 'done' is neither 0 nor 1 in row 0");
}

TEST_CASE("transitions: sizes that cannot be") {
  auto const message = [](index_t size, index_t states, index_t actions) {
    return message_of<argument_error>([&] { transitions<float>(size, states, actions); });
  };
  CHECK(message(0, 2, 1) == "transitions: 0 rows of 2 state and 1 action numbers, all must be at least 1");
  CHECK(message(3, 0, 1) != "");
  CHECK(message(3, 2, -1) != "");
  CHECK(message(std::numeric_limits<index_t>::max() / 4, 2, 1) != "");
}
