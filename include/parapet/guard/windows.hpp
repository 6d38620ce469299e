// Overlapping windows of a text that is longer than a model can read at once.
//
// Every byte of the text is in a window, and whatever is at most `overlap` tokens long is whole in one. Windows are as even as may
// be, so that the last is no scrap without context.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/token.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

/// Bytes [begin, end) of a text.
struct text_window {
  std::size_t begin, end;
  friend bool operator==(text_window const&, text_window const&) = default;
};

/// The fewest windows of at most `size` tokens for a text of `bytes` bytes whose tokens are given; neighbours share `overlap` tokens.
/// One window, of no tokens, for a text that has none. Into `out`, in place of what it had. Throws argument_error unless 0 <= overlap < size.
inline void token_windows(std::span<token const> tokens, std::size_t bytes, index_t size, index_t overlap, std::vector<text_window>& out) {
  if (!(0 <= overlap && overlap < size))
    throw argument_error(parapet::detail::concat("token_windows: windows of ", size, " tokens that share ", overlap, ", expected 0 <= overlap < size"));
  auto const n = static_cast<index_t>(tokens.size());
  out.clear();
  if (n <= size) return out.push_back({0, bytes});
  index_t const step = size - overlap, count = (n - overlap + step - 1) / step;
  auto const start = [&](index_t k) { return k == n ? bytes : static_cast<std::size_t>(tokens[static_cast<std::size_t>(k)].begin); };
  for (index_t i = 0; i < count; ++i) {
    index_t const first = i * (n - overlap) / count, last = (i + 1) * (n - overlap) / count + overlap;
    out.push_back({i == 0 ? 0 : start(first), start(last)});
  }
}
inline std::vector<text_window> token_windows(std::span<token const> tokens, std::size_t bytes, index_t size, index_t overlap) {
  std::vector<text_window> out;
  token_windows(tokens, bytes, size, overlap, out);
  return out;
}

}  // namespace parapet::inline PARAPET_ABI::guard
