// Speed of a tokeniser on text, and its time on hostile input of growing length.
//
//   bench_tokenizer <SentencePiece model or .json> <text file>...        run it on an idle machine
#include <parapet/guard/sentencepiece.hpp>
#include <parapet/guard/tokenizer_json.hpp>
#include <parapet/io/file.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

using namespace parapet;

namespace {

double since(std::clock_t begin) { return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC; }

/// The best processor time of some runs, in seconds: other programs on the machine count less than in time of day.
template <class Tokenizer>
double seconds(Tokenizer const& tokenizer, std::vector<std::string> const& texts, int runs, std::size_t& tokens) {
  std::vector<guard::token> out;
  double best = 1e30;
  for (int run = 0; run < runs; ++run) {
    std::clock_t const begin = std::clock();
    tokens = 0;
    for (std::string const& text : texts) {
      out.clear();
      tokenizer.encode(text, out);
      tokens += out.size();
    }
    best = std::min(best, since(begin));
  }
  return best;
}

template <class Tokenizer>
void measure(Tokenizer const& tokenizer, std::vector<std::string> const& texts) {
  std::size_t bytes = 0, tokens = 0;
  for (std::string const& text : texts) bytes += text.size();
  double const time = seconds(tokenizer, texts, 5, tokens);
  std::printf("text: %zu lines, %.2f MB, %zu tokens: %.1f MB/s, %.2f M tokens/s\n", texts.size(), 1e-6 * static_cast<double>(bytes), tokens,
              1e-6 * static_cast<double>(bytes) / time, 1e-6 * static_cast<double>(tokens) / time);

  std::printf("ms for         10 kB   100 kB     1 MB    10 MB\n");
  struct hostile {
    char const* name;
    std::string unit;
  };
  hostile const all[] = {{"a", "a"},           {"ab", "ab"},         {"A", "A"},       {"1", "1"},
                         {"spaces", " "},      {"newlines", "\n"},   {"U+2581", "\xE2\x96\x81"}, {"emoji", "\xF0\x9F\x98\x80"},
                         {"U+0301", "\xCC\x81"}, {"0xFF", "\xFF"},      {"theaters", "theaters"}, {"[[[", "[REFERENCE_DOC_1"},
                         {"</s", "</s"},       {"- -", "- "}};
  for (auto const& [name, unit] : all) {
    std::printf("%-10s", name);
    for (std::size_t const size : {std::size_t{10'000}, std::size_t{100'000}, std::size_t{1'000'000}, std::size_t{10'000'000}}) {
      std::string text;
      while (text.size() < size) text += unit;
      std::printf(" %8.2f", 1e3 * seconds(tokenizer, {text}, size < 5'000'000 ? 3 : 1, tokens));
    }
    std::puts("");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::puts("usage: bench_tokenizer <SentencePiece model or .json> <text file>...");
    return 1;
  }
  std::vector<std::string> texts;  // a line each
  for (int k = 2; k < argc; ++k) {
    std::string const file = io::read_file(argv[k]);
    for (std::size_t at = 0; at < file.size();) {
      std::size_t const end = std::min(file.find('\n', at), file.size());
      if (end > at) texts.push_back(file.substr(at, end - at));
      at = end + 1;
    }
  }
  std::string const name = argv[1], model = io::read_file(name);
  std::clock_t const begin = std::clock();
  auto const report = [&](auto const& tokenizer) {
    std::printf("loaded in %.1f ms\n", 1e3 * since(begin));
    measure(tokenizer, texts);
  };
  if (name.ends_with(".json")) report(guard::json_tokenizer(model, name));
  else report(guard::sentencepiece_tokenizer(guard::read_sentencepiece_model(model, name)));
}
