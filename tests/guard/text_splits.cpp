#include <parapet/guard/text_splits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace parapet;

namespace {
std::vector<index_t> numbers(index_t n, index_t every = 1) {
  std::vector<index_t> out;
  for (index_t i = 0; i < n; ++i) out.push_back(i / every);
  return out;
}
}  // namespace

TEST_CASE("prompts are the same up to case, spaces and punctuation") {
  std::vector<std::string> const prompts{"How are you?", "how  are you", "How are they?", "HOWAREYOU!\n", "\u00e4", "\u00e5", "?"};
  CHECK(guard::group_prompts(std::span<std::string const>(prompts), [](std::string const& s) { return s; }) ==
        std::vector<index_t>{0, 0, 1, 0, 2, 3, 4});
}

TEST_CASE("folds keep groups whole, are of one size, and repeat by seed") {
  std::vector<index_t> const group = numbers(90, 3);
  std::vector<int> const fold = guard::k_folds(group, 5, 1);
  for (std::size_t i = 0; i < 90; ++i) CHECK(fold[i] == fold[i - i % 3]);
  for (int f = 0; f < 5; ++f) CHECK(std::count(fold.begin(), fold.end(), f) == 18);
  CHECK(guard::k_folds(group, 5, 1) == fold);
  CHECK(guard::k_folds(group, 5, 2) != fold);
  CHECK_THROWS_AS(guard::k_folds(group, 31, 1), argument_error);
  // The same folds on every machine: tests/bench/guard_floor_peer.py has them too.
  CHECK(guard::k_folds(numbers(12), 3, 0) == std::vector<int>{2, 1, 2, 2, 0, 0, 1, 0, 1, 2, 1, 0});
}

TEST_CASE("every fold has its share of every stratum") {
  std::vector<index_t> stratum;
  for (index_t i = 0; i < 100; ++i) stratum.push_back(i < 20 ? 7 : 3);
  std::vector<int> const fold = guard::k_folds(numbers(100), 5, 3, stratum);
  for (int f = 0; f < 5; ++f) {
    CHECK(std::count(fold.begin(), fold.begin() + 20, f) == 4);
    CHECK(std::count(fold.begin() + 20, fold.end(), f) == 16);
  }
  CHECK_THROWS_AS(guard::k_folds(numbers(3), 2, 0, stratum), shape_error);
}

TEST_CASE("splits of folds and sources hold out what they say") {
  std::vector<int> const fold{0, 1, 2, 0, 1, 2};
  std::vector<index_t> const source{5, 5, 5, 9, 9, 9};
  CHECK(guard::k_fold_splits(fold)[1] == guard::text_split{{0, 2, 3, 5}, {1, 4}});
  std::vector<guard::text_split> const by_source = guard::leave_one_out(source);
  CHECK(by_source.size() == 2);
  CHECK(by_source[0] == guard::text_split{{3, 4, 5}, {0, 1, 2}});
  std::vector<guard::text_split> const both = guard::leave_one_out(source, fold);
  CHECK(both.size() == 6);
  CHECK(both[0] == guard::text_split{{4, 5}, {0}});
  CHECK(both[5] == guard::text_split{{0, 1}, {5}});
  CHECK_THROWS_AS(guard::leave_one_out(source, std::vector<int>{0}), shape_error);
}
