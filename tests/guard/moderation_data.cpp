#include <parapet/guard/moderation_data.hpp>

#include "io/temporary_folder.hpp"
#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace parapet;
using guard::category;
using guard::moderation_read_options;
using guard::moderation_row;
using guard::task;

namespace {

constexpr moderation_read_options skip{.bad_rows = moderation_read_options::bad_row_rule::skip};

guard::moderation_data read(std::string const& name, std::string const& bytes, moderation_read_options const& options = skip) {
  support::temporary_folder const folder;
  support::write_quickly(folder / name, bytes);
  guard::moderation_data data = guard::read_moderation_data(folder / name, options);
  CHECK(static_cast<std::size_t>(data.report.rows) == data.rows.size());
  return data;
}

std::string reasons(guard::moderation_report const& report) {
  std::string out;
  for (auto const& bad : report.first_bad) out += std::to_string(bad.line) + ": " + bad.reason + "\n";
  return out;
}

moderation_row example() {
  moderation_row row;
  row.prompt = "a \"quoted\" prompt,\nof two lines \u00e4";
  row.adversarial = true;
  row.response = "no,\tthanks";
  row[task::prompt_harm] = true;
  row[task::refusal] = true;
  row[task::response_harm] = false;
  row.harm = category::mental_health_crisis;
  return row;
}

}  // namespace

TEST_CASE("rows come back from the lines that they are written as") {
  support::temporary_folder const folder;
  moderation_row bare;
  bare.prompt = "only a prompt";
  std::vector<moderation_row> const rows{example(), bare};
  guard::write_moderation_rows(folder / "rows.jsonl", rows);
  guard::moderation_data const data = guard::read_moderation_data(folder / "rows.jsonl");
  CHECK(data.rows == rows);
  CHECK(data.report.bad == 0);
  CHECK(guard::to_json(bare) ==
        R"({"prompt": "only a prompt", "adversarial": false, "response": null, "prompt_harm_label": null, "response_refusal_label": null, "response_harm_label": null, "subcategory": null})");
}

TEST_CASE("CSV with its columns in any order, columns of others, and empty values") {
  guard::moderation_data const data = read("rows.csv",
                                           "\xEF\xBB\xBFid,subcategory,response,response_harm_label,response_refusal_label,prompt_harm_label,adversarial,prompt\r\n"
                                           "1,mental_health_over-reliance_crisis,\"no,\tthanks\",unharmful,refusal,harmful,True,\"a \"\"quoted\"\" prompt,\nof two lines \u00e4\"\r\n"
                                           "2,,,,,,,only a prompt\r\n");
  moderation_row bare;
  bare.prompt = "only a prompt";
  CHECK(data.rows == std::vector<moderation_row>{example(), bare});
  CHECK(read("rows.csv", "prompt\na\nb\n").rows.size() == 2);
}

TEST_CASE("bad rows are counted and named by line and reason, never by their text") {
  guard::moderation_data const data = read("rows.jsonl",
                                           "{\"prompt\": \"a\"}\n"
                                           "\n"
                                           "{\"prompt\": \"secret\", \"prompt_harm_label\": \"secret\"}\n"
                                           "{\"prompt\": \"secret\", \"subcategory\": \"secret\"}\n"
                                           "{\"prompt\": \"secret\", \"adversarial\": \"secret\"}\n"
                                           "{\"prompt\": \"secret\", \"response_harm_label\": \"harmful\"}\n"
                                           "{\"prompt\": null}\n"
                                           "{\"prompt\": \"secret\", \"secret\": 1, \"secret\": 2}\n"
                                           "{\"prompt\": \"secret\"} secret\n"
                                           "[\"secret\"]\n"
                                           "{\"prompt\": 3}\n"
                                           "{\"prompt\": \"secret \xff\"}\n"
                                           "{\"prompt\": \"b\", \"response\": \"\"}\r\n");
  CHECK(data.rows.size() == 2);
  CHECK(!data.rows[1].response);
  CHECK(data.report.bad == 10);
  CHECK(reasons(data.report) ==
        "3: prompt_harm_label is neither harmful nor unharmful\n"
        "4: subcategory is none of the 15\n"
        "5: adversarial is neither true nor false\n"
        "6: a label of a response, and no response\n"
        "7: no prompt\n"
        "8: a key stands twice\n"
        "9: no JSON: byte 21: the text goes on after its value\n"
        "10: no JSON object\n"
        "11: prompt is no string\n"
        "12: not UTF-8\n");
  CHECK(!support::contains(data.report.text(), "secret"));
}

TEST_CASE("a report names the first bad rows and counts the rest") {
  moderation_read_options options = skip;
  options.max_reported = 2;
  guard::moderation_report const report = read("rows.csv", "prompt,adversarial\na,2\nb\n\"c\nd,\ne,no\nf,1\n", options).report;
  CHECK(report.rows == 0);  // the quote in line 4 never closes, and nobody knows where the next row starts
  CHECK(report.bad == 3);
  CHECK(reasons(report) == "2: adversarial is neither true nor false\n3: 1 fields, the header has 2\n");
  CHECK(support::contains(report.text(), "rows.csv: 0 rows, 3 bad\n"));
  CHECK(support::contains(report.text(), "rows.csv: 1 more"));
}

TEST_CASE("by default a bad row is an error that names file and line") {
  auto const message = [](std::string const& name, std::string const& bytes) {
    return support::message_of<io_error>([&] { read(name, bytes, {}); });
  };
  CHECK(support::contains(message("rows.jsonl", "{\"prompt\": \"a\"}\n{}\n"), "rows.jsonl: line 2: no prompt"));
  CHECK(support::contains(message("rows.csv", "prompt\na\n\"b\"c\n"), "rows.csv: line 3: text behind a closing quote"));
  CHECK(support::contains(message("rows.csv", "text\na\n"), "no column is called prompt"));
  CHECK(support::contains(message("rows.csv", "prompt,prompt\na,b\n"), "two columns are called prompt"));
  CHECK(support::contains(message("rows.csv", ""), "no header"));
  CHECK(support::contains(support::message_of<argument_error>([] { read("rows.parquet", ""); }), "Parquet"));
}

TEST_CASE("bytes that are not UTF-8 may be replaced, and rows may be too long") {
  moderation_read_options options = skip;
  options.invalid_utf8 = moderation_read_options::utf8_rule::replace;
  CHECK(read("rows.jsonl", "{\"prompt\": \"a\xff\"}\n", options).rows.at(0).prompt == "a\uFFFD");
  CHECK(read("rows.csv", "prompt\na\xff\n", options).rows.at(0).prompt == "a\uFFFD");
  options.max_row_bytes = 20;
  guard::moderation_data const data = read("rows.jsonl", "{\"prompt\": \"" + std::string(100, 'a') + "\"}\n{\"prompt\": \"b\"}\n", options);
  CHECK(data.rows.size() == 1);
  CHECK(reasons(data.report) == "1: more than 20 bytes\n");
}
