// One pass of a Bellman operator over all nodes, in tiles: small boxes of nodes, each done by one thread.
//
// Jacobi sweeps read the old values and write new ones, so tiles may come in any order. An active-set sweep is the same, but skips a
// tile when nothing that its successors touch has changed by the last sweep: its result has the same bits. A Gauss-Seidel sweep
// works in place, slab by slab along the first axis; a slab reads its own new values and the others' old ones, so that slabs do
// not wait for each other and results do not depend on threads. Rows of sixteen nodes along the last axis are backed up together,
// so a Gauss-Seidel sweep gains along the other axes only.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/extents.hpp>
#include <parapet/grid/grid.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/reachability/backup.hpp>

#include <cstdint>
#include <limits>

namespace parapet::inline PARAPET_ABI::reachability::detail {

/// Tiles of a grid, counted row-major; the last axis is cut into rows of `lanes` nodes.
template <int D>
struct tiling {
  extents<D> shape, edge, tiles;  ///< in nodes, nodes a tile, tiles

  tiling(grid::grid<D> const& g, index_t lanes) : shape(g.shape()) {
    constexpr index_t edges[] = {1, 1, 8, 4, 3, 2, 2, 2, 2};  // some hundred nodes a tile on the host
    for (int a = 0; a < D; ++a) {
      edge[a] = a + 1 == D ? lanes : lanes == 1 ? 1 : edges[D];
      tiles[a] = (shape[a] + edge[a] - 1) / edge[a];
    }
  }
  PARAPET_FN index_t count() const { return tiles.size(); }
  PARAPET_FN index_t rows() const {
    index_t n = tiles[D - 1];
    for (int a = 0; a + 1 < D; ++a) n *= shape[a];
    return n;
  }
  /// Number of the row that starts at a node.
  PARAPET_FN index_t row(extents<D> const& index) const {
    index_t n = 0;
    for (int a = 0; a + 1 < D; ++a) n = n * shape[a] + index[a];
    return n * tiles[D - 1] + index[D - 1] / edge[D - 1];
  }
  PARAPET_FN extents<D> tile_index(index_t number) const {
    extents<D> i{};
    for (int a = D - 1; a >= 0; --a) {
      i[a] = number % tiles[a];
      number /= tiles[a];
    }
    return i;
  }
};

/// V at a node before the sweep.
template <class T>
struct old_values {
  T const* values;
  PARAPET_INLINE PARAPET_FN T operator()(std::int32_t offset) const { return values[offset]; }
};
/// V at a node as it is now in [begin, end), and before the sweep elsewhere.
template <class T>
struct newest_values {
  T const *fresh, *old;
  std::int32_t begin, end;
  PARAPET_INLINE PARAPET_FN T operator()(std::int32_t offset) const {
    return (offset >= begin && offset < end ? fresh : old)[offset];
  }
};

/// A backup of all rows of a tile.
template <class Backup, class T>
struct tile_sweep {
  static constexpr int dim = Backup::dim;

  Backup backup;
  tiling<dim> tiles;
  T const* in;
  T* out;
  T* change;                            ///< of each tile, by this sweep
  T const* change_before;               ///< by the last one; null for all
  reach_box<dim>* reach;                ///< of each tile; null where nobody asks
  typename Backup::stencil_type* kept;  ///< rows x controls x disturbances, or null
  T discount;
  bool first;  ///< no stencil has been made

  /// Backs up tile `number` with values from `at`; bit a of `backwards` goes down along axis a.
  template <class Values>
  PARAPET_FN T update(index_t number, Values const& at, int backwards) const {
    extents<dim> const tile = tiles.tile_index(number);
    extents<dim> size{};
    index_t rows = 1;
    for (int a = 0; a < dim; ++a) {
      index_t const begin = tile[a] * tiles.edge[a], left = tiles.shape[a] - begin;
      size[a] = left < tiles.edge[a] ? left : tiles.edge[a];
      if (a + 1 < dim) rows *= size[a];
    }
    reach_box<dim> box{};
    for (int a = 0; a < dim; ++a) box.low[a] = math::largest<std::int32_t>, box.high[a] = 0;
    index_t const choices = backup.controls.extent(0) * backup.disturbances.extent(0);
    T most = 0;
    for (index_t r = 0; r < rows; ++r) {
      extents<dim> index{};
      index[dim - 1] = tile[dim - 1] * tiles.edge[dim - 1];
      index_t rest = r;
      for (int a = dim - 2; a >= 0; --a) {
        index_t const i = rest % size[a];
        rest /= size[a];
        index[a] = tile[a] * tiles.edge[a] + ((backwards >> a & 1) != 0 ? size[a] - 1 - i : i);
      }
      auto* const stencils = kept == nullptr ? nullptr : kept + tiles.row(index) * choices;
      most = math::max(most, backup(index, size[dim - 1], discount, at, out, stencils, first, box));
    }
    if (first && reach != nullptr) reach[number] = box;
    return most;
  }

  /// Whether something that the tile's successors touch has changed.
  PARAPET_FN bool is_active(index_t number) const {
    if (change_before == nullptr || first) return true;
    extents<dim> low{}, high{};
    index_t count = 1;
    for (int a = 0; a < dim; ++a) {
      low[a] = reach[number].low[a] / tiles.edge[a];
      high[a] = reach[number].high[a] / tiles.edge[a];
      if (high[a] > tiles.tiles[a] - 1) high[a] = tiles.tiles[a] - 1;
      if (high[a] < low[a]) return false;  // all successors lie beyond the grid
      count *= high[a] - low[a] + 1;
    }
    for (index_t k = 0; k < count; ++k) {
      index_t rest = k, at = 0, stride = 1;
      for (int a = dim - 1; a >= 0; --a) {
        at += (low[a] + rest % (high[a] - low[a] + 1)) * stride;
        rest /= high[a] - low[a] + 1;
        stride *= tiles.tiles[a];
      }
      if (change_before[at] > 0) return true;
    }
    return false;
  }
};

/// Jacobi, or active set: tile `first_tile + i` for each i.
template <class Backup, class T>
struct jacobi_sweep {
  tile_sweep<Backup, T> sweep;
  index_t first_tile;

  PARAPET_FN void operator()(index_t i) const {
    index_t const number = first_tile + i;
    if (sweep.is_active(number)) {
      sweep.change[number] = sweep.update(number, old_values<T>{sweep.in}, 0);
      return;
    }
    sweep.change[number] = 0;
    if (sweep.change_before[number] > 0) keep(number);
  }

private:
  /// The other buffer still has the values before the last change.
  PARAPET_FN void keep(index_t number) const {
    auto const& t = sweep.tiles;
    constexpr int dim = Backup::dim;
    extents<dim> const tile = t.tile_index(number);
    extents<dim> size{};
    index_t nodes = 1;
    for (int a = 0; a < dim; ++a) {
      index_t const left = t.shape[a] - tile[a] * t.edge[a];
      size[a] = left < t.edge[a] ? left : t.edge[a];
      nodes *= size[a];
    }
    for (index_t k = 0; k < nodes; ++k) {
      index_t rest = k, at = 0, stride = 1;
      for (int a = dim - 1; a >= 0; --a) {
        at += (tile[a] * t.edge[a] + rest % size[a]) * stride;
        rest /= size[a];
        stride *= t.shape[a];
      }
      sweep.out[at] = sweep.in[at];
    }
  }
};

/// Gauss-Seidel: slab `slab + i` of `slabs`, in place; bit a of `backwards` sweeps down along axis a.
template <class Backup, class T>
struct gauss_seidel_sweep {
  tile_sweep<Backup, T> sweep;
  index_t slab, slabs;
  int backwards;

  PARAPET_FN void operator()(index_t i) const {
    auto const& t = sweep.tiles;
    constexpr int dim = Backup::dim;
    index_t const layers = t.tiles[0], a_layer = t.count() / layers;
    index_t const begin = layers * (slab + i) / slabs, end = layers * (slab + i + 1) / slabs;
    index_t const nodes = sweep.backup.nodes.size() / t.shape[0];
    index_t const last = end * t.edge[0] < t.shape[0] ? end * t.edge[0] : t.shape[0];
    newest_values<T> const at{sweep.out, sweep.in, static_cast<std::int32_t>(begin * t.edge[0] * nodes),
                              static_cast<std::int32_t>(last * nodes)};
    index_t const count = (end - begin) * a_layer;
    for (index_t k = 0; k < count; ++k) {
      index_t rest = k, number = 0, stride = 1;
      for (int a = dim - 1; a >= 0; --a) {
        index_t const extent = a == 0 ? end - begin : t.tiles[a], digit = rest % extent;
        rest /= extent;
        index_t const along = (backwards >> a & 1) != 0 ? extent - 1 - digit : digit;
        number += (a == 0 ? begin + along : along) * stride;
        stride *= t.tiles[a];
      }
      sweep.change[number] = sweep.update(number, at, backwards);
    }
  }
};

}  // namespace parapet::inline PARAPET_ABI::reachability::detail
