#include <parapet/core/named_tensor.hpp>

#include "support/tensor.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

using namespace parapet;
using support::contains;
using support::message_of;

TEST_CASE("every scalar type has a size and a name") {
  CHECK(size_of(scalar_type::boolean) == 1);
  CHECK(size_of(scalar_type::bf16) == 2);
  CHECK(size_of(scalar_type::u32) == 4);
  CHECK(size_of(scalar_type::f64) == 8);
  CHECK(std::string(name_of(scalar_type::boolean)) == "bool");
  CHECK(std::string(name_of(scalar_type::bf16)) == "bf16");
  CHECK(std::string(name_of(scalar_type::f64)) == "f64");
  static_assert(scalar_type_of<float>() == scalar_type::f32 && scalar_type_of<std::uint16_t>() == scalar_type::u16 &&
                scalar_type_of<index_t>() == scalar_type::i64 && scalar_type_of<bool>() == scalar_type::boolean && scalar_type_of<bfloat16>() == scalar_type::bf16);
}

TEST_CASE("a view under a name keeps type, shape and place") {
  auto x = support::generate<float>(extents{2, 3}, [](index_t i) { return i; });
  tensor_ref const ref = named("x", x.view());
  CHECK(ref.type == scalar_type::f32);
  CHECK(ref.shape == std::vector<index_t>{2, 3});
  CHECK(ref.bytes() == 24);
  CHECK(static_cast<void*>(ref.data) == x.view().data());
  const_tensor_ref const read = ref;
  CHECK(read.name == "x");
  CHECK_THROWS_AS(named("x", transposed(x.view())), shape_error);
}

TEST_CASE("an archive's messages stay one line, whatever a file names its arrays, and however many there are") {
  tensor_archive archive("f");
  for (int k = 0; k < 25; ++k) archive.add(detail::concat("a", k, '\n'), scalar_type::u8, {1});
  std::string const message = message_of<io_error>([&] { archive.at("x\x1b[2J"); });
  CHECK(contains(message, "f: no array named 'x?[2J'; there are: 'a0?' 'a1?'"));
  CHECK(contains(message, "'a19?' and 5 more"));
  CHECK(contains(message_of<io_error>([&] { archive.add("a3\n", scalar_type::u8, {1}); }), "f: two arrays are named 'a3?'"));
  CHECK(contains(message_of<io_error>([&] { archive.view<float, 1>("a7\n"); }), "f: array 'a7?' is u8 (1), expected f32"));
}

TEST_CASE("an archive owns arrays and finds them by name, type and rank") {
  tensor_archive archive("weights.safetensors");
  tensor_ref const added = archive.add("w", scalar_type::f64, {2, 2});
  reinterpret_cast<double*>(added.data)[3] = 7;
  archive.add("b", scalar_type::f32, {});
  CHECK(archive.view<double, 2>("w")(1, 1) == 7);
  CHECK(archive.at("b").size() == 1);
  CHECK(archive.contains("w"));
  CHECK(!archive.contains("x"));

  CHECK(message_of<io_error>([&] { archive.at("x"); }) == "weights.safetensors: no array named 'x'; there are: 'w' 'b'");
  CHECK(message_of<io_error>([&] { archive.view<float, 2>("w"); }) ==
        "weights.safetensors: array 'w' is f64 (2, 2), expected f32 with 2 axes");
  CHECK_THROWS_AS((archive.view<double, 1>("w")), io_error);
  CHECK(contains(message_of<io_error>([&] { archive.add("w", scalar_type::f32, {1}); }), "two arrays are named 'w'"));
  CHECK_THROWS_AS(archive.add("n", scalar_type::f32, {-1}), argument_error);
  CHECK_THROWS_AS(archive.add("m", scalar_type::f32, {-2, -3}), argument_error);
  CHECK_THROWS_AS(archive.add("h", scalar_type::u8, {index_t{1} << 32, index_t{1} << 32}), argument_error);
  CHECK(archive.tensors().size() == 2);
}
