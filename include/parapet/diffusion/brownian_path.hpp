// Noise for SDE samplers that does not depend on the steps: one Brownian path for each element, asked for its increments.
//
//     diffusion::brownian_path const noise(philox_stream(seed, 0), lambda_low, lambda_high);
//     sampler.run(be, denoise, noise, x, work);
//
// Runs with 20 and with 2000 steps then follow the same path, so their difference is the error of the solver alone: for strong
// convergence, for adaptive steps, for a preview that becomes the final sample. The path is a Brownian motion W at times
// exp(2 lambda); an increment of it over a step is exactly the stochastic integral of the reverse SDE.
//
// It is built by bridges: W is drawn at the ends and then at middles of halves of [low, high] in lambda, each from its own place of
// a Philox stream, down to 2^-depth of the range, where times are rounded. So W at any time is a sum of depth + 1 normals
// with weights known on the host, and z costs up to 2 depth + 1 normals for each element.
//
// The bridge: Levy's construction; as a tree of increments for SDE solvers, Li, Wong, Chen, Duvenaud, "Scalable gradients for
// stochastic differential equations" (2020), algorithm 3.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/philox.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/denoiser.hpp>

#include <cmath>

namespace parapet::inline PARAPET_ABI::diffusion {

namespace detail {

/// A sum of normals with weights; the normal of place p is element p size + i of the stream for element i of an array.
template <int Max>
struct weighted_normals {
  index_t place[Max];
  double weight[Max];
  int count = 0;

  void add(index_t at, double w) {
    for (int k = 0; k < count; ++k)
      if (place[k] == at) {
        weight[k] += w;
        return;
      }
    place[count] = at;
    weight[count++] = w;
  }
};

template <class T, class Space, int Max>
struct fill_weighted_normals {
  matrix_view<T, Space> z;
  philox_stream stream;
  weighted_normals<Max> sum;
  PARAPET_FN void operator()(index_t row, index_t column) const {
    index_t const i = row * z.extent(1) + column;
    double total = 0;
    for (int k = 0; k < sum.count; ++k) total += sum.weight[k] * static_cast<double>(stream.normal(sum.place[k] * z.size() + i));
    z(row, column) = static_cast<T>(total);
  }
};

}  // namespace detail

class brownian_path {
public:
  /// A path over lambda in [low, high], with times rounded to 2^-depth of that. Runs to compare must have the same range and
  /// shape of x; steps must be longer than the rounding. Throws argument_error for no range, or a depth outside 1 .. 30.
  brownian_path(philox_stream const& stream, double low, double high, int depth = 14) : stream_(stream), low_(low), high_(high), depth_(depth) {
    if (!(low < high) || !std::isfinite(high - low)) throw argument_error(parapet::detail::concat("brownian_path: a range from ", low, " to ", high));
    if (depth < 1 || depth > max_depth) throw argument_error(parapet::detail::concat("brownian_path: depth = ", depth, ", expected 1 to ", max_depth));
  }

  /// z (rows, dimension) = (W(to) - W(from)) / sqrt(to - from) at times exp(2 lambda). Draws that are no increment (from == to: the
  /// initial noise, churn's, a consistency model's) are independent. Throws argument_error for a step outside of the range, or too short.
  template <class Backend, class T, class Space>
  void operator()(Backend& be, noise_draw const& draw, matrix_view<T, Space> const& z) const {
    sum increment;
    if (draw.index == 0) increment.add(0, 1);
    else if (draw.from == draw.to) increment.add((index_t{2} << max_depth) + draw.index, 1);  // beyond every place of the path
    else increment = between(draw.from, draw.to);
    for_each_index(be, z.shape(), detail::fill_weighted_normals<T, Space, 2 * max_depth + 2>{z, stream_, increment});
  }

private:
  static constexpr int max_depth = 30;
  using sum = detail::weighted_normals<2 * max_depth + 2>;

  index_t cell(double lambda) const {
    double const slack = 1e-9 * (high_ - low_);
    if (!(lambda >= low_ - slack && lambda <= high_ + slack))
      throw argument_error(parapet::detail::concat("brownian_path: log-SNR ", lambda, " outside the path's [", low_, ", ", high_, "]"));
    return static_cast<index_t>(std::nearbyint((lambda - low_) / (high_ - low_) * static_cast<double>(index_t{1} << depth_)));
  }
  double time(index_t at) const { return std::exp(2 * (low_ + (high_ - low_) * static_cast<double>(at) / static_cast<double>(index_t{1} << depth_))); }

  sum between(double from, double to) const {
    index_t const begin = cell(from), end = cell(to);
    if (begin == end)
      throw argument_error(parapet::detail::concat("brownian_path: a step from log-SNR ", from, " to ", to,
                                                   " is shorter than the path resolves, raise its depth"));
    sum total;
    double const scale = 1 / std::sqrt(std::abs(time(end) - time(begin)));
    add_value(total, end, scale);
    add_value(total, begin, -scale);
    return total;
  }

  /// Adds `factor` W(cell): descends from the whole range, W(low) = 0. On the way both ends are factors of what was drawn above them.
  void add_value(sum& total, index_t at, double factor) const {
    index_t left = 0, right = index_t{1} << depth_, node = 1;
    if (at == left) return;
    sum at_left, at_right;
    at_right.add(1, std::sqrt(time(right) - time(left)));
    while (at != right && at != left) {
      index_t const middle = (left + right) / 2;
      double const a = time(left), m = time(middle), b = time(right), share = (m - a) / (b - a);
      sum at_middle;
      for (int k = 0; k < at_left.count; ++k) at_middle.add(at_left.place[k], (1 - share) * at_left.weight[k]);
      for (int k = 0; k < at_right.count; ++k) at_middle.add(at_right.place[k], share * at_right.weight[k]);
      at_middle.add(1 + node, std::sqrt((m - a) * (b - m) / (b - a)));
      bool const lower = at <= middle;
      (lower ? right : left) = middle;
      (lower ? at_right : at_left) = at_middle;
      node = 2 * node + (lower ? 0 : 1);
    }
    sum const& value = at == right ? at_right : at_left;
    for (int k = 0; k < value.count; ++k) total.add(value.place[k], factor * value.weight[k]);
  }

  philox_stream stream_;
  double low_, high_;
  int depth_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
