// A SentencePiece model file: a protocol buffer (github.com/google/sentencepiece, sentencepiece_model.proto) of which the pieces,
// the kind of model and the rules of normalisation are read.
//
// The bytes are not trusted. A length is believed only if so much is there, and everything that the tokeniser relies on is
// checked here: pieces are UTF-8, not empty, no two alike; scores are finite; one unknown piece; 256 byte pieces if there is a fallback.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/utf8.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

struct sentencepiece_model {
  enum class piece_kind : std::uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  enum class kind : std::uint8_t { unigram = 1, bpe = 2 };
  struct piece {
    std::string text;
    float score = 0;
    piece_kind type = piece_kind::normal;
  };

  std::string source;  ///< for messages
  std::vector<piece> pieces;
  kind type = kind::unigram;
  bool byte_fallback = false;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true, whitespace_as_suffix = false;
  std::string precompiled_charsmap;
  std::string unknown_surface = " \u2047 ";  ///< what the unknown piece decodes to
};

namespace detail {

/// Fields of one protocol buffer message, one after the other.
class protobuf_reader {
public:
  struct field {
    std::uint64_t number = 0;
    int wire_type = 0;
    std::uint64_t value = 0;  // of a varint or a fixed number
    std::string_view bytes{};
  };

  protobuf_reader(std::string_view message, std::size_t first_byte, std::string const& source)
      : message_(message), first_byte_(first_byte), source_(source) {}

  bool next(field& out) {
    if (at_ == message_.size()) return false;
    std::uint64_t const key = varint();
    out = {key >> 3, static_cast<int>(key & 7)};
    switch (out.wire_type) {
      case 0: out.value = varint(); break;
      case 1: out.value = fixed(8); break;
      case 2: out.bytes = take(varint()); break;
      case 5: out.value = fixed(4); break;
      default: fail(parapet::detail::concat("wire type ", out.wire_type, " is not known"));
    }
    return true;
  }

  /// A reader of the message in `bytes`, a field of this one.
  protobuf_reader inside(field const& f) const {
    if (f.wire_type != 2) fail(parapet::detail::concat("field ", f.number, " should be a message"));
    return {f.bytes, first_byte_ + static_cast<std::size_t>(f.bytes.data() - message_.data()), source_};
  }

  /// Throws unless the field has the wire type.
  void expect(field const& f, int wire_type) const {
    if (f.wire_type != wire_type) fail(parapet::detail::concat("field ", f.number, " has wire type ", f.wire_type, ", not ", wire_type));
  }

  [[noreturn]] void fail(std::string_view message) const {
    throw io_error(parapet::detail::concat(source_, ": byte ", first_byte_ + at_, ": ", message));
  }

private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == message_.size()) fail("the file ends inside a number");
      auto const byte = static_cast<unsigned char>(message_[at_++]);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    fail("a number has more than 64 bits");
  }
  std::string_view take(std::uint64_t count) {
    if (count > message_.size() - at_) fail(parapet::detail::concat("a field of ", count, " bytes where ", message_.size() - at_, " are left"));
    std::string_view const bytes = message_.substr(at_, static_cast<std::size_t>(count));
    at_ += bytes.size();
    return bytes;
  }
  std::uint64_t fixed(std::size_t count) {
    std::uint64_t value = 0;
    std::string_view const bytes = take(count);
    for (std::size_t k = 0; k < count; ++k) value |= std::uint64_t{static_cast<unsigned char>(bytes[k])} << (8 * k);
    return value;
  }

  std::string_view message_;
  std::size_t at_ = 0, first_byte_;
  std::string const& source_;
};

inline sentencepiece_model::piece read_piece(protobuf_reader message) {
  sentencepiece_model::piece piece;
  for (protobuf_reader::field f; message.next(f);) {
    if (f.number == 1) {
      message.expect(f, 2);
      piece.text = f.bytes;
    } else if (f.number == 2) {
      message.expect(f, 5);
      piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(f.value));
    } else if (f.number == 3) {
      message.expect(f, 0);
      if (f.value < 1 || f.value > 6) message.fail(parapet::detail::concat("a piece of type ", f.value));
      piece.type = static_cast<sentencepiece_model::piece_kind>(f.value);
    }
  }
  using piece_kind = sentencepiece_model::piece_kind;
  if (piece.text.empty()) message.fail("a piece without text");
  if (piece.text.size() > 1024) message.fail("a piece of more than 1024 bytes");
  for (std::size_t at = 0; at < piece.text.size();) {
    utf8_char const c = decode_utf8(piece.text, at);
    if (!c.valid) message.fail("a piece that is not UTF-8");
    at += static_cast<std::size_t>(c.bytes);
  }
  if (!std::isfinite(piece.score)) message.fail("a score that is not finite");
  if (piece.type == piece_kind::unused) message.fail("unused pieces are not supported");
  return piece;
}

/// 0..255 for "<0x00>".."<0xFF>", or -1.
inline int byte_of_piece(std::string_view text) {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return -1;
  auto const digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  int const high = digit(text[3]), low = digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

inline void check_pieces(sentencepiece_model const& model) {
  auto const fail = [&](auto const&... what) { throw io_error(parapet::detail::concat(model.source, ": ", what...)); };
  std::unordered_set<std::string_view> seen;
  std::size_t unknown = 0, bytes = 0;
  for (std::size_t k = 0; k < model.pieces.size(); ++k) {
    auto const& piece = model.pieces[k];
    if (!seen.insert(piece.text).second) fail("piece ", k, " is there twice");
    unknown += piece.type == sentencepiece_model::piece_kind::unknown;
    if (piece.type != sentencepiece_model::piece_kind::byte) continue;
    if (byte_of_piece(piece.text) < 0) fail("piece ", k, " is a byte, but not written <0xXX>");
    ++bytes;
  }
  if (unknown != 1) fail(unknown, " unknown pieces, not 1");
  if (model.byte_fallback && bytes != 256) fail("byte fallback with ", bytes, " byte pieces, not 256");
}

}  // namespace detail

/// Reads a model from the bytes of its file; `source` is the file's name for messages. Throws io_error for what is broken, and
/// for what is not supported: word and character models, unused pieces, rules of denormalisation.
inline sentencepiece_model read_sentencepiece_model(std::string_view bytes, std::string source) {
  sentencepiece_model model;
  model.source = std::move(source);
  if (bytes.size() > 0x7FFFFFFF) throw io_error(model.source + ": more than 2 GiB");
  detail::protobuf_reader file(bytes, 0, model.source);
  for (detail::protobuf_reader::field f; file.next(f);) {
    if (f.number == 1) model.pieces.push_back(detail::read_piece(file.inside(f)));
    if (f.number == 2) {
      auto trainer = file.inside(f);
      for (detail::protobuf_reader::field g; trainer.next(g);) {
        if (g.number == 3 && g.value != 1 && g.value != 2)
          trainer.fail(parapet::detail::concat("model type ", g.value, " is not supported: unigram is 1, BPE is 2"));
        if (g.number == 3) model.type = static_cast<sentencepiece_model::kind>(g.value);
        if (g.number == 24) model.whitespace_as_suffix = g.value != 0;
        if (g.number == 35) model.byte_fallback = g.value != 0;
        if (g.number == 44) model.unknown_surface = g.bytes;
      }
    }
    if (f.number == 3) {
      auto rules = file.inside(f);
      for (detail::protobuf_reader::field g; rules.next(g);) {
        if (g.number == 2) model.precompiled_charsmap = g.bytes;
        if (g.number == 3) model.add_dummy_prefix = g.value != 0;
        if (g.number == 4) model.remove_extra_whitespaces = g.value != 0;
        if (g.number == 5) model.escape_whitespaces = g.value != 0;
      }
    }
    if (f.number == 5) {
      auto rules = file.inside(f);
      for (detail::protobuf_reader::field g; rules.next(g);)
        if (g.number == 2 && !g.bytes.empty()) rules.fail("rules of denormalisation are not supported");
    }
  }
  detail::check_pieces(model);
  return model;
}

}  // namespace parapet::inline PARAPET_ABI::guard
