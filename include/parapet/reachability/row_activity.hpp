// Which rows of a grid still change: those that do not, and whose surroundings do not either, need no sweep.
//
// A row is all nodes along the last axis. If nothing within the reach of a step around a row changed in the last step, the next
// step would compute what the row holds already, to the bit: so it rests until something comes near.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/grid/grid.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace parapet::inline PARAPET_ABI::reachability {

/// The account of a solve. A backend that keeps none leaves `counts` false.
struct row_activity {
  bool counts = false;
  double change = 0;        ///< largest |change| of the last step, NaN if one is
  double skip_below = 0;    ///< a row that changed by no more counts as unchanged
  index_t rows_swept = 0;   ///< in the last stage
  std::vector<unsigned char> active, changed;
};

namespace detail {

/// Whether a backend's upwind_sweep keeps the account.
template <class Backend>
inline constexpr bool keeps_account = false;
template <>
inline constexpr bool keeps_account<backend::cpu> = true;

inline void wake_all(row_activity& rows) { std::fill(rows.active.begin(), rows.active.end(), static_cast<unsigned char>(1)); }

/// to[i] |= from[i + k] for |k| <= reach along one axis of flags of shape (outer, n, inner).
inline void spread_flags(std::vector<unsigned char> const& from, std::vector<unsigned char>& to, index_t n, index_t inner, index_t reach, bool periodic) {
  index_t const outer = static_cast<index_t>(from.size()) / (n * inner);
  to = from;
  for (index_t o = 0; o < outer; ++o) {
    unsigned char* const out = to.data() + o * n * inner;
    unsigned char const* const in = from.data() + o * n * inner;
    auto const add = [&](index_t at, index_t shifted, index_t count) {
      for (index_t m = 0; m < count * inner; ++m) out[at * inner + m] = static_cast<unsigned char>(out[at * inner + m] | in[shifted * inner + m]);
    };
    for (index_t k = 1; k <= std::min(reach, n - 1); ++k) {
      add(0, k, n - k);
      add(k, 0, n - k);
      if (!periodic) continue;
      add(n - k, 0, k);
      add(0, n - k, k);
    }
  }
}

/// The rows of the next step: all within `reach` of a row that changed. A row that goes to rest leaves `values` in `other` too, where
/// that is not null.
template <class T, int D>
void choose_rows(row_activity& rows, grid::grid<D> const& nodes, index_t reach, T* other, T const* values) {
  bool const all = std::find(rows.changed.begin(), rows.changed.end(), 0) == rows.changed.end();
  if (all && other == nullptr) return wake_all(rows);
  std::vector<unsigned char> next = rows.changed, wider;
  index_t inner = 1;
  for (int a = D - 2; a >= 0; --a) {
    spread_flags(next, wider, nodes.shape()[a], inner, reach, nodes.axis(a).is_periodic());
    next.swap(wider);
    inner *= nodes.shape()[a];
  }
  if (other != nullptr) {
    index_t const n = nodes.shape()[D - 1];
    for (std::size_t r = 0; r < next.size(); ++r)
      if (rows.active[r] && !next[r]) std::copy_n(values + static_cast<index_t>(r) * n, n, other + static_cast<index_t>(r) * n);
  }
  rows.active.swap(next);
}

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::reachability
