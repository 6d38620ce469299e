#include <parapet/guard/windows.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace parapet;
using guard::text_window;
using guard::token;

namespace {

/// n tokens of three bytes each.
std::vector<token> three_bytes_each(std::uint32_t n) {
  std::vector<token> out;
  for (std::uint32_t k = 0; k < n; ++k) out.push_back({0, 3 * k, 3 * k + 3});
  return out;
}

}  // namespace

TEST_CASE("windows cover the text, are no longer than asked, and share what they should") {
  for (std::uint32_t n : {11u, 12u, 50u, 101u})
    for (index_t size : {5, 9, 10})
      for (index_t overlap : {0, 1, 4}) {
        auto const windows = guard::token_windows(three_bytes_each(n), 3 * n, size, overlap);
        CAPTURE(n);
        CAPTURE(size);
        CAPTURE(overlap);
        CHECK(windows.front().begin == 0);
        CHECK(windows.back().end == 3 * n);
        std::size_t shortest = 3 * n, longest = 0;
        for (std::size_t i = 0; i < windows.size(); ++i) {
          std::size_t const length = windows[i].end - windows[i].begin;
          shortest = std::min(shortest, length);
          longest = std::max(longest, length);
          if (i > 0) CHECK(windows[i - 1].end - windows[i].begin == 3 * static_cast<std::size_t>(overlap));
        }
        CHECK(longest <= 3 * static_cast<std::size_t>(size));
        CHECK(longest - shortest <= 3);
        index_t const fewest = (static_cast<index_t>(n) - overlap + size - overlap - 1) / (size - overlap);
        CHECK(static_cast<index_t>(windows.size()) == fewest);
      }
}

TEST_CASE("a text that fits is one window, all of it") {
  CHECK(guard::token_windows(three_bytes_each(5), 17, 5, 2) == std::vector<text_window>{{0, 17}});
  CHECK(guard::token_windows({}, 0, 5, 2) == std::vector<text_window>{{0, 0}});
}

TEST_CASE("an overlap that leaves no step is refused") {
  CHECK_THROWS_WITH_AS(guard::token_windows(three_bytes_each(9), 27, 4, 4), doctest::Contains("share 4"), argument_error);
  CHECK_THROWS_AS(guard::token_windows(three_bytes_each(9), 27, 4, -1), argument_error);
}
