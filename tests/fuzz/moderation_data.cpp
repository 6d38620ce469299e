// Rows of moderation data, as JSON lines and as CSV. A row that is accepted is the same after it has been written and read again, and no
// report quotes a row.
#include "fuzz/target.hpp"

#include <parapet/guard/moderation_data.hpp>

#include <algorithm>
#include <string>
#include <utility>

using parapet::index_t;
using parapet::guard::moderation_read_options;
using parapet::guard::moderation_row;

namespace {

/// Both ways of reading the bytes, each by both rules about what is not UTF-8.
template <class ForEachRow>
void read_rows(fuzz::bytes_view const& bytes, ForEachRow const& for_each_row) {
  fuzz::memory_file const file(fuzz::text_of(bytes));
  index_t bad = 0;
  for (auto const rule : {moderation_read_options::utf8_rule::refuse, moderation_read_options::utf8_rule::replace}) {
    moderation_read_options const options{
        .bad_rows = moderation_read_options::bad_row_rule::skip, .invalid_utf8 = rule, .max_row_bytes = 256, .max_reported = 4};
    index_t rows = 0;
    auto const report = for_each_row(file.path(), options, [&](moderation_row&& row, index_t line) {
      fuzz::require(line > 0 && !row.prompt.empty() && (!row.response || !row.response->empty()));
      fuzz::require(parapet::guard::detail::parse_json_row(to_json(row), {}) == row);
      ++rows;
    });
    fuzz::require(report.rows == rows && static_cast<index_t>(report.first_bad.size()) == std::min(report.bad, index_t{4}));
    for (auto const& reported : report.first_bad)
      fuzz::require(reported.line > 0 && std::all_of(reported.reason.begin(), reported.reason.end(), [](char c) { return ' ' <= c && c <= '~'; }));
    bad += report.bad;
  }
  if (bad > 0) throw parapet::io_error("fuzz: a bad row");
}

}  // namespace

FUZZ_TARGET(moderation_data) {
  if (fuzz::text_of(bytes).starts_with('{'))
    read_rows(bytes, [](auto&&... arguments) { return parapet::guard::for_each_json_row(arguments...); });
  else
    read_rows(bytes, [](auto&&... arguments) { return parapet::guard::for_each_csv_row(arguments...); });
}
