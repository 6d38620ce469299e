#include <parapet/io/mapped_safetensors.hpp>

#include "io/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {

std::vector<float> const values{1, 2, 3, 4};

const_tensor_ref array(std::string name, index_t n) {
  return named(std::move(name), vector_view<float const>(values.data(), extents<1>{n}));
}

}  // namespace

TEST_CASE("arrays are used where they lie in the file") {
  support::temporary_folder const folder;
  io::write_safetensors(folder / "f", {array("a", 4), array("b", 2)}, {{"k", "v"}});
  io::mapped_safetensors opened(folder / "f");
  io::mapped_safetensors const file = std::move(opened);
  CHECK(file.metadata().at("k") == "v");
  REQUIRE(file.tensors().size() == 2);
  CHECK(file.tensors()[0].name == "a");
  for (index_t i = 0; i < 4; ++i)
    CHECK(reinterpret_cast<float const*>(file.tensors()[0].data)[i] == values[static_cast<std::size_t>(i)]);
  CHECK(file.tensors()[1].data == file.tensors()[0].data + 16);

  CHECK_THROWS_WITH_AS(io::mapped_safetensors(folder / "g"), Contains((folder / "g").c_str()), io_error);
  io::write_file(folder / "g", "1234567");
  CHECK_THROWS_WITH_AS(io::mapped_safetensors(folder / "g"), Contains("has 7 bytes"), io_error);
}

TEST_CASE("an array that is not aligned is refused here, and copied by the reader") {
  support::temporary_folder const folder;
  std::string const header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   )";
  REQUIRE(header.size() % 4 != 0);
  io::write_file(folder / "f", std::string{static_cast<char>(header.size()), 0, 0, 0, 0, 0, 0, 0} + header +
                                   std::string("\0\0\x80\x3f", 4));
  CHECK(io::read_safetensors(folder / "f").view<float, 1>("a")[0] == 1.0f);
  io::mapped_safetensors const copied(folder / "f", {}, io::misaligned::copy);
  CHECK(view_of<float, 1>(copied.tensors()[0], copied.path())[0] == 1.0f);
  CHECK(copied.copied_bytes() == 4);
  copied.forget(copied.tensors()[0]);  // nothing to give back
  CHECK(view_of<float, 1>(copied.tensors()[0], copied.path())[0] == 1.0f);
  CHECK_THROWS_WITH_AS(io::mapped_safetensors(folder / "f"),
                       Contains("array 'a' of type f32 starts at byte 65 and cannot be used in place"), io_error);
}

TEST_CASE("a model in several files is read as one") {
  support::temporary_folder const folder;
  io::write_safetensors(folder / "m-1.safetensors", {array("a", 4), array("b", 1)});
  io::write_safetensors(folder / "m-2.safetensors", {array("c", 3)});
  std::string const index = folder / "m.safetensors.index.json";
  auto const write_index = [&](std::string const& map) {
    io::write_file(index, R"({"metadata": {}, "weight_map": )" + map + "}");
  };
  write_index(R"({"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"})");
  tensor_archive const model = io::read_sharded_safetensors(index);
  CHECK(model.tensors().size() == 3);
  CHECK(model.view<float, 1>("c")[2] == 3);

  write_index(R"({"a": "m-1.safetensors", "c": "m-2.safetensors"})");
  CHECK_THROWS_WITH_AS(io::read_sharded_safetensors(index), Contains("m-1.safetensors: array 'b' is not in"), io_error);
  write_index(R"({"a": "m-1.safetensors", "b": "m-2.safetensors", "c": "m-2.safetensors"})");
  CHECK_THROWS_WITH_AS(io::read_sharded_safetensors(index), Contains("m-1.safetensors: array 'b' is here, but"), io_error);
  write_index(R"({"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors", "d": "m-2.safetensors"})");
  CHECK_THROWS_WITH_AS(io::read_sharded_safetensors(index), Contains("m-2.safetensors: has no array 'd', but"),
                       io_error);
  write_index(R"({"a": "m-3.safetensors"})");
  CHECK_THROWS_WITH_AS(io::read_sharded_safetensors(index), Contains("m-3.safetensors: cannot open"), io_error);
  for (char const* outside : {"../m-1.safetensors", "/etc/passwd", "sub/m.safetensors", "..", ""}) {
    write_index(R"({"a": ")" + std::string(outside) + R"("})");
    CHECK_THROWS_WITH_AS(io::read_sharded_safetensors(index), Contains("is not the plain name of a file"), io_error);
  }
  write_index(R"({"a": 1})");
  CHECK_THROWS_WITH_AS(io::read_sharded_safetensors(index), Contains("expected a string"), io_error);
}
