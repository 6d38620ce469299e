// A text on its way through normalisation: what it is now, and for each byte the bytes of the user's text that it comes from.
//
// While nothing has moved there is no table: byte k comes from the character around byte k. Rewriting is done as Hugging Face's
// tokenizers does it, so that offsets agree: a list of characters, each of which replaces the next one of the text (change 0), replaces
// it and removes n more (-n), or is inserted and shares the origin of the byte before it (1).
#pragma once

#include <parapet/config.hpp>
#include <parapet/guard/pattern.hpp>
#include <parapet/guard/unicode.hpp>
#include <parapet/guard/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Bytes [begin, end) of the user's text.
struct byte_span {
  std::uint32_t begin, end;
};

/// What it rewrites, and what its steps need on the way, is taken from the memory that it has been given.
class aligned_text {
public:
  using allocator_type = std::pmr::polymorphic_allocator<>;

  /// Reads `text`, which must be UTF-8 and outlive this, and is at byte `offset` of the user's text.
  explicit aligned_text(std::string_view text, std::size_t offset = 0, allocator_type memory = {})
      : view_(text), text_(memory), offset_(static_cast<std::uint32_t>(offset)), spans_(memory) {}

  /// Reads bytes of which nobody knows whether they are UTF-8: one that is not becomes U+FFFD.
  static aligned_text of_bytes(std::string_view bytes, allocator_type memory = {}) {
    aligned_text out(bytes, 0, memory);
    std::size_t valid = 0;
    while (valid < bytes.size() && decode_utf8(bytes, valid).valid) valid += static_cast<std::size_t>(decode_utf8(bytes, valid).bytes);
    if (valid == bytes.size()) return out;
    std::pmr::string text(bytes.substr(0, valid), memory);
    std::pmr::vector<byte_span> spans(memory);
    out.append_spans(spans, 0, valid);
    for (std::size_t at = valid; at < bytes.size();) {
      utf8_char const c = decode_utf8(bytes, at);
      append_utf8(text, c.code);
      std::size_t const next = at + static_cast<std::size_t>(c.bytes);
      spans.resize(text.size(), {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(next)});
      at = next;
    }
    out.take(std::move(text), std::move(spans));
    return out;
  }

  allocator_type get_allocator() const { return text_.get_allocator(); }
  std::string_view get() const { return owned_ ? std::string_view(text_) : view_; }
  bool empty() const { return get().empty(); }
  bool is_ascii() const {
    return std::all_of(get().begin(), get().end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  }

  /// Where bytes [begin, end) come from; not empty.
  byte_span origin(std::size_t begin, std::size_t end) const {
    if (moved_) return {spans_[begin].begin, spans_[end - 1].end};
    std::string_view const text = get();
    auto const trails = [&](std::size_t k) { return (static_cast<unsigned char>(text[k]) & 0xC0) == 0x80; };
    while (begin > 0 && trails(begin)) --begin;
    while (end < text.size() && trails(end)) ++end;
    return {offset_ + static_cast<std::uint32_t>(begin), offset_ + static_cast<std::uint32_t>(end)};
  }

  /// The part [begin, end) for itself. A part of an unmoved text reads this one, which must outlive it.
  aligned_text part(std::size_t begin, std::size_t end) const {
    aligned_text out(get().substr(begin, end - begin), offset_ + begin, get_allocator());
    if (moved_) {
      out.moved_ = true;
      out.spans_.assign(spans_.begin() + static_cast<std::ptrdiff_t>(begin), spans_.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return out;
  }

  /// Changes ASCII characters one for one.
  template <class Change>
  void change_ascii(Change change) {
    own();
    for (char& c : text_)
      if (static_cast<unsigned char>(c) < 0x80) c = change(c);
  }

  /// The text becomes `characters`, after `removed` characters of the old one that have gone.
  void rewrite(std::pmr::vector<changed_char> const& characters, std::size_t removed = 0) {
    std::string_view const old = get();
    if (old.empty()) return;
    std::pmr::string text(get_allocator());
    std::pmr::vector<byte_span> spans(get_allocator());
    text.reserve(old.size() + old.size() / 2);
    spans.reserve(old.size() + old.size() / 2);
    std::size_t at = 0;
    auto const consume = [&](std::size_t count) {
      for (; count > 0 && at < old.size(); --count) at += static_cast<std::size_t>(decode_utf8(old, at).bytes);
    };
    consume(removed);
    for (auto const [code, change] : characters) {
      byte_span from{offset_, offset_};
      if (change > 0) {
        if (at > 0) from = span(at - 1);
        else if (moved_) from = {spans_[0].begin, spans_[0].begin};
      } else {
        from = span(std::min(at, old.size() - 1));
        consume(1 + static_cast<std::size_t>(-change));
      }
      append_utf8(text, code);
      spans.resize(text.size(), from);
    }
    take(std::move(text), std::move(spans));
  }

  /// Puts `front` before the text, if there is one.
  void prepend(std::string_view front) {
    std::string_view const old = get();
    if (old.empty()) return;
    std::pmr::string text(get_allocator());
    std::pmr::vector<byte_span> spans(get_allocator());
    text.reserve(front.size() + old.size());
    spans.reserve(front.size() + old.size());
    text += front;
    text += old;
    spans.resize(front.size(), span(0));
    append_spans(spans, 0, old.size());
    take(std::move(text), std::move(spans));
  }

  /// Appends the part of another text.
  void append(aligned_text const& more) {
    own();
    if (!moved_) {
      append_spans(spans_, 0, get().size());
      moved_ = true;
    }
    more.append_spans(spans_, 0, more.get().size());
    text_ += more.get();
  }

  /// Appends bytes [begin, end) of another text, each as the character `alphabet[byte]`.
  void append_bytes(aligned_text const& more, std::size_t begin, std::size_t end, std::array<char32_t, 256> const& alphabet) {
    if (!moved_) append(aligned_text(""));
    std::string_view const bytes = more.get();
    while (begin < end) {
      byte_span const from = more.span(begin);
      std::size_t const next = more.moved_ ? begin + 1 : std::min(end, begin + static_cast<std::size_t>(decode_utf8(bytes, begin).bytes));
      for (; begin < next; ++begin) append_utf8(text_, alphabet[static_cast<unsigned char>(bytes[begin])]);
      spans_.resize(text_.size(), from);
    }
  }

  /// Puts `content` where find_all(text, on_match) finds something; it comes from the last character of the match.
  template <class FindAll>
  void replace(FindAll const& find_all, std::string_view content) {
    std::string_view const old = get();
    std::pmr::string text(get_allocator());
    std::pmr::vector<byte_span> spans(get_allocator());
    std::size_t at = 0;
    bool const same_size = content.size() == 1;
    bool moves = false, any = false;
    find_all(old, [&](pattern::match m) {
      if (!any) {
        any = true;
        text.reserve(old.size() + old.size() / 2);
      }
      moves = moves || !same_size || m.end - m.begin != 1;
      text.append(old, at, m.begin - at);
      text += content;
      at = m.end;
    });
    if (!any) return;
    text.append(old, at);
    if (!moved_ && !moves) {
      text_ = std::move(text);
      owned_ = true;
      return;
    }
    spans.reserve(text.size());
    at = 0;
    find_all(old, [&](pattern::match m) {
      append_spans(spans, at, m.begin);
      spans.resize(spans.size() + content.size(), span(m.end - 1));
      at = m.end;
    });
    append_spans(spans, at, old.size());
    take(std::move(text), std::move(spans));
  }

private:
  byte_span span(std::size_t at) const { return origin(at, at + 1); }

  void append_spans(std::pmr::vector<byte_span>& out, std::size_t begin, std::size_t end) const {
    if (moved_) {
      out.insert(out.end(), spans_.begin() + static_cast<std::ptrdiff_t>(begin), spans_.begin() + static_cast<std::ptrdiff_t>(end));
      return;
    }
    std::string_view const text = get();
    while (begin < end) {
      auto const bytes = static_cast<std::size_t>(decode_utf8(text, begin).bytes);
      auto const first = offset_ + static_cast<std::uint32_t>(begin);
      out.resize(out.size() + bytes, {first, first + static_cast<std::uint32_t>(bytes)});
      begin += bytes;
    }
  }

  void own() {
    if (owned_) return;
    text_ = view_;
    owned_ = true;
  }
  void take(std::pmr::string text, std::pmr::vector<byte_span> spans) {
    text_ = std::move(text);
    spans_ = std::move(spans);
    owned_ = moved_ = true;
  }

  std::string_view view_;
  std::pmr::string text_;
  bool owned_ = false, moved_ = false;
  std::uint32_t offset_;
  std::pmr::vector<byte_span> spans_;  // of each byte, if moved
};

}  // namespace parapet::inline PARAPET_ABI::guard
