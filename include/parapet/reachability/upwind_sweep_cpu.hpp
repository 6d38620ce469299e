// The Hamilton-Jacobi stage on the CPU: packs of lanes along the last axis, threads over chunks of rows, rows at rest skipped.
//
// A row is all nodes along the last axis. Its neighbours along the other axes are rows too and are read where they lie; only rows
// beyond an end are made up, and the row itself is copied once to get its ghosts. The last pack of a row overlaps the one
// before it, so there is no scalar remainder. Every node is computed from the old arrays alone and by itself: the result is the
// same bits for any number of threads.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/math/functions.hpp>
#include <parapet/math/pack.hpp>
#include <parapet/reachability/upwind_sweep.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
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

/// Calls f(worker, first row, end row, chunk) over chunks of rows, at once where that is worth a thread's wake-up.
template <class Cpu, class F>
index_t for_row_chunks(Cpu& be, index_t rows, index_t row_length, F const& f) {
  index_t const chunks = std::clamp<index_t>(rows * row_length / 8192, 1, std::min<index_t>(rows, 64));
  for_each_shard(be, chunks, [&](auto& worker, index_t chunk) { f(worker, rows * chunk / chunks, rows * (chunk + 1) / chunks, chunk); });
  return chunks;
}

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
void copy_with_ghosts(T const* from, index_t n, grid::boundary boundary, index_t ghosts, T* to) {
  std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
  for (index_t k = 1; k <= ghosts; ++k) {
    to[-k] = beyond(from, 1, n, boundary, -k);
    to[n - 1 + k] = beyond(from, 1, n, boundary, n - 1 + k);
  }
}

/// Largest change and, if it was one, a NaN that stays.
template <class T>
struct lane_changes {
  pack<T> most = T(0), poison = T(0);

  PARAPET_INLINE void add(pack<T> const& moved) {
    most = math::max(most, moved);
    poison = poison + (moved - moved);
  }
  T largest() const {
    T lane[pack<T>::lanes], result = sum_lanes(poison);
    most.store(lane);
    for (T const x : lane) result = result < x ? x : result;  // NaN stays
    return result;
  }
};

/// One worker's view of a stage.
template <class Stage>
class row_sweeper {
  using T = typename Stage::scalar;
  using lanes = pack<T>;
  using scheme = typename Stage::scheme;
  static constexpr int dim = Stage::dim, reach = scheme::reach, outer = dim > 1 ? dim - 1 : 1;
  static constexpr index_t width = lanes::lanes;

public:
  lane_changes<T> changes;  ///< over all rows swept, at the end of a step

  /// Memory for ghosts, in elements: the row itself and `reach` rows on either side of each outer axis.
  static index_t scratch_size(index_t row_length) { return (1 + 2 * reach * (dim - 1)) * pitch(row_length); }

  row_sweeper(Stage const& stage, T const* last, T skip_below, T* scratch)
      : stage_(stage), last_(last), skip_below_(skip_below), n_(stage.nodes.shape()[dim - 1]), centre_(scratch + width) {
    for (int a = 0; a < dim - 1; ++a)
      for (int k = 0; k < 2 * reach; ++k) ghost_[a][k] = scratch + (1 + a * 2 * reach + k) * pitch(n_);
    index_t stride = n_;
    for (int a = dim - 2; a >= 0; --a) {
      stride_[a] = stride;
      stride *= stage.nodes.shape()[a];
    }
  }

  /// Sweeps those rows of [first, end) that are active; at the end of a step, says which have changed. Returns how many it swept.
  index_t sweep(index_t first, index_t end, row_activity& activity) {
    // Copies, because a store of lanes might as well change any member: in locals the compiler sees that it does not.
    Stage const stage = stage_;
    lanes inverse_dx[dim];
    PARAPET_UNROLL for (int a = 0; a < dim; ++a) inverse_dx[a] = lanes(static_cast<T>(stage.nodes.inverse_spacing(a)));
    index_t swept = 0;
    for (row_walk<dim> at(stage.nodes.shape(), first); at.row < end; at.next()) {
      auto const row = static_cast<std::size_t>(at.row);
      bool changed = false;
      if (activity.active[row]) {
        changed = sweep_row(stage, inverse_dx, at);
        ++swept;
      }
      if (stage.ends_step) activity.changed[row] = changed;
    }
    return swept;
  }

private:
  /// Whether a value of the row changed by more than the threshold; false but at the end of a step.
  PARAPET_INLINE bool sweep_row(Stage const& stage, lanes const (&inverse_dx)[dim], row_walk<dim> const& at) {
    index_t const start = at.row * n_, n = n_;
    T const* const centre = centre_;
    T const* const last = last_;
    copy_with_ghosts(stage.from + start, n, stage.nodes.axis(dim - 1).beyond, reach, centre_);
    T const* line[outer][2 * reach + 1];
    for (int a = 0; a < dim - 1; ++a)
      for (int k = -reach; k <= reach; ++k) line[a][k + reach] = k == 0 ? centre : neighbour(stage.from + start, a, at.index[a], k);
    vec<lanes, dim> x = row_states<T>(stage.nodes, at.index);
    lane_changes<T> moved;

    // The last pack first, kept until the others have read `base`, which may be where they write.
    index_t const count = std::min(n, width), overlapping = n - count, packs = 1 + (overlapping + width - 1) / width;
    lanes tail = T(0);
    for (index_t p = 0; p < packs; ++p) {
      index_t const j = p == 0 ? overlapping : (p - 1) * width;
      lanes const here = lanes::load(centre + j);
      vec<lanes, dim> left, right;
      PARAPET_UNROLL for (int a = 0; a < dim; ++a) {
        lanes v[2 * reach + 1];
        PARAPET_UNROLL for (int k = -reach; k <= reach; ++k)
          v[k + reach] = k == 0 ? here : lanes::load(a == dim - 1 ? centre + j + k : line[a < dim - 1 ? a : 0][k + reach] + j);
        auto const slopes = scheme::slopes(v, inverse_dx[a]);
        left[a] = slopes.left;
        right[a] = slopes.right;
      }
      x[dim - 1] = lanes::load(last + j);
      node_span<lanes> const span{start + j, count};
      lanes const before = span.load(stage.base);
      lanes const v = stage.updated(span, x, left, right, here, before);
      if (stage.ends_step) {
        moved.add(count == width ? math::abs(v - before) : first_lanes(math::abs(v - before), count));
        if (stage.arrival != nullptr) arrive(stage.arrival, span, stage.elapsed, stage.step, v, before);
      }
      if (p == 0) tail = v;
      else v.store(stage.to + span.offset);
    }
    if (count == width) tail.store(stage.to + start + overlapping);
    else tail.store(stage.to + start, count);
    if (!stage.ends_step) return false;
    changes.most = math::max(changes.most, moved.most);
    changes.poison = changes.poison + moved.poison;
    return any(moved.most > lanes(skip_below_));
  }

  static index_t pitch(index_t n) { return (n + 3 * width - 1) / width * width; }

  static lanes first_lanes(lanes x, index_t count) {
    T lane[width];
    x.store(lane);
    return lanes::load(lane, count);
  }

  /// The row k steps along an outer axis, made up where there is none. A short row is copied: a pack would read beyond it.
  T const* neighbour(T const* row, int a, index_t i, int k) {
    auto const& axis = stage_.nodes.axis(a);
    index_t j = i + k;
    if (axis.is_periodic()) j = j < 0 ? j + axis.n : j >= axis.n ? j - axis.n : j;
    bool const exists = j >= 0 && j < axis.n;
    if (exists && n_ >= width) return row + (j - i) * stride_[a];
    T* const made = ghost_[a][k < 0 ? k + reach : k + reach - 1];
    if (exists) {
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
  T* centre_;
  T* ghost_[outer][2 * reach];
  index_t stride_[outer];
};

}  // namespace detail

/// The stage on the CPU. At the end of a step it says which rows have changed, and by how much at most.
template <class Stage>
void upwind_sweep(backend::cpu& be, Stage const& stage, row_activity& activity) {
  using T = typename Stage::scalar;
  constexpr int dim = Stage::dim;
  index_t const n = stage.nodes.shape()[dim - 1], rows = stage.nodes.size() / n;
  std::vector<T> const last = detail::last_coordinates<T>(stage.nodes);
  if (!activity.counts) {
    activity.counts = true;
    activity.active.assign(static_cast<std::size_t>(rows), 1);
    activity.changed.assign(static_cast<std::size_t>(rows), 1);
  }
  T most[64] = {};
  index_t swept[64] = {};
  index_t const chunks = detail::for_row_chunks(be, rows, n, [&](auto& worker, index_t first, index_t end, index_t chunk) {
    auto* const scratch =
        static_cast<T*>(worker.scratch().reserve(detail::row_sweeper<Stage>::scratch_size(n) * static_cast<index_t>(sizeof(T))));
    detail::row_sweeper<Stage> sweeper(stage, last.data(), static_cast<T>(activity.skip_below), scratch);
    swept[chunk] = sweeper.sweep(first, end, activity);
    most[chunk] = sweeper.changes.largest();
  });
  activity.rows_swept = 0;
  for (index_t c = 0; c < chunks; ++c) activity.rows_swept += swept[c];
  if (!stage.ends_step) return;
  T largest = 0;
  for (index_t c = 0; c < chunks; ++c) largest = largest >= most[c] || largest != largest ? largest : most[c];  // NaN stays
  activity.change = static_cast<double>(largest);
}

/// The sum of speeds on the CPU, in lanes.
template <class T, class System>
void speed_sweep(backend::cpu& be, grid::grid<System::state_dim> const& nodes, System const& system, T time, T* work) {
  constexpr int dim = System::state_dim;
  index_t const n = nodes.shape()[dim - 1], rows = nodes.size() / n, width = pack<T>::lanes;
  std::vector<T> const last = detail::last_coordinates<T>(nodes);
  detail::for_row_chunks(be, rows, n, [&](auto&, index_t first, index_t end, index_t) {
    for (detail::row_walk<dim> at(nodes.shape(), first); at.row < end; at.next())
      for (index_t j = 0; j < n; j += width) {
        auto x = detail::row_states<T>(nodes, at.index);
        x[dim - 1] = pack<T>::load(last.data() + j);
        auto const speed = max_speed(system, x, pack<T>(time));
        pack<T> sum = T(0);
        PARAPET_UNROLL for (int a = 0; a < dim; ++a) sum += speed[a] * pack<T>(static_cast<T>(nodes.inverse_spacing(a)));
        sum.store(work + at.row * n + j, std::min(width, n - j));
      }
  });
}

/// The problem's start on the CPU, in lanes.
template <class T, int D, class Problem>
void start_sweep(backend::cpu& be, grid::grid<D> const& nodes, Problem const& problem, T time, T* values) {
  index_t const n = nodes.shape()[D - 1], rows = nodes.size() / n, width = pack<T>::lanes;
  std::vector<T> const last = detail::last_coordinates<T>(nodes);
  detail::for_row_chunks(be, rows, n, [&](auto&, index_t first, index_t end, index_t) {
    for (detail::row_walk<D> at(nodes.shape(), first); at.row < end; at.next())
      for (index_t j = 0; j < n; j += width) {
        detail::node_span<pack<T>> const span{at.row * n + j, std::min(width, n - j)};
        auto x = detail::row_states<T>(nodes, at.index);
        x[D - 1] = pack<T>::load(last.data() + j);
        pack<T> v = detail::set_at(problem.target, span, x, time);
        if constexpr (Problem::role::has_obstacle) v = math::max(v, pack<T>(T(0)) - detail::set_at(problem.obstacle, span, x, time));
        v.store(values + span.offset, span.count);
      }
  });
}

}  // namespace parapet::inline PARAPET_ABI::reachability
