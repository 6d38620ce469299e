#include <parapet/guard/sentencepiece.hpp>
#include <parapet/io/file.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace parapet;
using doctest::Contains;

namespace {

/// Field 1 of a model: a piece with text, type and, unless empty, the four bytes of its score.
std::string piece(std::string const& text, int type, std::string const& score = "") {
  std::string message = "\x0A" + std::string(1, static_cast<char>(text.size())) + text;
  if (!score.empty()) message += "\x15" + score;
  message += std::string("\x18") + static_cast<char>(type);
  return "\x0A" + std::string(1, static_cast<char>(message.size())) + message;
}
std::string const unknown = piece("<unk>", 2);

void refuses(std::string const& bytes, char const* message) {
  CHECK_THROWS_WITH_AS(guard::read_sentencepiece_model(bytes, "x.model"), Contains(message), io_error);
}

}  // namespace

TEST_CASE("what a model may not be") {
  CHECK(guard::read_sentencepiece_model(unknown + piece("a", 1), "x.model").pieces.size() == 2);
  refuses("", "x.model: 0 unknown pieces");
  refuses(unknown + piece("a", 1) + piece("a", 4), "x.model: piece 2 is there twice");
  refuses(unknown + piece("", 1), "a piece without text");
  refuses(unknown + piece("\xC3", 1), "a piece that is not UTF-8");
  refuses(unknown + piece("a", 7), "a piece of type 7");
  refuses(unknown + piece("a", 5), "unused pieces are not supported");
  refuses(unknown + piece("a", 6), "a byte, but not written <0xXX>");
  refuses(unknown + piece("a", 1, {0, 0, '\xC0', '\x7F'}), "a score that is not finite");
  refuses(unknown + std::string("\x12\x03\x98\x02\x01", 5), "byte fallback with 0 byte pieces");
  refuses(unknown + "\x12\x02\x18\x03", "model type 3 is not supported");
  refuses("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "x.model: byte 11: a field of 18446744073709551615 bytes where 0 are left");
  refuses("\x0A\x80", "the file ends inside a number");
  refuses(std::string(11, '\xFF'), "a number has more than 64 bits");
  refuses("\x0B", "wire type 3 is not known");
  refuses("\x08\x01", "field 1 should be a message");
}

TEST_CASE("a charsmap is not trusted") {
  auto const fails = [](std::string const& blob, char const* message) {
    CHECK_THROWS_WITH_AS(guard::charsmap(blob, "x.model"), Contains(message), io_error);
  };
  fails("abc", "shorter than its size field");
  fails({0, 0, 0, 0, 0}, "its double array does not fit");
  fails({8, 0, 0, 0, 1, 1, 1, 1}, "its double array does not fit");
  fails({4, 0, 0, 0, 1, 1, 1, 1, 'a'}, "its last replacement has no end");
  fails(std::string({4, 0, 0, 0, 1, 1, 1, 1}) + std::string(1025, 'a') + '\0', "longer than 1024 bytes");
  // A unit that points far outside.
  CHECK(guard::charsmap(std::string{4, 0, 0, 0, '\xFF', '\xFF', '\xFF', '\xFF', 'a', 0}, "x.model").find("a").bytes == 0);
}

// Every fifth byte of two real models changed, and every fifteenth length cut: refused, or a tokeniser that works on.
TEST_CASE("broken files are refused or read, never believed") {
  for (std::string const name : {"goldens/guard/bpe.model", "goldens/guard/unigram.model"}) {
    std::string const bytes = io::read_file(name);
    int refused = 0, read = 0;
    auto const attempt = [&](std::string const& changed) {
      try {
        guard::sentencepiece_tokenizer const tokenizer(guard::read_sentencepiece_model(changed, "x.model"));
        for (auto const& t : tokenizer.encode("The robot must stop \xE3\x81\x82\xFF <doc>2 \xEF\xBC\xA1")) static_cast<void>(tokenizer.piece(t.id));
        ++read;
      } catch (io_error const&) {
        ++refused;
      }
    };
    for (std::size_t k = 0; k < bytes.size(); k += 5) {
      std::string changed = bytes;
      changed[k] = static_cast<char>(changed[k] ^ (1 << k % 8));
      attempt(changed);
      if (k % 3 == 0) attempt(bytes.substr(0, k));
    }
    CHECK(refused > 100);
    CHECK(read > 100);
  }
}
