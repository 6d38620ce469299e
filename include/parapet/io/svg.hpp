// Figures as SVG: panels with axes, lines, regions, circles, level sets of a field, and one legend for all panels.
//
//     io::svg_figure figure("Learnt and true safe set");
//     io::svg_panel& panel = figure.add_panel({-3, 3, -3, 3}, "v = 0.5");
//     panel.region(values, box, 0, {.fill = "#9ecae1"}, "{V <= 0}");
//     panel.polyline(points, {.stroke = "#08519c"}, "trajectory");
//     figure.write("safe_set.svg");
//
// Points are in the units of the axes, widths and radii of markers in pixels. What is drawn later lies on top. Drawings
// with the same label are one entry of the legend.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/io/contour.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/svg_element.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// One pair of axes. Made by svg_figure::add_panel.
class svg_panel {
public:
  svg_panel(rectangle const& axes, std::string title, double width, double height)
      : axes_(axes), title_(std::move(title)), width_(width), height_(height) {
    bool const finite = std::isfinite(axes.x_high - axes.x_low) && std::isfinite(axes.y_high - axes.y_low);
    if (!finite || !(axes.x_low < axes.x_high && axes.y_low < axes.y_high))
      throw argument_error("svg: a panel's axes must have finite ends, the lower one first");
  }

  svg_panel& labels(std::string x_label, std::string y_label) {
    x_label_ = std::move(x_label);
    y_label_ = std::move(y_label);
    return *this;
  }

  /// A line through points; a point that is not finite leaves a gap.
  svg_panel& polyline(std::vector<point2> const& points, svg_style const& style, std::string const& label = "") {
    return path({contour{points, false}}, style, label);
  }
  /// A line through the rows of `points` (n, 2).
  template <class T>
  svg_panel& polyline(matrix_view<T> const& points, svg_style const& style, std::string const& label = "") {
    check_shape("svg: points", points.shape(), extents{points.extent(0), index_t{2}});
    std::vector<point2> list;
    for (index_t i = 0; i < points.extent(0); ++i)
      list.push_back({static_cast<double>(points(i, 0)), static_cast<double>(points(i, 1))});
    return polyline(list, style, label);
  }

  /// The set {field <= level}; `field` (nx, ny) is spread over `box`.
  template <class T>
  svg_panel& region(matrix_view<T> const& field, rectangle const& box, double level, svg_style const& style,
                    std::string const& label = "") {
    return path(region_outline(field, box, level), style, label);
  }
  /// The lines {field = level}.
  template <class T>
  svg_panel& iso_line(matrix_view<T> const& field, rectangle const& box, double level, svg_style const& style,
                      std::string const& label = "") {
    return path(iso_lines(field, box, level), style, label);
  }

  /// A circle with its radius in units of the axes.
  svg_panel& circle(point2 centre, double radius, svg_style const& style, std::string const& label = "") {
    return ellipse(centre, radius * x_scale(), radius * y_scale(), style, label);
  }
  /// A dot with its radius in pixels.
  svg_panel& marker(point2 centre, double pixels, svg_style const& style, std::string const& label = "") {
    return ellipse(centre, pixels, pixels, style, label);
  }
  /// Text centred at a point.
  svg_panel& text(point2 at, std::string_view text, double size = 10) {
    if (visible(at)) body_ += detail::svg_text(pixel_x(at), pixel_y(at) + 0.35 * size, size, "middle", text);
    return *this;
  }

private:
  friend class svg_figure;

  enum class swatch { line, area, dot };
  struct legend_entry {
    std::string label;
    swatch kind;
    svg_style style;
  };

  double x_scale() const { return width_ / (axes_.x_high - axes_.x_low); }
  double y_scale() const { return height_ / (axes_.y_high - axes_.y_low); }
  /// Pixels from the upper left corner of the axes; far outside is cut, so that no renderer is given huge numbers.
  double pixel_x(point2 p) const { return std::clamp((p.x - axes_.x_low) * x_scale(), -1e5, 1e5); }
  double pixel_y(point2 p) const { return std::clamp((axes_.y_high - p.y) * y_scale(), -1e5, 1e5); }
  static bool visible(point2 p) { return std::isfinite(p.x) && std::isfinite(p.y); }

  svg_panel& path(std::vector<contour> const& lines, svg_style const& style, std::string const& label) {
    std::string commands;
    for (contour const& line : lines) {
      bool drawing = false;
      for (point2 const& p : line.points) {
        if (visible(p))
          commands += (drawing ? 'L' : 'M') + detail::svg_number(pixel_x(p)) + ' ' + detail::svg_number(pixel_y(p));
        drawing = visible(p);
      }
      if (line.closed && drawing) commands += 'Z';
    }
    if (!commands.empty()) body_ += detail::concat("<path d=\"", commands, '"', detail::svg_attributes(style), "/>\n");
    return remember(label, style.fill == "none" ? swatch::line : swatch::area, style);
  }

  svg_panel& ellipse(point2 centre, double rx, double ry, svg_style const& style, std::string const& label) {
    using detail::svg_attribute;
    if (visible(centre) && rx >= 0 && ry >= 0)
      body_ += detail::concat("<ellipse", svg_attribute("cx", pixel_x(centre)), svg_attribute("cy", pixel_y(centre)),
                                       svg_attribute("rx", std::min(rx, 1e5)), svg_attribute("ry", std::min(ry, 1e5)),
                                       detail::svg_attributes(style), "/>\n");
    return remember(label, swatch::dot, style);
  }

  svg_panel& remember(std::string const& label, swatch kind, svg_style const& style) {
    auto const same = [&](legend_entry const& entry) { return entry.label == label; };
    if (!label.empty() && std::find_if(legend_.begin(), legend_.end(), same) == legend_.end())
      legend_.push_back({label, kind, style});
    return *this;
  }

  /// The panel with the upper left corner of its axes at (left, top).
  std::string draw(double left, double top) const {
    using namespace detail;
    std::string grid, marks;
    svg_ticks const xs = make_ticks(axes_.x_low, axes_.x_high, std::max(2, static_cast<int>(width_ / 45)));
    svg_ticks const ys = make_ticks(axes_.y_low, axes_.y_high, std::max(2, static_cast<int>(height_ / 45)));
    auto const tick_label = [](double value, int decimals) {
      std::string const text = svg_number(value, decimals, false);
      return text[0] == '-' ? concat("\u2212", std::string_view(text).substr(1)) : text;
    };
    auto const line = [](double x1, double y1, double x2, double y2) {
      return concat('M', svg_number(x1), ' ', svg_number(y1), 'L', svg_number(x2), ' ', svg_number(y2));
    };
    std::string text;
    for (double const value : xs.values) {
      double const x = pixel_x({value, 0});
      grid += line(x, 0, x, height_);
      marks += line(left + x, top + height_, left + x, top + height_ + 4);
      text += svg_text(left + x, top + height_ + 16, 10, "middle", tick_label(value, xs.decimals));
    }
    double widest = 0;
    for (double const value : ys.values) {
      double const y = pixel_y({0, value});
      std::string const number = tick_label(value, ys.decimals);
      grid += line(0, y, width_, y);
      marks += line(left - 4, top + y, left, top + y);
      text += svg_text(left - 7, top + y + 3.5, 10, "end", number);
      widest = std::max(widest, svg_text_width(number, 10));
    }
    text += svg_text(left + width_ / 2, top - 9, 12, "middle", title_);
    if (!x_label_.empty()) text += svg_text(left + width_ / 2, top + height_ + 32, 11, "middle", x_label_);
    if (!y_label_.empty()) {
      double const x = left - 15 - widest, y = top + height_ / 2;
      text += svg_text(x, y, 11, "middle", y_label_,
                       detail::concat(" transform=\"rotate(-90 ", svg_number(x), ' ', svg_number(y), ")\""));
    }
    std::string const frame = svg_attribute("width", width_) + svg_attribute("height", height_);
    return detail::concat("<svg", svg_attribute("x", left), svg_attribute("y", top), frame, " overflow=\"hidden\">\n<rect",
                          frame, " fill=\"#fafafa\"/>\n<path d=\"", grid, "\" stroke=\"#e4e4e4\" stroke-width=\"0.8\"/>\n",
                          body_, "</svg>\n<rect", svg_attribute("x", left), svg_attribute("y", top), frame,
                          " fill=\"none\" stroke=\"#444\"/>\n<path d=\"", marks, "\" stroke=\"#444\"/>\n", text);
  }

  rectangle axes_;
  std::string title_, x_label_, y_label_;
  double width_, height_;
  std::string body_;
  std::vector<legend_entry> legend_;
};

/// Panels in rows, a title above and the legend below.
class svg_figure {
public:
  /// `columns` panels to a row, each `panel_width` pixels wide inside its axes. A `panel_height` of 0 gives both axes
  /// of a panel the same scale.
  explicit svg_figure(std::string title, int columns = 3, double panel_width = 270, double panel_height = 0)
      : title_(std::move(title)), columns_(columns), panel_width_(panel_width), panel_height_(panel_height) {
    if (columns < 1) throw argument_error(detail::concat("svg_figure: ", columns, " columns, expected at least 1"));
    if (!(panel_width > 0 && panel_width < 1e4 && panel_height >= 0 && panel_height < 1e4))
      throw argument_error("svg_figure: panels must be more than 0 and less than 10000 pixels wide and high");
  }

  /// The reference stays valid while the figure lives.
  svg_panel& add_panel(rectangle const& axes, std::string title = "") {
    double const equal = panel_width_ * (axes.y_high - axes.y_low) / (axes.x_high - axes.x_low);
    return panels_.emplace_back(axes, std::move(title), panel_width_, panel_height_ > 0 ? panel_height_ : equal);
  }

  /// The whole figure.
  std::string text() const {
    using namespace detail;
    constexpr double margin = 14, left = 50, right = 10, above = 26,
                     below = 40;  // around the figure; around the axes of a panel
    std::string body;
    double const columns = std::min<double>(columns_, static_cast<double>(std::max<std::size_t>(panels_.size(), 1)));
    double const cell = left + panel_width_ + right, width = 2 * margin + columns * cell;
    double y = margin;
    if (!title_.empty()) body += svg_text(width / 2, y + 14, 15, "middle", title_, " font-weight=\"bold\""), y += 22;
    for (std::size_t first = 0; first < panels_.size(); first += static_cast<std::size_t>(columns_)) {
      std::size_t const last = std::min(panels_.size(), first + static_cast<std::size_t>(columns_));
      double row = 0;
      for (std::size_t i = first; i < last; ++i) {
        body += panels_[i].draw(margin + static_cast<double>(i - first) * cell + left, y + above);
        row = std::max(row, panels_[i].height_);
      }
      y += above + row + below;
    }
    body += draw_legend(width, y);
    y += margin;
    std::string const size = svg_attribute("width", width) + svg_attribute("height", y);
    return detail::concat("<svg xmlns=\"http://www.w3.org/2000/svg\"", size, " viewBox=\"0 0 ", svg_number(width), ' ',
                          svg_number(y),
                          "\" font-family=\"Helvetica, Arial, sans-serif\" stroke-linejoin=\"round\">\n<rect", size,
                          " fill=\"white\"/>\n", body, "</svg>\n");
  }

  /// Writes text() to a file.
  void write(std::string const& path) const { write_file(path, text()); }

private:
  /// One entry for each label of all panels, in centred rows from y on; moves y below them.
  std::string draw_legend(double width, double& y) const {
    using namespace detail;
    std::vector<svg_panel::legend_entry> entries;
    for (svg_panel const& panel : panels_)
      for (auto const& entry : panel.legend_)
        if (std::none_of(entries.begin(), entries.end(), [&](auto const& other) { return other.label == entry.label; }))
          entries.push_back(entry);
    auto const width_of = [](svg_panel::legend_entry const& entry) { return 48 + svg_text_width(entry.label, 11); };
    std::string out;
    for (std::size_t first = 0; first < entries.size();) {
      std::size_t last = first;
      double total = 0;
      do total += width_of(entries[last++]);
      while (last < entries.size() && total + width_of(entries[last]) < width - 20);
      double x = std::max(4.0, (width - total + 16) / 2);
      for (; first < last; ++first) {
        svg_panel::legend_entry const& entry = entries[first];
        std::string const style = svg_attributes(entry.style);
        if (entry.kind == svg_panel::swatch::line)
          out += detail::concat("<path d=\"M", svg_number(x), ' ', svg_number(y + 8), "h24\"", style, "/>\n");
        else if (entry.kind == svg_panel::swatch::area)
          out += detail::concat("<rect", svg_attribute("x", x), svg_attribute("y", y + 2), " width=\"24\" height=\"12\"",
                                style, "/>\n");
        else
          out +=
              detail::concat("<circle", svg_attribute("cx", x + 18), svg_attribute("cy", y + 8), " r=\"6\"", style, "/>\n");
        out += svg_text(x + 30, y + 12, 11, "start", entry.label);
        x += width_of(entry);
      }
      y += 20;
    }
    return out;
  }

  std::string title_;
  int columns_;
  double panel_width_, panel_height_;
  std::deque<svg_panel> panels_;
};

}  // namespace parapet::inline PARAPET_ABI::io
