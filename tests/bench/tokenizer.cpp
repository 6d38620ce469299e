// Speed of a SentencePiece tokeniser on text, and its time on hostile input of growing length.
//
//   bench_tokenizer <model> <text file>...        run it on an idle machine
#include <parapet/guard/sentencepiece.hpp>
#include <parapet/io/file.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

using namespace parapet;

namespace {

/// The best time of some runs, in seconds.
double seconds(guard::sentencepiece_tokenizer const& tokenizer, std::vector<std::string> const& texts, int runs, std::size_t& tokens) {
  std::vector<guard::token> out;
  double best = 1e30;
  for (int run = 0; run < runs; ++run) {
    auto const begin = std::chrono::steady_clock::now();
    tokens = 0;
    for (std::string const& text : texts) {
      out.clear();
      tokenizer.encode(text, out);
      tokens += out.size();
    }
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::puts("usage: bench_tokenizer <model> <text file>...");
    return 1;
  }
  std::string const model = io::read_file(argv[1]);
  auto const begin = std::chrono::steady_clock::now();
  guard::sentencepiece_tokenizer const tokenizer(guard::read_sentencepiece_model(model, argv[1]));
  std::printf("loaded in %.1f ms\n", 1e3 * std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());

  std::vector<std::string> texts;  // a line each
  std::size_t bytes = 0, tokens = 0;
  for (int k = 2; k < argc; ++k) {
    std::string const file = io::read_file(argv[k]);
    for (std::size_t at = 0; at < file.size();) {
      std::size_t const end = std::min(file.find('\n', at), file.size());
      if (end > at) texts.push_back(file.substr(at, end - at));
      bytes += end - at;
      at = end + 1;
    }
  }
  double const time = seconds(tokenizer, texts, 5, tokens);
  std::printf("text: %zu lines, %.2f MB, %zu tokens: %.1f MB/s, %.2f M tokens/s\n", texts.size(), 1e-6 * static_cast<double>(bytes), tokens,
              1e-6 * static_cast<double>(bytes) / time, 1e-6 * static_cast<double>(tokens) / time);

  std::printf("\nms for      10 kB   100 kB     1 MB    10 MB\n");
  struct hostile {
    char const* name;
    std::string unit;
  };
  hostile const all[] = {{"a", "a"}, {"ab", "ab"}, {"spaces", " "}, {"U+2581", "\xE2\x96\x81"}, {"emoji", "\xF0\x9F\x98\x80"},
                         {"0xFF", "\xFF"}, {"theaters", "theaters"}, {"[[[", "[REFERENCE_DOC_1"}};
  for (auto const& [name, unit] : all) {
    std::printf("%-8s", name);
    for (std::size_t const size : {std::size_t{10'000}, std::size_t{100'000}, std::size_t{1'000'000}, std::size_t{10'000'000}}) {
      std::string text;
      while (text.size() < size) text += unit;
      std::printf(" %8.2f", 1e3 * seconds(tokenizer, {text}, size < 5'000'000 ? 3 : 1, tokens));
    }
    std::puts("");
  }
}
