#include <parapet/io/line_reader.hpp>

#include "io/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace parapet;

namespace {
std::vector<std::string> lines_of(std::string const& path, index_t max = 1 << 20) {
  std::vector<std::string> out;
  for (io::line_reader reader(path, max); reader.next();) out.push_back(std::string(reader.line()) + (reader.cut() ? "..." : ""));
  return out;
}
}  // namespace

TEST_CASE("lines with either end, with and without the last one") {
  support::temporary_folder const folder;
  std::string const path = folder / "a.txt";
  using lines = std::vector<std::string>;
  auto const read = [&](std::string const& bytes) {
    support::write_quickly(path, bytes);
    return lines_of(path);
  };
  CHECK(read("").empty());
  CHECK(read("\xEF\xBB\xBF").empty());
  CHECK(read("a\nb\r\n\nc") == lines{"a", "b", "", "c"});
  CHECK(read("\xEF\xBB\xBF" "a\n\xEF\xBB\xBF") == lines{"a", "\xEF\xBB\xBF"});
  CHECK(read("a\rb\r\n") == lines{"a\rb"});
}

TEST_CASE("a line goes on over chunks, and is cut where it is too long") {
  support::temporary_folder const folder;
  std::string const path = folder / "a.txt";
  std::string const longer(600'000, 'x');  // more than two chunks
  support::write_quickly(path, "a\n" + longer + "\r\nb\n" + longer);
  CHECK(lines_of(path) == std::vector<std::string>{"a", longer, "b", longer});
  CHECK(lines_of(path, 10) == std::vector<std::string>{"a", "xxxxxxxxxx...", "b", "xxxxxxxxxx..."});
  for (index_t at = 262'140; at < 262'148; ++at) {  // line ends around the end of a chunk
    std::string const first(static_cast<std::size_t>(at), 'y');
    support::write_quickly(path, first + "\r\nz");
    CHECK(lines_of(path) == std::vector<std::string>{first, "z"});
  }
  CHECK_THROWS_AS(io::line_reader(path, 0), argument_error);
}
