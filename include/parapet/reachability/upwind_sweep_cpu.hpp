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

/// The states of a pack of nodes of a row.
template <class T, int D>
PARAPET_INLINE vec<pack<T>, D> row_states(grid::grid<D> const& nodes, extents<D> const& index, T const* last) {
  vec<pack<T>, D> x;
  PARAPET_UNROLL for (int a = 0; a < D - 1; ++a) x[a] = pack<T>(static_cast<T>(nodes.axis(a).coordinate(index[a])));
  x[D - 1] = pack<T>::load(last);
  return x;
}

/// Coordinates along the last axis, and a pack more.
template <class T, int D>
std::vector<T> last_coordinates(grid::grid<D> const& nodes) {
  std::vector<T> x(static_cast<std::size_t>(nodes.axis(D - 1).n + pack<T>::lanes));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(nodes.axis(D - 1).coordinate(static_cast<index_t>(i)));
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

/// One worker's view of a stage.
template <class Stage>
class row_sweeper {
  using T = typename Stage::scalar;
  using lanes = pack<T>;
  using scheme = typename Stage::scheme;
  static constexpr int dim = Stage::dim, reach = scheme::reach;
  static constexpr index_t width = lanes::lanes;

public:
  /// Memory for ghosts, in elements: the row itself and `reach` rows on either side of each outer axis.
  static index_t scratch_size(index_t row_length) { return (1 + 2 * reach * (dim - 1)) * pitch(row_length); }

  row_sweeper(Stage const& stage, T const* last, T* scratch) : stage_(stage), last_(last), n_(stage.nodes.shape()[dim - 1]), size_(stage.nodes.size()) {
    centre_ = scratch + width;
    for (int a = 0; a < dim - 1; ++a)
      for (int k = 0; k < 2 * reach; ++k) ghost_[a][k] = scratch + (1 + a * 2 * reach + k) * pitch(n_);
    index_t stride = 1;
    for (int a = dim - 2; a >= 0; --a) {
      stride_[a] = stride * n_;
      stride *= stage.nodes.shape()[a];
    }
    PARAPET_UNROLL for (int a = 0; a < dim; ++a) inverse_dx_[a] = lanes(static_cast<T>(stage.nodes.inverse_spacing(a)));
  }

  /// Sweeps a row and returns the largest change in it; NaN where there is one. 0 but at the end of a step.
  T sweep(row_walk<dim> const& at) {
    index_t const start = at.row * n_;
    T const* const row = stage_.from + start;
    copy_with_ghosts(row, n_, stage_.nodes.axis(dim - 1).beyond, reach, centre_);
    for (int a = 0; a < dim - 1; ++a)
      for (int k = -reach; k <= reach; ++k) line_[a][k + reach] = k == 0 ? centre_ : neighbour(row, a, at.index[a], k);

    lanes change = T(0), poison = T(0);
    if (n_ < width) {
      update(at.index, start, 0, n_, change, poison).store(stage_.to + start, n_);
    } else {
      index_t const overlapping = n_ - width;
      lanes const tail = update(at.index, start, overlapping, width, change, poison);  // before `base` may be overwritten
      for (index_t j = 0; j < overlapping; j += width)
        update(at.index, start, j, width, change, poison).store(stage_.to + start + j);
      tail.store(stage_.to + start + overlapping);
    }
    if (!stage_.ends_step) return T(0);
    T lane[width], most = 0;
    change.store(lane);
    for (index_t k = 0; k < width; ++k) most = std::max(most, lane[k]);
    return most + sum_lanes(poison);
  }

private:
  static index_t pitch(index_t n) { return (n + 3 * width - 1) / width * width; }

  /// The row k steps along an outer axis, made up where there is none. A short row is copied: a pack would read beyond it.
  T const* neighbour(T const* row, int a, index_t i, int k) {
    auto const& axis = stage_.nodes.axis(a);
    index_t j = i + k;
    if (axis.is_periodic()) j = j < 0 ? j + axis.n : j >= axis.n ? j - axis.n : j;
    T* const made = ghost_[a][k < 0 ? k + reach : k + reach - 1];
    if (j >= 0 && j < axis.n) {
      T const* const there = row + (j - i) * stride_[a];
      if (n_ >= width) return there;
      std::memcpy(made, there, static_cast<std::size_t>(n_) * sizeof(T));
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

  /// New values of `count` nodes from the j-th of the row on.
  PARAPET_INLINE lanes update(extents<dim> const& index, index_t start, index_t j, index_t count, lanes& change, lanes& poison) const {
    vec<lanes, dim> left, right;
    lanes const centre = lanes::load(centre_ + j);
    PARAPET_UNROLL for (int a = 0; a < dim; ++a) {
      lanes v[2 * reach + 1];
      PARAPET_UNROLL for (int k = -reach; k <= reach; ++k)
        v[k + reach] = k == 0 ? centre : lanes::load(a == dim - 1 ? centre_ + j + k : line_[a < dim - 1 ? a : 0][k + reach] + j);
      auto const p = scheme::slopes(v, inverse_dx_[a]);
      left[a] = p.left;
      right[a] = p.right;
    }
    node_span<lanes> const at{start + j, count};
    lanes const before = at.load(stage_.base);
    lanes const v = stage_.updated(at, row_states(stage_.nodes, index, last_ + j), left, right, centre, before);
    if (stage_.ends_step) {
      lanes moved = math::abs(v - before);
      if (count < width) {
        T lane[width];
        moved.store(lane);
        moved = lanes::load(lane, count);
      }
      change = math::max(change, moved);
      poison = poison + (moved - moved);  // 0, or NaN for ever
      if (stage_.arrival != nullptr) arrive(at, v, before);
    }
    return v;
  }

  void arrive(node_span<lanes> const& at, lanes const& v, lanes const& before) const {
    lanes const now = lanes(stage_.elapsed) + lanes(stage_.step) * (before / (before - v));
    lanes const old = at.load(stage_.arrival);
    lanes const arrival = where((before > T(0)) & (v <= T(0)), now, old);
    if (at.count == width) arrival.store(stage_.arrival + at.offset);
    else arrival.store(stage_.arrival + at.offset, at.count);
  }

  Stage const& stage_;
  T const* last_;
  index_t n_, size_;
  T* centre_;
  T* ghost_[dim > 1 ? dim - 1 : 1][2 * reach];
  T const* line_[dim > 1 ? dim - 1 : 1][2 * reach + 1];
  index_t stride_[dim];
  lanes inverse_dx_[dim];
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
    detail::row_sweeper<Stage> sweeper(stage, last.data(), scratch);
    T largest = 0, poison = 0;
    for (detail::row_walk<dim> at(stage.nodes.shape(), first); at.row < end; at.next()) {
      auto const row = static_cast<std::size_t>(at.row);
      if (!activity.active[row]) {
        if (stage.ends_step) activity.changed[row] = 0;
        continue;
      }
      ++swept[chunk];
      T const change = sweeper.sweep(at);
      if (!stage.ends_step) continue;
      activity.changed[row] = !(static_cast<double>(change) <= activity.skip_below);
      largest = std::max(largest, change);
      poison += change - change;
    }
    most[chunk] = largest + poison;
  });
  activity.rows_swept = 0;
  for (index_t c = 0; c < chunks; ++c) activity.rows_swept += swept[c];
  if (!stage.ends_step) return;
  T largest = 0, poison = 0;
  for (index_t c = 0; c < chunks; ++c) {
    largest = std::max(largest, most[c]);
    poison += most[c] - most[c];
  }
  activity.change = static_cast<double>(largest + poison);
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
        auto const speed = max_speed(system, detail::row_states(nodes, at.index, last.data() + j), pack<T>(time));
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
        auto const x = detail::row_states(nodes, at.index, last.data() + j);
        pack<T> v = detail::set_at(problem.target, span, x, time);
        if constexpr (Problem::role::has_obstacle) v = math::max(v, pack<T>(T(0)) - detail::set_at(problem.obstacle, span, x, time));
        v.store(values + span.offset, span.count);
      }
  });
}

}  // namespace parapet::inline PARAPET_ABI::reachability
