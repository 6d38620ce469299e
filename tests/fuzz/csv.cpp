// A CSV file; its first byte says how long a record may be. Records that are accepted are the same after they have been written again.
#include "fuzz/target.hpp"

#include <parapet/io/csv.hpp>

#include <string>
#include <vector>

using parapet::index_t;

FUZZ_TARGET(csv) {
  if (bytes.size() == 0) throw parapet::io_error("fuzz: no length");
  index_t const longest = 1 + bytes[0];
  std::vector<std::vector<std::string>> records;
  std::string again;
  index_t errors = 0, line = 0;
  fuzz::memory_file const file(fuzz::text_of(bytes).substr(1));
  for (parapet::io::csv_reader csv(file.path(), longest); csv.next();) {
    fuzz::require(csv.line_number() > line);
    line = csv.line_number();
    if (!csv.error().empty()) {
      fuzz::require(csv.fields().empty());
      ++errors;
      continue;
    }
    records.push_back(csv.fields());
    index_t size = 0;
    for (std::string const& field : records.back()) {
      size += static_cast<index_t>(field.size());
      again += &field == &records.back().front() ? "\"" : ",\"";
      for (char const c : field) again += c == '"' ? std::string(2, c) : std::string(1, c);
      again += '"';
    }
    fuzz::require(!records.back().empty() && size <= 2 * longest);  // the lines before the last, and it
    again += '\n';
  }

  fuzz::memory_file const copy(again);
  parapet::io::csv_reader csv(copy.path());
  for (auto const& fields : records) fuzz::require(csv.next() && csv.error().empty() && csv.fields() == fields);
  fuzz::require(!csv.next());
  if (errors > 0) throw parapet::io_error("fuzz: a bad record");
}
