// The parts of an SVG file: styles, numbers, escaped text, and the ticks of an axis.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/io/text.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// Colours are SVG's: "none", a name, "#rrggbb". `dash` is a list of lengths, "4 3".
struct svg_style {
  std::string stroke = "none";
  std::string fill = "none";
  double width = 1.5;
  double opacity = 1;
  std::string dash = {};
};

namespace detail {

/// `text` for an element or an attribute. Throws argument_error where it is not UTF-8; XML has no control characters.
inline std::string svg_escape(std::string_view text) {
  if (index_t const bad = find_invalid_utf8(text); bad >= 0)
    throw argument_error(concat("svg: byte ", bad, " of the text ", printable(text), " is not UTF-8"));
  std::string out;
  for (char const c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

/// With `decimals` digits, whatever the locale; trailing zeros are cut where `trim` says so.
inline std::string svg_number(double value, int decimals = 2, bool trim = true) {
  char text[400];
  auto const end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals).ptr;
  std::string out(text, end);
  if (trim && out.find('.') != out.npos) {
    while (out.back() == '0') out.pop_back();
    if (out.back() == '.') out.pop_back();
  }
  return out.find_first_not_of("-0.") == out.npos ? out.substr(out[0] == '-' ? 1 : 0) : out;  // no minus zero
}

/// ` name="value"`.
inline std::string svg_attribute(std::string_view name, std::string_view value) {
  return concat(' ', name, "=\"", svg_escape(value), '"');
}
inline std::string svg_attribute(std::string_view name, double value) {
  return concat(' ', name, "=\"", svg_number(value), '"');
}

inline std::string svg_attributes(svg_style const& style) {
  std::string out = svg_attribute("fill", style.fill);
  if (style.fill != "none") out += " fill-rule=\"evenodd\"";
  if (style.stroke != "none") out += svg_attribute("stroke", style.stroke) + svg_attribute("stroke-width", style.width);
  if (!style.dash.empty()) out += svg_attribute("stroke-dasharray", style.dash);
  if (style.opacity != 1) out += svg_attribute("opacity", style.opacity);
  return out;
}

inline std::string svg_text(double x, double y, double size, std::string_view anchor, std::string_view text,
                            std::string_view more = "") {
  return concat("<text", svg_attribute("x", x), svg_attribute("y", y), svg_attribute("font-size", size),
                                 svg_attribute("text-anchor", anchor), more, '>', svg_escape(text), "</text>\n");
}

/// About how wide a text is in pixels: SVG cannot be asked.
inline double svg_text_width(std::string_view text, double size) {
  auto const letters =
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; });
  return 0.55 * size * static_cast<double>(letters);
}

/// Round numbers from low to high, about `wanted` of them, and the decimals that they need.
struct svg_ticks {
  std::vector<double> values;
  int decimals;
};
inline svg_ticks make_ticks(double low, double high, int wanted) {
  double const rough = (high - low) / wanted;
  double const power = std::pow(10.0, std::floor(std::log10(rough)));
  double const step = power * (rough < 1.5 * power ? 1 : rough < 3.5 * power ? 2 : rough < 7.5 * power ? 5 : 10);
  svg_ticks ticks{{}, std::clamp(static_cast<int>(-std::floor(std::log10(step) + 1e-9)), 0, 12)};
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) ticks.values.push_back(k * step);
  return ticks;
}

}  // namespace detail

}  // namespace parapet::inline PARAPET_ABI::io
