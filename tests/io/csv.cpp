#include <parapet/io/csv.hpp>

#include "io/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace parapet;

namespace {

/// "2: a|b" for each record: its line and fields, or its error.
std::vector<std::string> records(std::string const& bytes, index_t max = 1 << 20) {
  support::temporary_folder const folder;
  support::write_quickly(folder / "a.csv", bytes);
  std::vector<std::string> out;
  for (io::csv_reader csv(folder / "a.csv", max); csv.next();) {
    out.push_back(std::to_string(csv.line_number()) + ": " + std::string(csv.error()));
    for (std::size_t i = 0; i < csv.fields().size(); ++i) out.back() += (i > 0 ? "|" : "") + csv.fields()[i];
  }
  return out;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("quotes, commas and line ends inside fields") {
  CHECK(records("a,b\n\"x, \"\"y\"\"\",2\n") == list{"1: a|b", "2: x, \"y\"|2"});
  CHECK(records("\xEF\xBB\xBF\"a\",b\r\n\"1\r\n2\n3\",\"\"\r\n\r\n,\r\n4,5") == list{"1: a|b", "2: 1\r\n2\n3|", "6: |", "7: 4|5"});
  CHECK(records("\"\n\"\"\n\"").size() == 1);
  CHECK(records("").empty());
}

TEST_CASE("what is no CSV is an error of its record") {
  CHECK(records("a\"b\"\nc\n") == list{"1: a quote inside a field that is not quoted", "2: c"});
  CHECK(records("\"a\"b\nc\n") == list{"1: text behind a closing quote", "2: c"});
  CHECK(records("a\n\"b\nc\n") == list{"1: a", "2: a quote that does not close"});
  CHECK(records("a\nbbbbbbbbb\nc\n", 5) == list{"1: a", "2: the line is too long", "3: c"});
  CHECK(records("a\n\"b\nc\nd\ne\nf\ng\"\nh\n", 4) == list{"1: a", "2: a quote that does not close"});
  CHECK(records("a\n\"\n\n\n\n\n\n\"\n", 4) == list{"1: a", "2: a quote that does not close"});  // line ends count too
}
