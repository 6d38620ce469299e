#include <parapet/io/mapped_model.hpp>

#include "io/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {

std::vector<float> const values = [] {
  std::vector<float> v(1 << 16);
  std::iota(v.begin(), v.end(), 0.0f);
  return v;
}();

const_tensor_ref array(std::string name, index_t n) {
  return named(std::move(name), vector_view<float const>(values.data(), extents<1>{n}));
}

/// A model of two files with four arrays.
struct folder_with_shards {
  support::temporary_folder folder;

  folder_with_shards() {
    io::write_safetensors(folder / "m-1.safetensors", {array("a", 4), array("b", 1)});
    io::write_safetensors(folder / "m-2.safetensors", {array("c", 3), array("d", 1 << 16)});
    index(R"({"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors", "d": "m-2.safetensors"})");
  }
  void index(std::string const& map) const {
    support::write_quickly(folder / "model.safetensors.index.json", R"({"metadata": {}, "weight_map": )" + map + "}");
  }
};

/// Pages of an array that are in this process's memory. REQUIREs Linux's /proc/self/pagemap.
long resident_pages(const_tensor_ref const& tensor) {
  auto const page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto const begin = reinterpret_cast<std::uintptr_t>(tensor.data) / page, end = begin + static_cast<std::uintptr_t>(tensor.bytes()) / page;
  std::FILE* const map = std::fopen("/proc/self/pagemap", "rb");
  REQUIRE(map != nullptr);
  long resident = 0;
  for (std::uintptr_t k = begin; k < end; ++k) {
    std::uint64_t entry = 0;
    REQUIRE(std::fseek(map, static_cast<long>(k * sizeof entry), SEEK_SET) == 0);
    REQUIRE(std::fread(&entry, sizeof entry, 1, map) == 1);
    resident += static_cast<long>(entry >> 63);
  }
  std::fclose(map);
  return resident;
}

}  // namespace

TEST_CASE("the arrays of a folder with shards, by name") {
  folder_with_shards const f;
  io::mapped_model opened(f.folder.path());
  io::mapped_model const model = std::move(opened);
  CHECK(model.path() == f.folder.path());
  CHECK(model.files().size() == 2);
  REQUIRE(model.tensors().size() == 4);
  CHECK(model.tensors()[0].name == "a");
  CHECK(model.view<float, 1>("c")[2] == 2);
  CHECK(model.at("d").data != nullptr);
  CHECK(model.file_of("c") == f.folder / "m-2.safetensors");
  CHECK(model.contains("a"));
  CHECK_FALSE(model.contains("e"));
  CHECK_THROWS_WITH_AS(model.at("e"), Contains(": none of the 4 arrays is named 'e'"), io_error);
  CHECK_THROWS_WITH_AS((model.view<float, 2>("c")), Contains("m-2.safetensors: array 'c' is f32 (3), expected f32 with 2 axes"), io_error);
  CHECK_THROWS_WITH_AS((model.view<double, 1>("c")), Contains("expected f64 with 1 axes"), io_error);
}

TEST_CASE("one file: in a folder, by its name, or without alignment") {
  support::temporary_folder const folder;
  CHECK_THROWS_WITH_AS(io::mapped_model(folder.path()), Contains("has neither model.safetensors nor"), io_error);
  CHECK_THROWS_WITH_AS(io::mapped_model(folder / "none"), Contains("none: cannot open: No such file"), io_error);
  io::write_safetensors(folder / "model.safetensors", {array("a", 4)});
  CHECK(io::mapped_model(folder.path()).view<float, 1>("a")[3] == 3);
  CHECK(io::mapped_model(folder / "model.safetensors").tensors().size() == 1);

  std::string const header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   )";
  support::write_quickly(folder / "odd", std::string{static_cast<char>(header.size()), 0, 0, 0, 0, 0, 0, 0} + header +
                                             std::string("\0\0\x80\x3f", 4));
  io::mapped_model const odd(folder / "odd");
  CHECK(odd.view<float, 1>("a")[0] == 1.0f);
  CHECK(odd.files()[0].copied_bytes() == 4);
}

TEST_CASE("what a folder lacks is said with file and array") {
  folder_with_shards const f;
  auto const opening = [&] { io::mapped_model const model(f.folder.path()); };
  f.index(R"({"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"})");
  CHECK_THROWS_WITH_AS(opening(), Contains("m-2.safetensors: array 'd' is not in "), io_error);
  f.index(R"({"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors", "d": "m-2.safetensors", "e": "m-1.safetensors"})");
  CHECK_THROWS_WITH_AS(opening(), Contains("m-1.safetensors: has no array 'e', but "), io_error);
  f.index(R"({"a": "../m-1.safetensors"})");
  CHECK_THROWS_WITH_AS(opening(), Contains("'../m-1.safetensors' is not the plain name of a file"), io_error);
  f.index(R"({"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-3.safetensors", "d": "m-2.safetensors"})");
  CHECK_THROWS_WITH_AS(opening(), Contains("m-2.safetensors: array 'c' is here, but "), io_error);
  f.index(R"({"a": "m-1.safetensors", "b": "m-1.safetensors", "e": "m-3.safetensors"})");
  CHECK_THROWS_WITH_AS(opening(), Contains("m-3.safetensors: cannot open: No such file"), io_error);

  f.index(R"({"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors", "d": "m-2.safetensors"})");
  io::write_safetensors(f.folder / "m-1.safetensors", {array("a", 4), array("b", 1), array("c", 3)});
  CHECK_THROWS_WITH_AS(opening(), Contains("m-1.safetensors: array 'c' is here, but "), io_error);  // it is in both files
}

TEST_CASE("a file that is cut after it was mapped is noticed before its arrays are read") {
  folder_with_shards const f;
  io::mapped_model const model(f.folder.path());
  auto const size = std::filesystem::file_size(f.folder / "m-2.safetensors");
  std::filesystem::resize_file(f.folder / "m-2.safetensors", size - 1);
  CHECK(model.view<float, 1>("a")[3] == 3);
  std::string const message = "m-2.safetensors: had " + std::to_string(size) + " bytes when it was mapped, and has " + std::to_string(size - 1);
  CHECK_THROWS_WITH_AS(model.at("c"), Contains(message.c_str()), io_error);
}

TEST_CASE("pages are given back and come again") {
  folder_with_shards const f;
  io::mapped_model const model(f.folder.path());
  model.expect_sequential();
  if (::access("/proc/self/pagemap", R_OK) != 0) {
    MESSAGE("skipped: no /proc/self/pagemap here");
    return;
  }
  const_tensor_ref const& d = model.at("d");
  auto const view = model.view<float, 1>("d");
  auto const sum = [&] {
    double total = 0;
    for (index_t i = 0; i < view.size(); ++i) total += static_cast<double>(view[i]);
    return total;
  };
  double const before = sum();
  CHECK(resident_pages(d) > 60);
  model.forget(d);
  CHECK(resident_pages(d) == 0);
  CHECK(sum() == before);
  CHECK(resident_pages(d) > 60);
}
