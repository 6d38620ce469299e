// The Hamilton-Jacobi stage on the CPU: threads over chunks of rows, rows at rest skipped. What is done to a row: row_sweeper.hpp.
#pragma once

#include <parapet/config.hpp>
#include <parapet/fwd.hpp>
#include <parapet/math/pack.hpp>
#include <parapet/reachability/row_sweeper.hpp>
#include <parapet/reachability/upwind_sweep.hpp>

#include <algorithm>
#include <vector>

namespace parapet::inline PARAPET_ABI::reachability {
namespace detail {

/// Calls f(worker, first row, end row, chunk) over chunks of rows, at once where that is worth a thread's wake-up.
template <class Cpu, class F>
index_t for_row_chunks(Cpu& be, index_t rows, index_t row_length, F const& f) {
  index_t const chunks = std::clamp<index_t>(rows * row_length / 8192, 1, std::min<index_t>(rows, 64));
  for_each_shard(be, chunks, [&](auto& worker, index_t chunk) { f(worker, rows * chunk / chunks, rows * (chunk + 1) / chunks, chunk); });
  return chunks;
}

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
        grid::unrolled<dim>([&](auto a) PARAPET_LAMBDA { sum += speed[a] * pack<T>(static_cast<T>(nodes.inverse_spacing(a))); });
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
