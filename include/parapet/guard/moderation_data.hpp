// Labelled data for moderation models, from JSON lines or CSV with the columns of WildGuardMix:
//
//     prompt, adversarial, response, prompt_harm_label, response_refusal_label, response_harm_label, subcategory
//
// Only `prompt` must be there; other columns are passed over. A label is null (in CSV: empty) where nobody labelled; an empty response is
// none. A row that breaks a rule is bad: counted and skipped, or an error, as chosen. Reports name the line and the reason and never
// quote the row, so that they may be logged. Text that is not UTF-8 makes a row bad, or each such byte becomes U+FFFD, as chosen.
//
// Files are read line by line: of the file, one chunk and one row are in memory.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/moderation_row.hpp>
#include <parapet/guard/utf8.hpp>
#include <parapet/io/csv.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/line_reader.hpp>
#include <parapet/io/text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct moderation_read_options {
  enum class bad_row_rule { fatal, skip };
  enum class utf8_rule { refuse, replace };

  bad_row_rule bad_rows = bad_row_rule::fatal;
  utf8_rule invalid_utf8 = utf8_rule::refuse;
  index_t max_row_bytes = index_t{1} << 24;
  index_t max_reported = 20;  ///< bad rows that the report names; all are counted
};

/// What a reader did.
struct moderation_report {
  struct bad_row {
    index_t line;  ///< on which the row starts, counted from 1
    std::string reason;
  };

  std::string path;
  index_t rows = 0, bad = 0;
  std::vector<bad_row> first_bad;

  /// A line for people, and one for each bad row that is named.
  std::string text() const {
    std::string out = detail::concat(path, ": ", rows, " rows, ", bad, " bad");
    for (bad_row const& b : first_bad) out += detail::concat("\n", path, ": line ", b.line, ": ", b.reason);
    if (bad > static_cast<index_t>(first_bad.size())) out += detail::concat("\n", path, ": ", bad - static_cast<index_t>(first_bad.size()), " more");
    return out;
  }
};

namespace detail {

inline constexpr std::array<std::string_view, 7> moderation_columns{
    "prompt", "adversarial", "response", "prompt_harm_label", "response_refusal_label", "response_harm_label", "subcategory"};

/// Why a row is bad. Thrown and caught in this file.
struct row_fault {
  std::string reason;
};

/// Puts the value of a column into a row. An empty value is none, and `adversarial` without a value is false.
inline void set_column(moderation_row& row, std::size_t which, std::string&& value) {
  std::string_view const column_name = moderation_columns[which];
  auto const set_label = [&](task t) {
    row[t] = parse_class(t, value);
    if (!row[t]) throw row_fault{concat(column_name, " is neither ", class_name(t, true), " nor ", class_name(t, false))};
  };
  if (value.empty()) return;
  switch (which) {
    case 0: row.prompt = std::move(value); return;
    case 1:
      row.adversarial = value == "true" || value == "True" || value == "1";
      if (!row.adversarial && value != "false" && value != "False" && value != "0") throw row_fault{"adversarial is neither true nor false"};
      return;
    case 2: row.response = std::move(value); return;
    case 3: return set_label(task::prompt_harm);
    case 4: return set_label(task::refusal);
    case 5: return set_label(task::response_harm);
    default:
      row.harm = parse_category(value);
      if (!row.harm) throw row_fault{"subcategory is none of the 15"};
  }
}

inline void check_row(moderation_row const& row) {
  if (row.prompt.empty()) throw row_fault{"no prompt"};
  if (!row.response && (row[task::refusal] || row[task::response_harm])) throw row_fault{"a label of a response, and no response"};
}

/// `text` if it is UTF-8, else as the rule says.
inline std::string checked_utf8(std::string_view text, moderation_read_options::utf8_rule rule) {
  if (io::find_invalid_utf8(text) < 0) return std::string(text);
  if (rule == moderation_read_options::utf8_rule::refuse) throw row_fault{"not UTF-8"};
  return to_utf8(to_utf32(text));
}

inline moderation_row parse_json_row(std::string_view line, moderation_read_options const& options) {
  moderation_row row;
  io::json_value object;
  try {
    object = io::parse_json(checked_utf8(line, options.invalid_utf8), "row");
  } catch (io_error const& e) {  // "row: byte 12: why"; only the message about keys quotes the row
    std::string_view const what = e.what();
    if (what.find(": the object has the key ") != what.npos) throw row_fault{"a key stands twice"};
    throw row_fault{concat("no JSON: ", what.substr(5))};
  }
  if (object.type() != io::json_value::kind::object) throw row_fault{"no JSON object"};
  for (std::size_t which = 0; which < moderation_columns.size(); ++which) {
    io::json_value const* value = object.find(moderation_columns[which]);
    if (value == nullptr || value->type() == io::json_value::kind::null) continue;
    bool const is_flag = which == 1;
    if (value->type() != (is_flag ? io::json_value::kind::boolean : io::json_value::kind::string))
      throw row_fault{concat(moderation_columns[which], is_flag ? " is neither true nor false" : " is no string")};
    set_column(row, which, is_flag ? value->boolean() ? "true" : "false" : std::string(value->string()));
  }
  check_row(row);
  return row;
}

/// Takes rows one by one, counts, and reports or throws.
template <class Take>
class row_counter {
public:
  row_counter(std::string const& path, moderation_read_options const& options, Take& take) : options_(options), take_(take) { report_.path = path; }

  template <class Parse>
  void add(index_t line, Parse const& parse) {
    try {
      moderation_row row = parse();
      ++report_.rows;
      take_(std::move(row), line);
    } catch (row_fault const& fault) {
      if (options_.bad_rows == moderation_read_options::bad_row_rule::fatal)
        throw io_error(concat(report_.path, ": line ", line, ": ", fault.reason));
      ++report_.bad;
      if (static_cast<index_t>(report_.first_bad.size()) < options_.max_reported) report_.first_bad.push_back({line, fault.reason});
    }
  }
  moderation_report report() && { return std::move(report_); }

private:
  moderation_read_options const& options_;
  Take& take_;
  moderation_report report_;
};

/// Where each of the seven columns stands in a CSV file; -1 for none.
inline std::array<index_t, 7> find_columns(std::vector<std::string> const& header, std::string const& path) {
  std::array<index_t, 7> at{};
  for (std::size_t which = 0; which < at.size(); ++which) {
    auto const found = std::find(header.begin(), header.end(), moderation_columns[which]);
    at[which] = found == header.end() ? -1 : found - header.begin();
    if (found != header.end() && std::find(found + 1, header.end(), moderation_columns[which]) != header.end())
      throw io_error(concat(path, ": two columns are called ", moderation_columns[which]));
  }
  if (at[0] < 0) throw io_error(path + ": no column is called prompt");
  return at;
}

}  // namespace detail

/// Calls take(moderation_row&&, index_t line) for every good row of a file of JSON lines.
template <class Take>
moderation_report for_each_json_row(std::string const& path, moderation_read_options const& options, Take&& take) {
  io::line_reader lines(path, options.max_row_bytes);
  detail::row_counter<Take> rows(path, options, take);
  while (lines.next()) {
    if (lines.line().find_first_not_of(" \t") == std::string_view::npos) continue;
    rows.add(lines.number(), [&] {
      if (lines.cut()) throw detail::row_fault{detail::concat("more than ", options.max_row_bytes, " bytes")};
      return detail::parse_json_row(lines.line(), options);
    });
  }
  return std::move(rows).report();
}

/// The same for a CSV file, whose first record names the columns.
template <class Take>
moderation_report for_each_csv_row(std::string const& path, moderation_read_options const& options, Take&& take) {
  io::csv_reader csv(path, options.max_row_bytes);
  if (!csv.next()) throw io_error(path + ": no header");
  if (!csv.error().empty()) throw io_error(detail::concat(path, ": line ", csv.line_number(), ": ", csv.error()));
  std::size_t const width = csv.fields().size();
  std::array<index_t, 7> const at = detail::find_columns(csv.fields(), path);
  detail::row_counter<Take> rows(path, options, take);
  while (csv.next()) {
    rows.add(csv.line_number(), [&] {
      if (!csv.error().empty()) throw detail::row_fault{std::string(csv.error())};
      if (csv.fields().size() != width) throw detail::row_fault{detail::concat(csv.fields().size(), " fields, the header has ", width)};
      moderation_row row;
      for (std::size_t which = 0; which < at.size(); ++which)
        if (at[which] >= 0)
          detail::set_column(row, which, detail::checked_utf8(csv.fields()[static_cast<std::size_t>(at[which])], options.invalid_utf8));
      detail::check_row(row);
      return row;
    });
  }
  return std::move(rows).report();
}

/// Either of the two by the end of the name: .jsonl, .ndjson or .csv.
template <class Take>
moderation_report for_each_moderation_row(std::string const& path, moderation_read_options const& options, Take&& take) {
  if (path.ends_with(".csv")) return for_each_csv_row(path, options, take);
  if (path.ends_with(".jsonl") || path.ends_with(".ndjson")) return for_each_json_row(path, options, take);
  throw argument_error(path + ": the name ends in none of .jsonl, .ndjson, .csv; docs/moderation_data.md says how Parquet is converted");
}

struct moderation_data {
  std::vector<moderation_row> rows;
  moderation_report report;
};

/// All rows of a file in memory.
inline moderation_data read_moderation_data(std::string const& path, moderation_read_options const& options = {}) {
  moderation_data data;
  data.report = for_each_moderation_row(path, options, [&](moderation_row&& row, index_t) { data.rows.push_back(std::move(row)); });
  return data;
}

/// Writes rows as JSON lines; the file appears complete or not at all.
inline void write_moderation_rows(std::string const& path, std::span<moderation_row const> rows) {
  io::atomic_file file(path);
  for (moderation_row const& row : rows) file.write(to_json(row) + '\n');
  file.commit();
}

}  // namespace parapet::inline PARAPET_ABI::guard
