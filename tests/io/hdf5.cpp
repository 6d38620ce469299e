#include <doctest/doctest.h>

#if !defined(WITH_HDF5)
TEST_CASE("hdf5: left out, HDF5 was not found") { MESSAGE("left out: HDF5 was not found"); }
#else

#include <parapet/io/hdf5.hpp>

#include "io/temporary_folder.hpp"

#include <cstring>
#include <string>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {
std::string const reference = "goldens/io/reference.h5";
}

TEST_CASE("h5py's file is read as it is: types, shapes, values, text attributes") {
  tensor_archive const file = io::read_hdf5(
      reference,
      {{"observations"}, {"rewards"}, {"costs"}, {"terminals"}, {"plain"}, {"big_endian"}, {"f2"}, {"scalar"}, {"none"}});
  CHECK(file.metadata() == std::map<std::string, std::string>{{"env", "PointRobot \u00e4"}, {"fixed", "abc"}});
  auto const observations = file.view<float, 2>("observations");
  auto const rewards = file.view<double, 1>("rewards");
  auto const costs = file.view<std::int64_t, 2>("costs");
  auto const terminals = file.view<bool, 1>("terminals");
  REQUIRE(observations.shape() == extents<2>{300, 2});
  REQUIRE(costs.shape() == extents<2>{300, 1});
  REQUIRE(rewards.size() == 300);
  REQUIRE(terminals.size() == 300);
  for (index_t i = 0; i < 300; ++i) {
    for (index_t j = 0; j < 2; ++j) CHECK(observations(i, j) == static_cast<float>(2 * i + j) / 4 - 1);
    CHECK(rewards[i] == static_cast<double>(i) / 4 - 1);
    CHECK(costs(i, 0) == i * i);
    CHECK(terminals[i] == (i % 3 == 0));
  }
  for (index_t k = 0; k < 5; ++k) CHECK(file.view<std::uint8_t, 1>("plain")[k] == k * k);
  for (index_t k = 0; k < 6; ++k) {
    CHECK(file.view<float, 2>("big_endian")(k / 3, k % 3) == static_cast<float>(k) / 4 - 1);
    CHECK(file.view<float, 2>("f2")(k / 3, k % 3) == static_cast<float>(k) / 4 - 1);
  }
  CHECK(file.at("scalar").shape.empty());
  CHECK(*reinterpret_cast<double const*>(file.at("scalar").data) == 2.5);
  CHECK(file.at("none").shape == std::vector<index_t>{0, 3});
}

TEST_CASE("datasets are converted to float and to one axis where that is asked") {
  std::vector<io::hdf5_request> requests;
  for (char const* name : {"rewards", "costs", "terminals"}) requests.push_back({name, scalar_type::f32, 1});
  requests.push_back({"plain", scalar_type::f64});
  requests.push_back({"observations", {}, 2});
  tensor_archive const file = io::read_hdf5(reference, requests);
  for (index_t i = 0; i < 300; ++i) {
    CHECK(file.view<float, 1>("rewards")[i] == static_cast<float>(i) / 4 - 1);
    CHECK(file.view<float, 1>("costs")[i] == static_cast<float>(i * i));
    CHECK(file.view<float, 1>("terminals")[i] == (i % 3 == 0 ? 1.0f : 0.0f));
  }
  CHECK(file.view<double, 1>("plain")[4] == 16.0);
  CHECK_THROWS_WITH_AS(io::read_hdf5(reference, {{"observations", {}, 1}}),
                       "goldens/io/reference.h5: dataset 'observations': has shape (300, 2), expected 1 axes", io_error);
  CHECK_THROWS_WITH_AS(io::read_hdf5(reference, {{"rewards", {}, 2}}), Contains("has shape (300), expected 2 axes"),
                       io_error);
  CHECK_THROWS_WITH_AS(io::read_hdf5(reference, {{"rewards", scalar_type::i32}}), Contains("f32 or f64 only"),
                       argument_error);
}

TEST_CASE("the datasets of the root group are listed; links and groups are not") {
  CHECK(io::hdf5_names(reference) == std::vector<std::string>{"big_endian", "bomb", "costs", "elsewhere", "f2", "levels",
                                                              "lzf", "none", "observations", "plain", "rewards", "scalar",
                                                              "terminals", "text"});
}

TEST_CASE("what cannot be or should not be read is refused, by file and dataset") {
  auto const refused = [](char const* name, char const* message) {
    CAPTURE(name);
    std::string const where = "goldens/io/reference.h5: dataset '" + std::string(name) + "'";
    CHECK_THROWS_WITH_AS(io::read_hdf5(reference, {{name}}), Contains(where.c_str()), io_error);
    CHECK_THROWS_WITH_AS(io::read_hdf5(reference, {{name}}), Contains(message), io_error);
  };
  refused("nothing", "does not exist");
  refused("text", "not a number");
  refused("levels", "not a number of at most 64 bits or a bool");
  refused("group", "cannot be opened");
  refused("soft", "is a link to another place");
  refused("outside", "is a link to another place");
  refused("elsewhere", "its data lie in other files");
  if (H5Zfilter_avail(32000) <= 0) refused("lzf", "needs the filter 32000 'lzf', which this libhdf5 does not have");
  refused("bomb", "has more than the limit");
  CHECK_THROWS_WITH_AS(io::read_hdf5(reference, {{"bomb"}}, {.max_bytes = index_t{1} << 50}),
                       Contains("claims 4398046511104 bytes of data, of which the file stores 0"), io_error);
  CHECK_THROWS_WITH_AS(io::read_hdf5(reference, {{"observations"}}, {.max_bytes = 2399}),
                       Contains("more than the limit of 2399 bytes"), io_error);
  CHECK_NOTHROW(io::read_hdf5(reference, {{"observations"}}, {.max_bytes = 2400}));
  CHECK_THROWS_WITH_AS(io::read_hdf5(reference, {}, {.max_attributes = 2}), Contains("more than 2 attributes"), io_error);
  CHECK_THROWS_WITH_AS(io::read_hdf5(reference, {}, {.max_text = 3}), Contains("attribute 'env': its text is too long"),
                       io_error);
  CHECK_THROWS_AS(io::read_hdf5(reference, {{"group/x"}}), argument_error);
}

TEST_CASE("a file that is not HDF5, or half of one, is an io_error and prints nothing") {
  support::temporary_folder const folder;
  CHECK_THROWS_WITH_AS(io::read_hdf5(folder / "none", {}), Contains("cannot open"), io_error);
  CHECK_THROWS_WITH_AS(io::read_hdf5("goldens/io/write_goldens.py", {}),
                       Contains("write_goldens.py: cannot be opened as HDF5"), io_error);
  std::string const bytes = io::read_file(reference);
  for (std::size_t n = 0; n < bytes.size(); n += 1111) {
    support::write_quickly(folder / "cut", bytes.substr(0, n));
    CHECK_THROWS_WITH_AS(io::read_hdf5(folder / "cut", {{"observations"}}), Contains((folder / "cut").c_str()), io_error);
  }
}

TEST_CASE("what is written is read back, compressed or not, with its metadata") {
  support::temporary_folder const folder;
  tensor_archive const file =
      io::read_hdf5(reference, {{"observations"}, {"rewards"}, {"costs"}, {"terminals"}, {"plain"}, {"scalar"}, {"none"}});
  std::vector<const_tensor_ref> tensors(file.tensors().begin(), file.tensors().end());
  std::vector<float> const large(700'000, 0.5f);  // several chunks
  tensors.push_back(named("large", tensor_view<float const, 3>(large.data(), extents<3>{7, 1, 100'000})));
  std::map<std::string, std::string> const metadata{{"env", "PointRobot \u00e4"}, {"empty", ""}};
  for (int const gzip : {0, 1, 9}) {
    io::write_hdf5(folder / "copy", tensors, metadata, gzip);
    std::vector<io::hdf5_request> requests;
    for (const_tensor_ref const& tensor : tensors) requests.push_back({tensor.name});
    tensor_archive const copy = io::read_hdf5(folder / "copy", requests);
    CHECK(copy.metadata() == metadata);
    for (const_tensor_ref const& a : tensors) {
      const_tensor_ref const b = copy.at(a.name);
      CHECK(a.type == b.type);
      CHECK(a.shape == b.shape);
      CHECK((a.bytes() == 0 || std::memcmp(a.data, b.data, static_cast<std::size_t>(a.bytes())) == 0));
    }
    CHECK((io::file_reader(folder / "copy").size() < 100'000) == (gzip > 0));
  }
  CHECK(folder.count() == 1);
}

TEST_CASE("writing: bad requests, a full disk, a missing folder: an error, and the old file stays") {
  support::temporary_folder const folder;
  std::vector<float> const x(100'000, 1.5f);
  const_tensor_ref const tensor = named("x", vector_view<float const>(x.data(), extents<1>{100'000}));
  std::string const path = folder / "f";
  io::write_hdf5(path, {}, {{"old", "file"}});
  auto const renamed = [&](std::string name, scalar_type type) {
    return const_tensor_ref{std::move(name), type, {1}, tensor.data};
  };
  CHECK_THROWS_AS(io::write_hdf5(path, {tensor}, {}, 10), argument_error);
  CHECK_THROWS_WITH_AS(io::write_hdf5(path, {renamed("x", scalar_type::f16)}), Contains("arrays of f16"), argument_error);
  CHECK_THROWS_AS(io::write_hdf5(path, {renamed("a/b", scalar_type::f32)}), argument_error);
  CHECK_THROWS_WITH_AS(io::write_hdf5(path, {tensor, tensor}), Contains("dataset 'x': cannot be created"), io_error);
  CHECK_THROWS_AS(io::write_hdf5(path, {}, {{"k", std::string("a\0b", 3)}}), argument_error);
  CHECK_THROWS_WITH_AS(io::write_hdf5(folder / "none/f", {tensor}), Contains((folder / "none/f").c_str()), io_error);
  for (long const bytes : {100L, 3000L, 200'000L})
    support::with_full_disk(bytes, [&] {
      CHECK_THROWS_WITH_AS(io::write_hdf5(path, {tensor}, {}, 0), Contains((path + ": ").c_str()), io_error);
    });
  CHECK(io::read_hdf5(path, {}).metadata().at("old") == "file");
  CHECK(folder.count() == 1);
}

#endif
