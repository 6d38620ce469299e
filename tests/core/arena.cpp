#include <parapet/core/arena.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

using namespace parapet;

namespace {
template <class Arena>
auto three_arrays(Arena& memory) {
  struct arrays {
    vector_view<float> a;
    matrix_view<double> b;
    vector_view<unsigned char> c;
  };
  return arrays{memory.template take<float>(extents{5}), memory.template take<double>(extents{3, 7}),
                memory.template take<unsigned char>(extents{1})};
}
}  // namespace

TEST_CASE("plan measures, allocates once and hands out aligned, separate memory") {
  arena<> memory;
  auto const w = plan(memory, [](auto& m) { return three_arrays(m); });
  CHECK(memory.used() == 64 + 192 + 64);
  CHECK(w.b.shape() == extents{3, 7});
  auto const address = [](auto const& view) { return reinterpret_cast<std::uintptr_t>(view.data()); };
  CHECK(address(w.a) % 64 == 0);
  CHECK(address(w.b) == address(w.a) + 64);
  CHECK(address(w.c) == address(w.b) + 192);
  w.c[0] = 1;  // the last byte is ours: the address sanitizer would say otherwise
}

TEST_CASE("while measuring an arena hands out no memory") {
  arena<> memory;
  auto const view = memory.take<float>(extents{5});
  CHECK(view.data() == nullptr);
  CHECK(view.shape() == extents{5});
  CHECK(memory.used() == 64);
}

TEST_CASE("views stay where they are when the arena is moved") {
  arena<> memory;
  auto const w = plan(memory, [](auto& m) { return three_arrays(m); });
  arena<> const moved(std::move(memory));
  w.a[0] = 3;
  CHECK(w.a[0] == 3);
}

TEST_CASE("an arena refuses what was not measured and what cannot be") {
  arena<> memory;
  plan(memory, [](auto& m) { return m.template take<float>(extents{5}); });
  CHECK(support::message_of<argument_error>([&] { memory.take<float>(extents{1}); }) ==
        "arena: 128 bytes taken, 64 were measured");
  arena<> other;
  index_t const wraps = index_t{1} << 32;
  CHECK_THROWS_AS(other.take<char>(extents{wraps, wraps}), argument_error);
  CHECK_THROWS_AS(other.take<char>(extents{-64}), argument_error);
  other.take<char>(extents{index_t{1} << 61});
  CHECK_THROWS_AS(other.take<char>(extents{index_t{1} << 61}), argument_error);
}
