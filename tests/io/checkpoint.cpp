#include <parapet/io/checkpoint.hpp>

#include "io/temporary_folder.hpp"
#include "support/mutate.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <string>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {

/// Weights, a step counter, flags and settings, as a learner has them.
struct learner {
  std::vector<float> weights = std::vector<float>(12);
  std::vector<double> moments = std::vector<double>(3);
  std::int64_t step = 0;
  bool flags[3] = {};
  std::map<std::string, std::string> settings{{"hidden", "256"}, {"seed", "7"}};

  std::vector<tensor_ref> tensors() {
    return {named("actor.weights", matrix_view<float>(weights.data(), extents<2>{3, 4})),
            named("moments", vector_view<double>(moments.data(), extents<1>{3})),
            named("step", vector_view<std::int64_t>(&step, extents<1>{1})),
            named("flags", vector_view<bool>(flags, extents<1>{3})),
            named("nothing", vector_view<float>(nullptr, extents<1>{0}))};
  }
  std::vector<const_tensor_ref> tensors() const {
    std::vector<tensor_ref> const mine = const_cast<learner&>(*this).tensors();
    return {mine.begin(), mine.end()};
  }
  std::map<std::string, std::string> metadata() const { return settings; }

  friend bool operator==(learner const& a, learner const& b) {
    return a.weights == b.weights && a.moments == b.moments && a.step == b.step && std::equal(a.flags, a.flags + 3, b.flags);
  }
};

learner trained() {
  learner x;
  std::iota(x.weights.begin(), x.weights.end(), 0.25f);
  x.moments = {1e-300, -2, 3};
  x.step = 1'000'000'007;
  x.flags[1] = true;
  return x;
}

}  // namespace

TEST_CASE("what is saved is loaded, bit for bit, with the file's metadata") {
  support::temporary_folder const folder;
  learner const saved = trained();
  io::save_checkpoint(folder / "run", saved);
  learner loaded;
  loaded.settings = {{"hidden", "256"}};  // an object may declare fewer entries than the file has
  CHECK(io::load_checkpoint(folder / "run", loaded) == saved.settings);
  CHECK(loaded == saved);
}

TEST_CASE("metadata that differs is named, and the object is left alone") {
  support::temporary_folder const folder;
  std::string const path = folder / "run";
  io::save_checkpoint(path, trained());
  learner other;
  other.settings["hidden"] = "128";
  CHECK_THROWS_WITH_AS(io::load_checkpoint(path, other), (path + ": metadata 'hidden' is '256', expected '128'").c_str(),
                       io_error);
  other.settings = {{"data", "1234"}};
  CHECK_THROWS_WITH_AS(io::load_checkpoint(path, other), (path + ": has no metadata 'data', expected '1234'").c_str(),
                       io_error);
  CHECK(other == learner());
}

TEST_CASE("arrays that are missing, added, or of another type or shape are named, and the object is left alone") {
  support::temporary_folder const folder;
  std::string const path = folder / "run";
  learner const source = trained();
  learner target;
  auto const check = [&](auto change, std::string const& message) {
    std::vector<const_tensor_ref> tensors = source.tensors();
    change(tensors);
    io::write_safetensors(path, tensors, source.metadata());
    CHECK_THROWS_WITH_AS(io::load_checkpoint(path, target), (path + ": " + message).c_str(), io_error);
    CHECK(target == learner());
  };
  check([](auto& t) { t.erase(t.begin()); }, "has no array 'actor.weights'");
  check([](auto& t) { t.push_back(t[0]), t.back().name = "extra"; }, "has the array 'extra', which is not expected");
  check([](auto& t) { t[0].shape = {4, 3}; }, "array 'actor.weights' is f32 (4, 3), expected f32 (3, 4)");
  check([](auto& t) { t[0].shape = {12}; }, "array 'actor.weights' is f32 (12), expected f32 (3, 4)");
  check([](auto& t) { t[0].type = scalar_type::i32; }, "array 'actor.weights' is i32 (3, 4), expected f32 (3, 4)");
  check([](auto& t) { std::swap(t[0].name, t[1].name); }, "array 'actor.weights' is f64 (3), expected f32 (3, 4)");
}

TEST_CASE("a file that is cut anywhere is refused and changes nothing") {
  support::temporary_folder const folder;
  std::string const path = folder / "run";
  io::save_checkpoint(path, trained());
  std::string const bytes = io::read_file(path);
  for (std::size_t n = 0; n < bytes.size(); n += n < 16 || n + 16 > bytes.size() ? 1 : 23) {
    support::write_quickly(path, bytes.substr(0, n));
    learner target;
    CHECK_THROWS_WITH_AS(io::load_checkpoint(path, target), Contains(path.c_str()), io_error);
    CHECK(target == learner());
  }
}

TEST_CASE("a doctored file is loaded as a whole or not at all") {
  support::temporary_folder const folder;
  std::string const path = folder / "run";
  io::save_checkpoint(path, trained());
  std::string const bytes = io::read_file(path);
  int loaded = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    support::write_quickly(path, support::mutate(bytes, seed));
    learner target;
    try {
      io::load_checkpoint(path, target);
      ++loaded;  // only data were changed
    } catch (io_error const&) {
      CHECK(target == learner());
    }
  }
  CHECK(loaded > 0);
  CHECK(loaded < 150);
}

TEST_CASE("a flag that is no bool is found before anything is written to the object") {
  support::temporary_folder const folder;
  std::string const path = folder / "run";
  io::save_checkpoint(path, trained());
  std::string bytes = io::read_file(path);
  bytes.back() = 2;  // bools are last: they are the narrowest
  io::write_file(path, bytes);
  learner target;
  CHECK_THROWS_WITH_AS(io::load_checkpoint(path, target), Contains("array 'flags' is bool, but element 2 is 2"), io_error);
  CHECK(target == learner());
}

TEST_CASE("saving fails on a full disk and in a missing folder, and keeps the old checkpoint") {
  support::temporary_folder const folder;
  std::string const path = folder / "run";
  io::save_checkpoint(path, trained());
  learner later = trained();
  later.step = 2;
  support::with_full_disk(
      300, [&] { CHECK_THROWS_WITH_AS(io::save_checkpoint(path, later), Contains(path.c_str()), io_error); });
  learner loaded;
  io::load_checkpoint(path, loaded);
  CHECK(loaded == trained());
  CHECK(folder.count() == 1);
  CHECK_THROWS_AS(io::save_checkpoint(folder / "none/run", later), io_error);
  CHECK_THROWS_AS(io::load_checkpoint(folder / "none", loaded), io_error);
}
