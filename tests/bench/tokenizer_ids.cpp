// What a SentencePiece tokeniser makes of texts, for tokenizer_peer.py to compare.
//
//   bench_tokenizer_ids <model> encode|decode < in > out
//
// A record is a count (u32) and its content. encode: bytes of text to tokens (id, begin, end; 32 bits each). decode: ids to bytes of text.
#include <parapet/guard/sentencepiece.hpp>
#include <parapet/io/file.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

using namespace parapet;

namespace {

template <class T>
bool read(std::vector<T>& record) {
  std::uint32_t count = 0;
  if (std::fread(&count, sizeof count, 1, stdin) != 1) return false;
  record.resize(count);
  return std::fread(record.data(), sizeof(T), count, stdin) == count;
}

template <class T>
void write(T const* record, std::size_t size) {
  auto const count = static_cast<std::uint32_t>(size);
  std::fwrite(&count, sizeof count, 1, stdout);
  std::fwrite(record, sizeof(T), size, stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bench_tokenizer_ids <model> encode|decode < in > out\n", stderr);
    return 1;
  }
  try {
    guard::sentencepiece_tokenizer const tokenizer(guard::read_sentencepiece_model(io::read_file(argv[1]), argv[1]));
    if (std::string_view(argv[2]) == "decode") {
      for (std::vector<std::int32_t> ids; read(ids);) {
        std::string const text = tokenizer.decode(ids);
        write(text.data(), text.size());
      }
    } else {
      for (std::vector<char> text; read(text);) {
        auto const tokens = tokenizer.encode({text.data(), text.size()});
        write(tokens.data(), tokens.size());
      }
    }
  } catch (std::exception const& e) {
    std::fprintf(stderr, "bench_tokenizer_ids: %s\n", e.what());
    return 1;
  }
}
