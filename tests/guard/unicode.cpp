#include <parapet/guard/unicode.hpp>

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

using namespace parapet;

namespace {

std::u32string code_points(std::string const& hex) {
  std::istringstream in(hex);
  std::u32string out;
  for (unsigned code; in >> std::hex >> code;) out += static_cast<char32_t>(code);
  return out;
}

}  // namespace

TEST_CASE("categories, lower case and normal forms are unicodedata's") {
  std::ifstream file("goldens/guard/unicode.txt");
  REQUIRE(file);
  int forms = 0, codes = 0, wrong = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line.substr(2));
    if (line[0] == 'n') {
      std::u32string wanted[5];
      for (auto& w : wanted) {
        std::string field;
        std::getline(in, field, '|');
        w = code_points(field);
      }
      using enum guard::normal_form;
      int k = 1;
      for (auto const form : {nfd, nfc, nfkd, nfkc}) wrong += guard::normalize(wanted[0], form) != wanted[k++];
      ++forms;
    } else {
      unsigned code = 0;
      int category = 0;
      std::string lower;
      in >> std::hex >> code >> std::dec >> category;
      std::getline(in, lower);
      std::u32string got;
      guard::append_lower(got, static_cast<char32_t>(code));
      wrong += static_cast<int>(guard::category_of(static_cast<char32_t>(code))) != category;
      wrong += got != code_points(lower);
      ++codes;
    }
  }
  CHECK(forms == 1500);
  CHECK(codes == 2009);
  CHECK(wrong == 0);
}

TEST_CASE("a long run of marks is sorted, not shifted") {
  std::u32string text = U"a";
  for (int k = 0; k < 200000; ++k) text += k % 2 ? U'\u0323' : U'\u0301';  // classes 220 and 230
  std::u32string const composed = guard::normalize(text, guard::normal_form::nfc);
  CHECK(composed.size() == 200000);
  CHECK(composed[0] == U'\u1EA1');
  CHECK(composed.back() == U'\u0301');
}
