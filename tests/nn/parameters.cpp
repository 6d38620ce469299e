#include <parapet/nn/parameters.hpp>

#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using nn::initializer;
using support::message_of;

TEST_CASE("slots turn one flat buffer into tensors that follow each other") {
  nn::parameter_list list;
  auto const a = list.add("a", extents{2, 3}, initializer::zeros());
  auto const b = list.add("b", extents{4}, initializer::zeros());
  CHECK(list.size() == 10);
  auto flat = support::generate<float>(extents{10}, [](index_t i) { return i; });
  CHECK(a(flat.view()).shape() == extents{2, 3});
  CHECK(a(flat.read())(1, 2) == 5);
  b(flat.view())[0] = -1;
  CHECK(flat.read()[6] == -1);
  CHECK(message_of<shape_error>([&] { b(flat.read().rows(0, 9)); }) == "a tensor of shape (4) at element 6 of a flat buffer of 9 elements");
}

TEST_CASE("fan in and fan out are the last two axes, for stacked members too") {
  nn::parameter_list list;
  list.add("matrix", extents{3, 5}, initializer::zeros());
  list.add("stack", extents{7, 3, 5}, initializer::zeros());
  for (nn::parameter const& p : list) {
    CHECK(p.fan_in == 3);
    CHECK(p.fan_out == 5);
  }
}

TEST_CASE("a name is used once, no extent is negative, and the sum of all sizes does not overflow") {
  nn::parameter_list list;
  list.add("a", extents{2}, initializer::zeros());
  CHECK(message_of<argument_error>([&] { list.add("a", extents{3}, initializer::zeros()); }) ==
        "parameter_list: a tensor named 'a' exists already");
  CHECK_THROWS_AS(list.add("b", extents{-2, -2}, initializer::zeros()), argument_error);
  CHECK(list.size() == 2);
  list.add("large", extents{index_t{1} << 61}, initializer::zeros());
  CHECK_THROWS_WITH_AS(list.add("larger", extents{index_t{1} << 61}, initializer::zeros()), doctest::Contains("do not fit into memory"), argument_error);
}

TEST_CASE("initialize fills every tensor from a stream of its own") {
  nn::parameter_list list;
  list.add("a", extents{3}, initializer::normal(1));
  list.add("b", extents{3}, initializer::normal(2));
  list.add("c", extents{2}, initializer::constant(7));
  support::tensor<double, 1> flat(extents{8}), again(extents{8}), wrong(extents{7});
  list.initialize(flat.view(), 5, 10);
  list.initialize(again.view(), 5, 10);
  CHECK(support::same(flat, again));
  for (index_t i = 0; i < 3; ++i) {
    CHECK(flat.read()[i] == static_cast<double>(philox_stream(5, 10).normal(i)));
    CHECK(flat.read()[3 + i] == 2 * static_cast<double>(philox_stream(5, 11).normal(i)));
  }
  CHECK(flat.read()[7] == 7);
  CHECK(message_of<shape_error>([&] { list.initialize(wrong.view(), 5, 10); }) ==
        "initialize: flat buffer has shape (7), expected (8)");
}
