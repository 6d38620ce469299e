// The field "post_processor" of a tokenizer.json: the control tokens around one text or two, and which spaces offsets leave out.
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/json_fields.hpp>
#include <parapet/guard/token.hpp>
#include <parapet/guard/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Tokens of one text or two as a model takes them: control tokens included.
struct templated_tokens {
  std::vector<token> tokens;
  std::vector<std::int32_t> types;  ///< of each token: the segment that it is in, for models that embed it
};

class post_processor {
public:
  /// A control token of the template, or a text.
  struct piece {
    int text = -1;  ///< 0 or 1; -1: the tokens
    std::vector<std::int32_t> ids{};
    std::int32_t type = 0;
  };
  struct named_token {
    std::string name;
    std::int32_t id;
  };

  post_processor() = default;
  post_processor(io::json_value const& value, std::string const& path) { read(value, path, 0); }

  std::vector<named_token> const& control_tokens() const { return names_; }
  bool trims() const { return !trims_.empty(); }

  /// Leaves the spaces at the ends of tokens out of their offsets, where the file says so. `spaces(k)`: how many characters of white
  /// space token k begins and ends with; as many characters of the user's `text` are left out.
  template <class Spaces>
  void trim(std::string_view text, token* tokens, std::size_t count, Spaces spaces) const {
    for (bool const keeps_one_in_front : trims_) {
      for (std::size_t k = 0; k < count; ++k) {
        token& t = tokens[k];
        auto [leading, trailing] = spaces(k);
        if (leading == 1 && keeps_one_in_front && (k == 0 || t.begin == 0)) leading = 0;
        for (; leading > 0 && t.begin < t.end; --leading) t.begin += static_cast<std::uint32_t>(decode_utf8(text, t.begin).bytes);
        std::uint32_t end = t.end;
        for (; trailing > 0 && end > 0; --trailing)
          do --end;
          while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
        if (trailing == 0) t.end = std::max(end, t.begin);
      }
    }
  }

  /// Writes the template around one text, or two, into `out`; add_text(k) appends the tokens of text k.
  template <class AddText>
  void fill(templated_tokens& out, bool two, AddText add_text) const {
    out.tokens.clear();
    out.types.clear();
    for (piece const& p : two ? pair_ : single_) {
      if (p.text >= 0) add_text(p.text);
      else
        for (std::int32_t const id : p.ids) out.tokens.push_back({id});
      out.types.resize(out.tokens.size(), p.type);
    }
  }

private:
  void read(io::json_value const& value, std::string const& path, int depth) {
    json_fields f(value, path);
    std::string const type = f.string("type");
    if (depth > 8) f.fail("type", "sequences in sequences, deeper than 8");
    if (type == "Sequence") {
      for_each_element(f.array("processors"), f.path_of("processors"), [&](io::json_value const& v, std::string const& p) { read(v, p, depth + 1); });
    } else if (type == "ByteLevel") {
      f.boolean("use_regex", true);  // of the pre-tokenizer only
      bool const prefix = f.boolean("add_prefix_space");
      if (f.boolean("trim_offsets")) trims_.push_back(prefix);
    } else {
      if (std::exchange(has_template_, true)) f.fail("type", "a second template");
      if (type == "TemplateProcessing") read_template(f);
      else if (type == "BertProcessing" || type == "RobertaProcessing") read_fixed(f, type == "RobertaProcessing");
      else f.fail("type", "the post-processor " + io::detail::printable(type) + " is not known");
    }
    f.finish();
  }

  static std::int32_t id_of(json_fields& f, std::string_view key) { return static_cast<std::int32_t>(f.integer(key, 0, 0x7FFFFFFE)); }

  /// `["[SEP]", 102]`
  piece read_token(json_fields& f, std::string_view key) {
    auto const& pair = f.array(key);
    bool const fits = pair.size() == 2 && pair[0].type() == io::json_value::kind::string && pair[1].type() == io::json_value::kind::number;
    if (!fits) f.fail(key, "a token and its id are expected");
    index_t const id = pair[1].integer();
    if (id < 0 || id > 0x7FFFFFFE) f.fail(key, "the id is out of range");
    names_.push_back({pair[0].string(), static_cast<std::int32_t>(id)});
    return {-1, {static_cast<std::int32_t>(id)}, 0};
  }

  void read_fixed(json_fields& f, bool roberta) {
    piece const sep = read_token(f, "sep"), cls = read_token(f, "cls");
    piece second{1, {}, roberta ? 0 : 1}, last = sep;
    last.type = second.type;
    single_ = {cls, {0}, sep};
    pair_ = roberta ? std::vector<piece>{cls, {0}, sep, sep, second, last} : std::vector<piece>{cls, {0}, sep, second, last};
    if (!roberta) return;
    bool const trims = f.boolean("trim_offsets"), prefix = f.boolean("add_prefix_space");
    if (trims) trims_.push_back(prefix);
  }

  void read_template(json_fields& f) {
    json_fields tokens(f.at("special_tokens"), f.path_of("special_tokens"));
    auto const read_pieces = [&](std::string_view key) {
      std::vector<piece> out;
      for_each_element(f.array(key), f.path_of(key), [&](io::json_value const& v, std::string const& p) {
        json_fields element(v, p);
        bool const is_text = element.find("Sequence") != nullptr;
        json_fields inner(element.at(is_text ? "Sequence" : "SpecialToken"), element.path_of(is_text ? "Sequence" : "SpecialToken"));
        element.finish();
        std::string const id = inner.string("id");
        piece read{-1, {}, id_of(inner, "type_id")};
        inner.finish();
        if (is_text && id != "A" && id != "B") inner.fail("id", "'A' or 'B' is expected");
        if (is_text) read.text = id == "B";
        else read.ids = read_ids(tokens, id);
        out.push_back(std::move(read));
      });
      return out;
    };
    single_ = read_pieces("single");
    pair_ = read_pieces("pair");
    for (std::string const& name : f.at("special_tokens").keys()) read_ids(tokens, name);  // those that are not used, too
    if (single_.empty()) f.fail("single", "is empty");
    for (piece const& p : single_)
      if (p.text == 1) f.fail("single", "has a second text");
  }

  std::vector<std::int32_t> read_ids(json_fields& tokens, std::string const& name) {
    json_fields entry(tokens.at(name), tokens.path_of(name));
    entry.string("id");
    auto const& texts = entry.array("tokens");
    auto const& ids = entry.array("ids");
    entry.finish();
    if (texts.size() != ids.size() || ids.empty()) entry.fail("ids", "an id for each of the tokens is expected");
    std::vector<std::int32_t> out;
    for (std::size_t k = 0; k < ids.size(); ++k) {
      index_t const id = ids[k].integer();
      if (id < 0 || id > 0x7FFFFFFE) entry.fail("ids", "an id is out of range");
      out.push_back(static_cast<std::int32_t>(id));
      bool const known = std::any_of(names_.begin(), names_.end(), [&](named_token const& n) { return n.id == out.back(); });
      if (!known) names_.push_back({texts[k].string(), out.back()});
    }
    return out;
  }

  std::vector<piece> single_{{0}}, pair_{{0}, {1, {}, 1}};  // without a template, the texts alone
  bool has_template_ = false;
  std::vector<bool> trims_;  // each: whether one space in front of a text was put there, and stays
  std::vector<named_token> names_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
