// Comma separated values as RFC 4180 has them: fields in double quotes may hold commas, line ends and doubled quotes.
//
// Lines end with CRLF or LF, a byte order mark at the start and empty lines are passed over. A quote inside an unquoted field, text
// behind a closing quote and a quote that never closes are errors of that record: programs read such files in different ways.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/io/line_reader.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// The records of a file, one at a time.
///
///     io::csv_reader csv("prompts.csv");
///     while (csv.next())
///       if (csv.error().empty()) use(csv.fields());
class csv_reader {
public:
  /// A record of more than `max_record_bytes` is an error of that record; one that goes on over lines ends the file there.
  explicit csv_reader(std::string path, index_t max_record_bytes = index_t{1} << 24)
      : lines_(std::move(path), max_record_bytes), max_record_bytes_(static_cast<std::size_t>(max_record_bytes)) {}

  /// Reads the next record, good or bad; false at the end of the file.
  bool next() {
    do {
      if (lost_ || !lines_.next()) return false;
    } while (lines_.line().empty() && !lines_.cut());
    first_line_ = lines_.number();
    fields_.clear();
    error_ = {};
    if (lines_.cut()) return fail("the line is too long");
    read_record();
    return true;
  }

  /// The fields of a record without error, unescaped.
  std::vector<std::string> const& fields() const { return fields_; }
  /// What is wrong with the record, or nothing. Never quotes the record.
  std::string_view error() const { return error_; }
  /// The line on which the record starts, counted from 1.
  index_t line_number() const { return first_line_; }
  std::string const& path() const { return lines_.path(); }

private:
  bool fail(std::string_view why) {
    error_ = why;
    fields_.clear();
    return true;
  }

  void read_record() {
    std::string_view rest = lines_.line();
    std::size_t bytes = 0;
    for (;;) {
      std::string field;
      if (!rest.empty() && rest.front() == '"') {
        rest.remove_prefix(1);
        if (!read_quoted(rest, field, bytes)) return;
        if (!rest.empty() && rest.front() != ',') {
          fail("text behind a closing quote");
          return;
        }
      } else {
        field = rest.substr(0, rest.find(','));
        if (field.find('"') != field.npos) {
          fail("a quote inside a field that is not quoted");
          return;
        }
        rest.remove_prefix(field.size());
      }
      fields_.push_back(std::move(field));
      if (rest.empty()) return;
      rest.remove_prefix(1);  // the comma
    }
  }

  /// Reads on behind an opening quote, over line ends, and leaves in `rest` what follows the closing one.
  bool read_quoted(std::string_view& rest, std::string& field, std::size_t& bytes) {
    for (;;) {
      std::size_t const quote = rest.find('"');
      field += rest.substr(0, quote);
      if (quote != rest.npos) {
        rest.remove_prefix(quote + 1);
        if (rest.empty() || rest.front() != '"') return true;
        field += '"';
        rest.remove_prefix(1);
        continue;
      }
      bytes += lines_.line().size() + lines_.line_end().size();
      field += lines_.line_end();
      if (bytes > max_record_bytes_ || !lines_.next() || lines_.cut()) {
        lost_ = true;  // nothing says where the next record starts
        fail("a quote that does not close");
        return false;
      }
      rest = lines_.line();
    }
  }

  line_reader lines_;
  std::size_t max_record_bytes_;
  std::vector<std::string> fields_;
  std::string_view error_;
  index_t first_line_ = 0;
  bool lost_ = false;
};

}  // namespace parapet::inline PARAPET_ABI::io
