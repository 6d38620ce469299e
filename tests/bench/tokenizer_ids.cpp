// What a tokeniser makes of texts, for tokenizer_peer.py to compare.
//
//   bench_tokenizer_ids <model> encode|parsed|decode < in > out          a SentencePiece model, or a .json
//
// A record is a count (u32) and its content. encode: bytes of text to tokens (id, begin, end; 32 bits each); parsed: the same, where special
// tokens in the text are found (.json only). decode: ids to bytes of text.
#include <parapet/guard/sentencepiece.hpp>
#include <parapet/guard/tokenizer_json.hpp>
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

template <class Tokenizer>
void answer(Tokenizer const& tokenizer, std::string_view mode) {
  if (mode == "decode") {
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
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bench_tokenizer_ids <model> encode|parsed|decode < in > out\n", stderr);
    return 1;
  }
  std::string const name = argv[1], mode = argv[2];
  try {
    std::string const file = io::read_file(name);
    if (name.ends_with(".json")) answer(guard::json_tokenizer(file, name, {.special_tokens_in_text = mode == "parsed"}), mode);
    else answer(guard::sentencepiece_tokenizer(guard::read_sentencepiece_model(file, name)), mode);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "bench_tokenizer_ids: %s\n", e.what());
    return 1;
  }
}
