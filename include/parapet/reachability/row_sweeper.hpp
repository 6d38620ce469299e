// A worker's part of a Hamilton-Jacobi stage on the CPU: rows of nodes in packs of lanes, sixteen rows together.
//
// A row is all nodes along the last axis. Its neighbours along the other axes are rows too and are read where they lie; only rows
// beyond an end are made up, and the row itself is copied once to get its ghosts. The last pack of a row overlaps the one
// before it, so there is no scalar remainder. Every node is computed from the old arrays alone and by itself: the result is the
// same bits for any number of threads.
#pragma once

#include <parapet/config.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/math/pack.hpp>
#include <parapet/reachability/upwind_sweep.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace parapet::inline PARAPET_ABI::reachability {
namespace detail {

/// Rows of a grid, counted in row-major order of the outer axes.
template <int D>
struct row_walk {
  extents<D> shape;
  extents<D> index{};  // the last entry stays 0
  index_t row;

  row_walk(extents<D> const& of, index_t first) : shape(of), row(first) {
    for (int a = D - 2; a >= 0; --a) {
      index[a] = first % shape[a];
      first /= shape[a];
    }
  }
  void next() {
    ++row;
    for (int a = D - 2; a >= 0; --a) {
      if (++index[a] < shape[a]) return;
      index[a] = 0;
    }
  }
};

/// The states of a row; the last component is that of single packs.
template <class T, int D>
PARAPET_INLINE vec<pack<T>, D> row_states(grid::grid<D> const& nodes, extents<D> const& index) {
  vec<pack<T>, D> x;
  PARAPET_UNROLL for (int a = 0; a < D - 1; ++a) x[a] = pack<T>(static_cast<T>(nodes.coordinate(a, index[a])));
  x[D - 1] = pack<T>(T(0));
  return x;
}

/// Coordinates along the last axis, and a pack more.
template <class T, int D>
std::vector<T> last_coordinates(grid::grid<D> const& nodes) {
  std::vector<T> x(static_cast<std::size_t>(nodes.axis(D - 1).n + pack<T>::lanes));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(nodes.coordinate(D - 1, static_cast<index_t>(i)));
  return x;
}

/// to[j] = from[j] for a row, with `ghosts` nodes on each side.
template <class T>
PARAPET_INLINE void copy_with_ghosts(T const* from, index_t n, grid::boundary boundary, index_t ghosts, T* to) {
  constexpr index_t width = pack<T>::lanes;
  if (n < width) std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
  else {
    for (index_t j = 0; j < n - width; j += width) pack<T>::load(from + j).store(to + j);
    pack<T>::load(from + n - width).store(to + n - width);
  }
  for (index_t k = 1; k <= ghosts; ++k) {
    to[-k] = beyond(from, 1, n, boundary, -k);
    to[n - 1 + k] = beyond(from, 1, n, boundary, n - 1 + k);
  }
}

/// Largest change and, if it was one, a NaN that stays.
template <class T>
struct lane_changes {
  pack<T> most = T(0), poison = T(0);

  T largest() const {
    T lane[pack<T>::lanes], result = sum_lanes(poison);
    most.store(lane);
    for (T const x : lane) result = result < x ? x : result;  // NaN stays
    return result;
  }
};

/// One worker's view of a stage. It sweeps neighbouring rows together, pack by pack: what depends on the last coordinate, a
/// heading's sine and cosine for instance, the compiler then computes once for all of them.
template <class Stage>
class row_sweeper {
  using T = typename Stage::scalar;
  using lanes = pack<T>;
  using scheme = typename Stage::scheme;
  static constexpr int dim = Stage::dim, reach = scheme::reach, outer = dim > 1 ? dim - 1 : 1;
  static constexpr index_t width = lanes::lanes;
  static constexpr index_t together = dim > 1 ? 16 : 1;

public:
  lane_changes<T> changes;  ///< over all rows swept, at the end of a step

  /// Memory for ghosts, in elements: for each row of a block itself and `reach` rows on either side of each outer axis.
  static index_t scratch_size(index_t row_length) { return together * copies * pitch(row_length); }

  row_sweeper(Stage const& stage, T const* last, T skip_below, T* scratch)
      : stage_(stage), last_(last), skip_below_(skip_below), n_(stage.nodes.shape()[dim - 1]), scratch_(scratch + width) {
    index_t stride = n_;
    for (int a = dim - 2; a >= 0; --a) {
      stride_[a] = stride;
      stride *= stage.nodes.shape()[a];
    }
  }

  /// Sweeps those rows of [first, end) that are active; at the end of a step, says which have changed. Returns how many it swept.
  index_t sweep(index_t first, index_t end, row_activity& activity) {
    index_t swept = 0;
    block_row rows[together];
    for (row_walk<dim> at(stage_.nodes.shape(), first); at.row < end;) {
      // Rows of a block differ in the index along the axis before the last.
      for (int a = 0; a < dim - 2; ++a) find_neighbours(a, at.index[a]);
      index_t const left = dim > 1 ? stage_.nodes.shape()[outer - 1] - at.index[outer - 1] : 1;
      vec<lanes, dim> const x = row_states<T>(stage_.nodes, at.index);
      index_t count = 0;
      for (index_t const stop = at.row + std::min({together, left, end - at.row}); at.row < stop; at.next()) {
        auto const row = static_cast<std::size_t>(at.row);
        if (activity.active[row]) open(rows[count], at, count), ++count;
        else if (stage_.ends_step) activity.changed[row] = false;
      }
      if (count == 0) continue;
      sweep_block(rows, count, x);
      swept += count;
      if (!stage_.ends_step) continue;
      for (index_t r = 0; r < count; ++r) {
        changes.most = math::max(changes.most, rows[r].most);
        activity.changed[static_cast<std::size_t>(rows[r].row)] = any(rows[r].most > lanes(skip_below_));
      }
    }
    return swept;
  }

private:
  static constexpr index_t nowhere = std::numeric_limits<index_t>::min();
  static constexpr index_t copies = 1 + 2 * reach * (dim - 1);

  /// A row of the block that is being swept.
  struct block_row {
    T const* line[outer][2 * reach + 1];  ///< neighbours along the outer axes
    T const* centre;                      ///< the row with its ghosts
    index_t row, start;                   ///< its number and its first node
    T coordinate;                         ///< along the axis before the last
    lanes tail, most;                     ///< new values of its last pack; the largest change by lane
  };

  void open(block_row& row, row_walk<dim> const& at, index_t place) {
    T* const memory = scratch_ + place * copies * pitch(n_);
    row.row = at.row;
    row.start = at.row * n_;
    row.centre = memory;
    row.most = T(0);
    T const* const from = stage_.from + row.start;
    copy_with_ghosts(from, n_, stage_.nodes.axis(dim - 1).beyond, reach, memory);
    if constexpr (dim > 1) {
      row.coordinate = static_cast<T>(stage_.nodes.coordinate(outer - 1, at.index[outer - 1]));
      find_neighbours(outer - 1, at.index[outer - 1]);
      for (int a = 0; a < outer; ++a)
        for (int k = -reach; k <= reach; ++k) {
          T const*& line = row.line[a][k + reach];
          if (k == 0) line = row.centre;
          else if (neighbour_[a][k + reach] != nowhere) line = from + neighbour_[a][k + reach];
          else line = made_up(from, a, at.index[a], k, memory + (1 + a * 2 * reach + (k < 0 ? k + reach : k + reach - 1)) * pitch(n_));
        }
      // What no row before this one has touched is on its way into the cache while the other rows are opened.
      for (index_t j = 0; j < n_; j += 64 / static_cast<index_t>(sizeof(T))) {
        for (int a = 0; a < outer - 1; ++a) __builtin_prefetch(row.line[a][2 * reach] + j);
        __builtin_prefetch(stage_.to + row.start + j, 1);
      }
    }
  }

  /// The index k steps from i along an outer axis, which may lie beyond the grid.
  index_t index_beside(int a, index_t i, int k) const {
    auto const& axis = stage_.nodes.axis(a);
    index_t const j = i + k;
    if (!axis.is_periodic()) return j;
    return j < 0 ? j + axis.n : j >= axis.n ? j - axis.n : j;
  }
  bool in_grid(int a, index_t i) const { return i >= 0 && i < stage_.nodes.axis(a).n; }

  /// How far off the neighbours along an outer axis lie for rows of index i there. A short row cannot be read where it lies.
  void find_neighbours(int a, index_t i) {
    for (int k = -reach; k <= reach; ++k) {
      index_t const j = index_beside(a, i, k);
      neighbour_[a][k + reach] = in_grid(a, j) && n_ >= width ? (j - i) * stride_[a] : nowhere;
    }
  }

  void sweep_block(block_row* rows, index_t count_of_rows, vec<lanes, dim> x) {
    // Copies, because a store of lanes might as well change any member: in locals the compiler sees that it does not.
    Stage const stage = stage_;
    lanes inverse_dx[dim];
    grid::unrolled<dim>([&](auto a) PARAPET_LAMBDA { inverse_dx[a] = lanes(static_cast<T>(stage.nodes.inverse_spacing(a))); });
    lanes poison = changes.poison;

    // The last pack first, kept until the others have read `base`, which may be where they write.
    index_t const n = n_, count = std::min(n, width), overlapping = n - count, packs = 1 + (overlapping + width - 1) / width;
    for (index_t p = 0; p < packs; ++p) {
      index_t const j = p == 0 ? overlapping : (p - 1) * width;
      x[dim - 1] = lanes::load(last_ + j);
      for (block_row* row = rows; row != rows + count_of_rows; ++row) {
        if constexpr (dim > 1) x[dim > 1 ? dim - 2 : 0] = lanes(row->coordinate);
        lanes const here = lanes::load(row->centre + j);
        vec<lanes, dim> left, right;
        grid::unrolled<dim>([&](auto a) PARAPET_LAMBDA {
          lanes v[2 * reach + 1];
          grid::unrolled<2 * reach + 1>([&](auto k) PARAPET_LAMBDA {
            if constexpr (k == reach) v[k] = here;
            else if constexpr (a == dim - 1) v[k] = lanes::load(row->centre + j + (k - reach));
            else v[k] = lanes::load(row->line[a][k] + j);
          });
          auto const slopes = scheme::slopes(v, inverse_dx[a]);
          left[a] = slopes.left;
          right[a] = slopes.right;
        });
        node_span<lanes> const span{row->start + j, count};
        lanes const before = span.load(stage.base);
        lanes const v = stage.updated(span, x, left, right, here, before);
        if (stage.ends_step) {
          lanes const moved = count == width ? math::abs(v - before) : first_lanes(math::abs(v - before), count);
          row->most = math::max(row->most, moved);
          poison = poison + moved * lanes(T(0));  // 0 or NaN
          if (stage.arrival != nullptr) arrive(stage.arrival, span, stage.elapsed, stage.step, v, before);
        }
        if (p == 0) row->tail = v;
        else v.store(stage.to + span.offset);
      }
    }
    for (block_row const* row = rows; row != rows + count_of_rows; ++row) {
      if (count == width) row->tail.store(stage.to + row->start + overlapping);
      else row->tail.store(stage.to + row->start, count);
    }
    changes.poison = poison;
  }

  static index_t pitch(index_t n) { return (n + 3 * width - 1) / width * width; }

  [[gnu::noinline, gnu::pure]] static lanes first_lanes(lanes const& x, index_t count) {
    T lane[width];
    x.store(lane);
    return lanes::load(lane, count);
  }

  /// The row k steps along an outer axis: a copy, or made up where there is none.
  [[gnu::noinline]] T const* made_up(T const* row, int a, index_t i, int k, T* made) const {
    auto const& axis = stage_.nodes.axis(a);
    index_t const j = index_beside(a, i, k);
    if (in_grid(a, j)) {
      std::memcpy(made, row + (j - i) * stride_[a], static_cast<std::size_t>(n_) * sizeof(T));
      return made;
    }
    bool const below = j < 0;
    T const* const edge = row + ((below ? 0 : axis.n - 1) - i) * stride_[a];
    T const* const inner = edge + (below ? stride_[a] : -stride_[a]);
    auto const steps = static_cast<T>(below ? -j : j - (axis.n - 1));
    if (axis.beyond == grid::boundary::extrapolate) {
      for (index_t m = 0; m < n_; ++m) made[m] = edge[m] + steps * (edge[m] - inner[m]);
    } else {
      for (index_t m = 0; m < n_; ++m) {
        T const slope = std::abs(edge[m] - inner[m]);
        made[m] = edge[m] + steps * (edge[m] > T(0) ? slope : edge[m] < T(0) ? -slope : T(0));
      }
    }
    return made;
  }

  static void arrive(T* arrival, node_span<lanes> at, T elapsed, T step, lanes v, lanes before) {
    lanes const now = lanes(elapsed) + lanes(step) * (before / (before - v));
    lanes const first = where((before > T(0)) & (v <= T(0)), now, at.load(arrival));
    if (at.count == width) first.store(arrival + at.offset);
    else first.store(arrival + at.offset, at.count);
  }

  Stage const& stage_;
  T const* last_;
  T skip_below_;
  index_t n_;
  T* scratch_;
  index_t stride_[outer];
  index_t neighbour_[outer][2 * reach + 1];  ///< distance of neighbours from the row that is being opened, or `nowhere`
};

}  // namespace detail
}  // namespace parapet::inline PARAPET_ABI::reachability
