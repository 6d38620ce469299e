// A file line by line, however long it is: one chunk and one line are in memory.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/io/file.hpp>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace parapet::inline PARAPET_ABI::io {

/// Lines end at "\n", "\r\n" or the end of the file; a byte order mark at the start is no part of the first. What a line holds
/// beyond `max_line_bytes` is passed over and the line marked as cut, so that a file without line ends takes no more memory.
class line_reader {
public:
  explicit line_reader(std::string path, index_t max_line_bytes = index_t{1} << 24)
      : file_(std::move(path)), max_line_bytes_(static_cast<std::size_t>(max_line_bytes)) {
    if (max_line_bytes < 1) throw argument_error(detail::concat("line_reader: lines of at most ", max_line_bytes, " bytes, expected at least 1"));
    fill();
    if (chunk_.substr(0, 3) == "\xEF\xBB\xBF") chunk_.remove_prefix(3);
  }

  /// Reads the next line; false at the end of the file.
  bool next() {
    if (chunk_.empty() && !fill()) return false;
    ++number_;
    line_.clear();
    cut_ = false;
    do {
      std::size_t const end = chunk_.find('\n');
      append(chunk_.substr(0, end));
      if (end != chunk_.npos) {
        chunk_.remove_prefix(end + 1);
        ended_ = true;
        break;
      }
      chunk_ = {};
      ended_ = false;
    } while (fill());
    if (!line_.empty() && line_.back() == '\r' && !cut_) {
      line_.pop_back();
      carriage_return_ = true;
    } else {
      carriage_return_ = false;
    }
    return true;
  }

  /// The line without its end. Valid until the next call of next().
  std::string_view line() const { return line_; }
  /// What stood at the line's end: "\n", "\r\n", "\r" or nothing at the end of the file.
  std::string_view line_end() const { return ended_ ? (carriage_return_ ? "\r\n" : "\n") : (carriage_return_ ? "\r" : ""); }
  /// Counted from 1.
  index_t number() const { return number_; }
  /// Whether the line was longer than allowed; line() has its start.
  bool cut() const { return cut_; }
  std::string const& path() const { return file_.path(); }

private:
  bool fill() {
    index_t const left = file_.size() - offset_, bytes = left < chunk_bytes ? left : chunk_bytes;
    if (bytes == 0) return false;
    buffer_.resize(static_cast<std::size_t>(bytes));
    file_.read(offset_, buffer_.data(), bytes);
    offset_ += bytes;
    chunk_ = buffer_;
    return true;
  }
  void append(std::string_view part) {
    std::size_t const room = max_line_bytes_ - line_.size();
    cut_ = cut_ || part.size() > room;
    line_ += part.substr(0, room);
  }

  static constexpr index_t chunk_bytes = index_t{1} << 18;

  file_reader file_;
  std::size_t max_line_bytes_;
  index_t offset_ = 0, number_ = 0;
  std::string buffer_, line_;
  std::string_view chunk_;  // of buffer_: what is not read yet
  bool ended_ = false, carriage_return_ = false, cut_ = false;
};

}  // namespace parapet::inline PARAPET_ABI::io
