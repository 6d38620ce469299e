// Classifies prompts and responses with WildGuard, from a file of JSON lines to a file of JSON lines.
//
//     wildguard_classify --model path/to/wildguard --in texts.jsonl --out verdicts.jsonl
//
// The folder is as published: config.json, the shards of model.safetensors, tokenizer.model and tokenizer_config.json. A line of the input
// has "prompt" and maybe "response"; a line of the output has the number of its line and the probabilities:
//
//     {"line": 1, "prompt_harm": 0.0312, "response_harm": null, "refusal": null, "windows": 0}
//
// Killed and started again it goes on behind the last verdict that it wrote.
#include "support/arguments.hpp"
#include "support/progress.hpp"

#include <parapet/backend/cpu/cpu.hpp>
#include <parapet/guard/moderation_data.hpp>
#include <parapet/guard/transformer.hpp>
#include <parapet/guard/wildguard.hpp>
#include <parapet/guard/wildguard_folder.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/line_log.hpp>
#include <parapet/io/line_reader.hpp>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

using namespace parapet;

namespace {

/// The line of the input that the last verdict of `path` is about; 0 where there is none.
index_t last_line_done(std::string const& path) {
  index_t last = 0;
  if (!std::filesystem::exists(path)) return last;
  for (io::line_reader lines(path); lines.next();)
    if (lines.line_end() == "\n") last = io::parse_json(lines.line(), path).at("line").integer();
  return last;
}

index_t count_lines(std::string const& path) {
  io::line_reader lines(path);
  while (lines.next()) {
  }
  return lines.number();
}

std::string to_line(index_t line, guard::verdict const& v) {
  std::string out = "{\"line\": " + std::to_string(line);
  for (guard::task const t : guard::all_tasks) {
    char number[32] = "null";
    if (v[t].known()) std::snprintf(number, sizeof number, "%.6f", static_cast<double>(v[t].probability));
    out += ", \"" + std::string(name(t)) + "\": " + number;
  }
  return out + ", \"windows\": " + std::to_string(v.windows.size()) + "}";
}

template <class Weight>
int run(support::arguments& options) {
  std::string const folder = options.text("model"), in = options.text("in"), out = options.text("out");
  auto const batch = static_cast<std::size_t>(options.number("batch", 1, 4096));
  index_t const done = last_line_done(out), total = count_lines(in);

  backend::cpu be(static_cast<int>(options.number("threads", 1, 256)));
  std::printf("loading %s\n", folder.c_str());
  auto const tokenizer = guard::read_wildguard_tokenizer(folder);
  auto const model = guard::load_transformer<guard::mistral, Weight>(be, folder);
  guard::wildguard_options how;
  how.tokens = options.number("tokens", 256, 1 << 20);
  how.behind_control = guard::read_wildguard_text_start(folder);
  guard::wildguard guard(be, model, tokenizer, how);

  io::line_log verdicts(out);
  if (done > 0) std::printf("%s has verdicts up to line %lld: going on\n", out.c_str(), static_cast<long long>(done));
  support::progress progress("classifying", static_cast<long>(total - done));
  std::vector<guard::moderation_row> rows;
  std::vector<index_t> lines;
  std::vector<guard::verdict> judged;
  auto const judge = [&] {
    std::vector<guard::exchange> texts;
    for (guard::moderation_row const& row : rows) texts.push_back({row.prompt, row.response});
    judged.resize(rows.size());
    guard.classify(texts, judged);
    for (std::size_t i = 0; i < rows.size(); ++i) verdicts.append(to_line(lines[i], judged[i]));
    if (!lines.empty()) progress.update(static_cast<long>(lines.back() - done));
    rows.clear();
    lines.clear();
  };
  auto const report = guard::for_each_json_row(in, {.bad_rows = guard::moderation_read_options::bad_row_rule::skip}, [&](guard::moderation_row&& row, index_t line) {
    if (line <= done) return;
    rows.push_back(std::move(row));
    lines.push_back(line);
    if (rows.size() == batch) judge();
  });
  judge();
  std::printf("%s\n", report.text().c_str());
  return report.bad == 0 ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments options(argc, argv, "Classifies JSON lines of prompts and responses with WildGuard. Ends with 2 where lines were bad.",
                             {{"model", "wildguard", "folder of the published model"},
                              {"in", "texts.jsonl", "lines with \"prompt\" and maybe \"response\""},
                              {"out", "verdicts.jsonl", "appended to, and gone on with where it stops"},
                              {"weights", "bfloat16", "bfloat16, in the file's memory, or int8, quantised when loaded"},
                              {"tokens", "4096", "of a pass; longer texts are read in windows"},
                              {"batch", "16", "texts that are read together"},
                              {"threads", std::to_string(backend::hardware_threads()), "of the processor"}});
  std::string const& weights = options.text("weights");
  if (weights == "bfloat16") return run<bfloat16>(options);
  if (weights == "int8") return run<std::int8_t>(options);
  throw std::invalid_argument("--weights is '" + weights + "', expected bfloat16 or int8");
} catch (std::exception const& error) {
  std::fprintf(stderr, "wildguard_classify: %s\n", error.what());
  return 1;
}
