#include <parapet/io/svg.hpp>

#include "io/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <clocale>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace parapet;
using doctest::Contains;

namespace {

std::size_t count(std::string const& text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// Whether every element is closed by its own name and every attribute quoted: enough of XML for what is written here.
bool well_formed(std::string const& text) {
  std::vector<std::string> open;
  for (std::size_t at = 0; (at = text.find('<', at)) != text.npos;) {
    std::size_t const end = text.find('>', at);
    if (end == text.npos) return false;
    std::string const tag = text.substr(at + 1, end - at - 1);
    at = end;
    if (tag.find('<') != tag.npos || count(tag, "\"") % 2 != 0) return false;
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty();
}

io::rectangle const box{-3, 3, -3, 3};

}  // namespace

TEST_CASE("a figure of three panels with all that may be drawn") {
  std::vector<float> values(50 * 50);
  for (index_t i = 0; i < 50; ++i)
    for (index_t j = 0; j < 50; ++j)
      values[static_cast<std::size_t>(50 * i + j)] =
          0.8f - std::hypot(-3 + 6 * static_cast<float>(i) / 49, -3 + 6 * static_cast<float>(j) / 49);
  matrix_view<float const> const field(values.data(), extents<2>{50, 50});
  std::vector<double> const points{0, 0, 1, 1, 2, 0};
  io::svg_figure figure("Sets & <names>");
  for (char const* title : {"v = 0.5", "v = 1", "v = 1.5"}) {
    io::svg_panel& panel = figure.add_panel(box, title).labels("x [m]", "y [m]");
    panel.region(field, box, 0, {.fill = "#c6dbef"}, "{V <= 0}")
        .iso_line(field, box, 0, {.stroke = "black", .dash = "4 3"}, "true")
        .circle({1, -1}, 0.8, {.fill = "red", .opacity = 0.5}, "hazard")
        .polyline(matrix_view<double const>(points.data(), extents<2>{3, 2}), {.stroke = "blue"}, "path")
        .marker({0, 0}, 3, {.fill = "blue"})
        .text({1, -1}, "\u03b8 < 1");
  }
  std::string const text = figure.text();
  CHECK(well_formed(text));
  CHECK(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(count(text, "Sets &amp; &lt;names&gt;") == 1);
  CHECK(count(text, "\u03b8 &lt; 1") == 3);
  CHECK(count(text, "hazard") == 1);  // one entry of the legend for all panels
  CHECK(count(text, "overflow=\"hidden\"") == 3);
  CHECK(count(text, "stroke-dasharray=\"4 3\"") == 4);
  CHECK(count(text, "\u22122</text>") == 6);  // the tick -2 on two axes of three panels
  CHECK(count(text, "M135 135L180 90L225 135") == 3);  // (0, 0), (1, 1), (2, 0) on 270 pixels
  CHECK(count(text, "rx=\"36\" ry=\"36\"") == 3);      // a radius of 0.8 of 6 on 270 pixels

  support::temporary_folder const folder;
  figure.write(folder / "figure.svg");
  CHECK(io::read_file(folder / "figure.svg") == text);
  CHECK_THROWS_WITH_AS(figure.write(folder / "none/figure.svg"), Contains("none/figure.svg: "), io_error);
}

TEST_CASE("a region is its level set: the drawn path has its area") {
  std::vector<double> const values{-1, -1, 1, 1};  // -1 where x = -3, 1 where x = 3: the left half
  io::svg_figure figure("");
  figure.add_panel(box).region(matrix_view<double const>(values.data(), extents<2>{2, 2}), box, 0, {.fill = "gray"});
  CHECK(figure.text().find("d=\"M0 270L135 270L135 0L0 0Z\"") != std::string::npos);
}

TEST_CASE("points that are not finite leave gaps, points far away stay numbers") {
  double const nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  io::svg_figure figure("");
  figure.add_panel({0, 1, 0, 1})
      .polyline({{0, 0}, {0.5, nan}, {1, 1}, {1, 0}}, {.stroke = "black"})
      .polyline({{0, 0}, {1e300, -1e300}}, {.stroke = "black"})
      .circle({nan, 0}, 1, {.fill = "red"})
      .marker({0, infinity}, 1, {.fill = "red"})
      .circle({0.5, 0.5}, nan, {.fill = "red"})
      .text({nan, 0}, "nowhere");
  std::string const text = figure.text();
  CHECK(well_formed(text));
  CHECK(count(text, "M0 270M270 0L270 270") == 1);
  CHECK(count(text, "M0 270L100000 100000") == 1);
  CHECK(count(text, "<ellipse") == 0);
  for (char const* word : {"nan", "inf", "nowhere", "e+"}) CHECK(text.find(word) == text.npos);
}

TEST_CASE("ticks are round numbers inside the axis, written with the decimals that they need") {
  auto const check = [](double low, double high, std::vector<double> const& expected, int decimals) {
    io::detail::svg_ticks const ticks = io::detail::make_ticks(low, high, 5);
    REQUIRE(ticks.values.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(ticks.values[i] == doctest::Approx(expected[i]));
    CHECK(ticks.decimals == decimals);
  };
  check(-3, 3, {-3, -2, -1, 0, 1, 2, 3}, 0);
  check(0, 1, {0, 0.2, 0.4, 0.6, 0.8, 1}, 1);
  check(0.101, 0.109, {0.102, 0.104, 0.106, 0.108}, 3);
  check(0, 1234, {0, 200, 400, 600, 800, 1000, 1200}, 0);
  check(-0.05, 0.05, {-0.04, -0.02, 0, 0.02, 0.04}, 2);
}

TEST_CASE("numbers do not depend on the locale") {
  if (std::setlocale(LC_NUMERIC, "de_DE.UTF-8") == nullptr) MESSAGE("no German locale here: checked in the C locale");
  CHECK(io::detail::svg_number(1234.5) == "1234.5");
  std::setlocale(LC_NUMERIC, "C");
  CHECK(io::detail::svg_number(-0.001) == "0");
  CHECK(io::detail::svg_number(100) == "100");
  CHECK(io::detail::svg_number(0.1, 3, false) == "0.100");
  CHECK(io::detail::svg_number(1e300).size() == 301);
}

TEST_CASE("bad axes, sizes and text are refused; an empty figure is a figure") {
  double const nan = std::nan("");
  io::svg_figure figure("title");
  CHECK(well_formed(figure.text()));
  for (io::rectangle const& axes :
       {io::rectangle{1, 1, 0, 1}, {0, 1, 1, 0}, {nan, 1, 0, 1}, {0, INFINITY, 0, 1}, {-1e308, 1e308, 0, 1}})
    CHECK_THROWS_AS(figure.add_panel(axes), argument_error);
  CHECK_THROWS_AS(io::svg_figure("", 0), argument_error);
  CHECK_THROWS_AS(io::svg_figure("", 1, -5), argument_error);
  CHECK_THROWS_AS(io::svg_figure("", 1, nan), argument_error);
  CHECK_THROWS_WITH_AS(figure.add_panel({0, 1, 0, 1}).text({0, 0}, "\xff"), Contains("not UTF-8"), argument_error);
  std::vector<double> const points(6);
  CHECK_THROWS_AS(figure.add_panel({0, 1, 0, 1}).polyline(matrix_view<double const>(points.data(), extents<2>{2, 3}), {}),
                  shape_error);
}

TEST_CASE("attributes cannot be left by a quote in a style") {
  io::svg_figure figure("");
  figure.add_panel({0, 1, 0, 1}).circle({0, 0}, 1, {.fill = "red\"/><script>"}, "a\"b");
  CHECK(well_formed(figure.text()));
  CHECK(figure.text().find("<script>") == std::string::npos);
}
