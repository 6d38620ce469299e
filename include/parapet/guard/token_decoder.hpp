// The field "decoder" of a tokenizer.json: tokens back to text.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/byte_level.hpp>
#include <parapet/guard/json_fields.hpp>
#include <parapet/guard/text_normalizer.hpp>
#include <parapet/guard/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Appends bytes; U+FFFD for each longest part of a character that is not complete (Unicode's recommended practice).
inline void append_repaired_utf8(std::string& out, std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    utf8_char const c = decode_utf8(bytes, at);
    std::size_t length = static_cast<std::size_t>(c.bytes);
    if (c.valid) {
      out += bytes.substr(at, length);
    } else {
      auto const byte = [&](std::size_t k) { return at + k < bytes.size() ? static_cast<unsigned char>(bytes[at + k]) : 0u; };
      unsigned const lead = byte(0), second = byte(1);
      std::size_t const wanted = lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 1;
      unsigned const from = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80, to = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      if (wanted > 1 && second >= from && second <= to)
        for (length = 2; length < wanted && (byte(length) & 0xC0) == 0x80 && at + length < bytes.size();) ++length;
      out += "\xEF\xBF\xBD";
    }
    at += length;
  }
}

namespace decoding {

using texts = std::vector<std::string>;

/// Replaces each `what` in text; not empty.
inline void replace_all(std::string& text, std::string_view what, std::string_view with) {
  if (text.find(what) == text.npos) return;
  std::string out;
  std::size_t at = 0;
  for (std::size_t found; (found = text.find(what, at)) != text.npos; at = found + what.size()) out.append(text, at, found - at).append(with);
  text = out.append(text, at);
}

struct byte_level {
  void operator()(texts& tokens) const {
    std::string bytes, out;
    for (std::string const& t : tokens) bytes += bytes_of_alphabet(t).value_or(t);
    append_repaired_utf8(out, bytes);
    tokens = {std::move(out)};
  }
};

struct word_piece {
  std::string prefix;
  bool cleanup;

  void operator()(texts& tokens) const {
    for (std::size_t k = 0; k < tokens.size(); ++k) {
      std::string& t = tokens[k];
      if (k != 0) {
        if (t.starts_with(prefix)) t.erase(0, prefix.size());
        else t.insert(0, " ");
      }
      constexpr std::string_view tidied[][2] = {{" .", "."},       {" ?", "?"},   {" !", "!"},               {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
                                                {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
      if (cleanup)
        for (auto const& [what, with] : tidied) replace_all(t, what, with);
    }
  }
};

struct metaspace {
  std::string replacement;
  bool drops_first;

  void operator()(texts& tokens) const {
    for (std::size_t k = 0; k < tokens.size(); ++k) replace_all(tokens[k], replacement, k == 0 && drops_first ? "" : " ");
  }
};

struct bpe {
  std::string suffix;

  void operator()(texts& tokens) const {
    for (std::size_t k = 0; k < tokens.size(); ++k) replace_all(tokens[k], suffix, k + 1 == tokens.size() ? "" : " ");
  }
};

struct replace {
  text_pattern what;
  std::string with;

  void operator()(texts& tokens) const {
    for (std::string& t : tokens) {
      std::string out;
      std::size_t at = 0;
      what(t, [&](pattern::match m) {
        out.append(t, at, m.begin - at).append(with);
        at = m.end;
      });
      t = out.append(t, at);
    }
  }
};

struct fuse {
  void operator()(texts& tokens) const {
    std::string all;
    for (std::string const& t : tokens) all += t;
    tokens = {std::move(all)};
  }
};

struct strip {
  std::string content;
  std::size_t start, stop;

  void operator()(texts& tokens) const {
    for (std::string& t : tokens) {
      std::size_t front = 0, back = 0;
      while (front < start && std::string_view(t).substr(front * content.size()).starts_with(content)) ++front;
      t.erase(0, front * content.size());
      for (; back < stop && t.ends_with(content); ++back) t.resize(t.size() - content.size());
    }
  }
};

/// Tokens `<0x0A>` are bytes; U+FFFD for each of a row that is not UTF-8.
struct byte_fallback {
  void operator()(texts& tokens) const {
    texts out;
    std::string bytes;
    auto const flush = [&] {
      if (bytes.empty()) return;
      bool valid = true;
      for (std::size_t at = 0; at < bytes.size();) {
        utf8_char const c = decode_utf8(bytes, at);
        valid = valid && c.valid;
        at += static_cast<std::size_t>(c.bytes);
      }
      if (valid) out.push_back(bytes);
      else out.insert(out.end(), bytes.size(), "\xEF\xBF\xBD");
      bytes.clear();
    };
    for (std::string& t : tokens) {
      if (int const b = byte_of(t); b >= 0) {
        bytes += static_cast<char>(b);
        continue;
      }
      flush();
      out.push_back(std::move(t));
    }
    flush();
    tokens = std::move(out);
  }

private:
  static int byte_of(std::string_view t) {
    if (t.size() != 6 || !t.starts_with("<0x") || t[5] != '>') return -1;
    auto const digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    int const high = t[3] == '+' ? 0 : digit(t[3]), low = digit(t[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
  }
};

}  // namespace decoding

/// The steps of a decoder, in order. const in use.
class token_decoder {
public:
  token_decoder() = default;
  token_decoder(io::json_value const& value, std::string const& path) { read(value, path, 0); }

  /// The text of tokens, of which each is given by its own. Without a decoder they are words.
  std::string operator()(std::vector<std::string> tokens) const {
    if (tokens.empty()) return {};
    std::string out;
    for (step const& s : steps_) std::visit([&](auto const& apply) { apply(tokens); }, s);
    for (std::size_t k = 0; k < tokens.size(); ++k) {
      if (steps_.empty() && k > 0) out += ' ';
      out += tokens[k];
    }
    return out;
  }

private:
  using step = std::variant<decoding::byte_level, decoding::word_piece, decoding::metaspace, decoding::bpe, decoding::replace, decoding::fuse, decoding::strip,
                            decoding::byte_fallback>;

  void read(io::json_value const& value, std::string const& path, int depth) {
    json_fields f(value, path);
    std::string const type = f.string("type");
    if (depth > 8) f.fail("type", "sequences in sequences, deeper than 8");
    auto const not_empty = [&](std::string_view key) {
      std::string text = f.string(key);
      if (text.empty()) f.fail(key, "is empty");
      return text;
    };
    if (type == "Sequence") {
      for_each_element(f.array("decoders"), f.path_of("decoders"), [&](io::json_value const& v, std::string const& p) { read(v, p, depth + 1); });
    } else if (type == "ByteLevel") {
      for (char const* const key : {"add_prefix_space", "trim_offsets", "use_regex"}) f.boolean(key, true);  // of the others only
      steps_.push_back(decoding::byte_level{});
    } else if (type == "WordPiece") {
      std::string prefix = f.string("prefix");
      steps_.push_back(decoding::word_piece{std::move(prefix), f.boolean("cleanup")});
    } else if (type == "Metaspace") {
      std::string mark = not_empty("replacement");
      f.boolean("split", true), f.string("str_rep", "");
      bool const prefix = f.boolean("add_prefix_space", true);
      steps_.push_back(decoding::metaspace{std::move(mark), f.string("prepend_scheme", prefix ? "always" : "never") != "never"});
    } else if (type == "BPEDecoder") steps_.push_back(decoding::bpe{not_empty("suffix")});
    else if (type == "Replace") {
      text_pattern what = read_text_pattern(f, "pattern");
      steps_.push_back(decoding::replace{std::move(what), f.string("content")});
    } else if (type == "Fuse") steps_.push_back(decoding::fuse{});
    else if (type == "Strip") {
      std::string content = not_empty("content");
      auto const start = static_cast<std::size_t>(f.integer("start", 0, 1 << 20)), stop = static_cast<std::size_t>(f.integer("stop", 0, 1 << 20));
      steps_.push_back(decoding::strip{std::move(content), start, stop});
    } else if (type == "ByteFallback") steps_.push_back(decoding::byte_fallback{});
    else f.fail("type", "the decoder " + io::detail::printable(type) + " is not supported");
    f.finish();
  }

  std::vector<step> steps_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
