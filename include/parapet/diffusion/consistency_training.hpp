// Consistency training: a model that jumps from any noise level to the data in one step, trained without a teacher.
//
//     f(x, s) = c_skip x + c_out F(c_in x, s)                   consistency_preconditioning: f(x, s_min) = x
//     x_n = a + s_n z,  x_{n+1} = a + s_{n+1} z                  the same a and z
//     loss = mean (sqrt(|f(x_{n+1}, s_{n+1}) - f(x_n, s_n)|^2 + c^2) - c) / (s_{n+1} - s_n)        no gradient through f(x_n, s_n)
//
// Song, Dhariwal, Chen, Sutskever, "Consistency models" (2023); pseudo-Huber distance, weight and no averaged target as in Song and
// Dhariwal, "Improved techniques for training consistency models" (2024), with c = 0.00054 sqrt(dimension). Levels are to be refined in the
// course of training: make a new table.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/diffusion/parameterization.hpp>
#include <parapet/diffusion/solvers/consistency.hpp>
#include <parapet/diffusion/time_network.hpp>
#include <parapet/math/functions.hpp>

#include <cmath>
#include <type_traits>
#include <utility>

namespace parapet::inline PARAPET_ABI::diffusion {

/// Pairs of neighbours of a list of levels, in the backend's memory.
template <class T, class Space = host_space>
class consistency_levels {
public:
  static constexpr int low = 0, high = 5, weight = 10, columns = 11;  // sigma, c_skip, c_out, c_in, time of each; weight

  /// `levels` of alpha = 1, from s_min up or from the noise down. Throws argument_error for fewer than two or others.
  template <class Backend>
  consistency_levels(Backend& be, level_list const& levels, consistency_preconditioning const& model = {})
      : size_(static_cast<index_t>(levels.size()) - 1), memory_((size_ < 0 ? 0 : size_) * columns) {
    using parapet::detail::concat;
    if (size_ < 1) throw argument_error(concat("consistency_levels: ", levels.size(), " levels, expected at least 2"));
    for (index_t i = 0; i < size_; ++i) {
      noise_level const *a = &levels[static_cast<std::size_t>(i)], *b = a + 1;
      if (a->sigma > b->sigma) std::swap(a, b);
      if (a->alpha != 1 || b->alpha != 1 || !(a->sigma >= model.s_min && b->sigma > a->sigma && std::isfinite(b->sigma)))
        throw argument_error(concat("consistency_levels: levels ", i, " and ", i + 1, " have sigma ", a->sigma, " and ", b->sigma,
                                    ", expected different ones of at least s_min = ", model.s_min, " and alpha = 1"));
      write(be, i, low, *a, model);
      write(be, i, high, *b, model);
      write(be, i, weight, 1 / (b->sigma - a->sigma));
    }
  }

  index_t size() const { return size_; }  ///< pairs
  matrix_view<T const, Space> table() const { return memory_.view(extents{size_, index_t{columns}}); }

private:
  template <class Backend>
  void write(Backend& be, index_t row, index_t column, double value) {
    index_t const at = row * columns + column;
    fill(be, memory_.view().rows(at, at + 1), static_cast<T>(value));
  }
  template <class Backend>
  void write(Backend& be, index_t row, index_t column, noise_level const& l, consistency_preconditioning const& model) {
    double const s = l.sigma - model.s_min, d = model.sigma_data;
    double const values[] = {l.sigma, d * d / (s * s + d * d), d * s / std::hypot(l.sigma, d), model.input_scale(l), time_network::time_of(l)};
    for (index_t c = 0; c < 5; ++c) write(be, row, column + c, values[c]);
  }

  index_t size_;
  buffer<T, Space> memory_;
};

namespace detail {

template <class T, class Space>
struct consistency_input {
  matrix_view<T const, Space> table;
  vector_view<index_t const, Space> which;
  matrix_view<T const, Space> data, z;
  index_t side;
  matrix_view<T, Space> x;
  vector_view<T, Space> time;
  PARAPET_FN void operator()(index_t row, index_t i) const {
    index_t const p = which[row];
    x(row, i) = table(p, side + 3) * (data(row, i) + table(p, side) * z(row, i));
    if (i == 0) time[row] = table(p, side + 4);
  }
};

template <class T, class Space>
struct consistency_row {
  T scale, softness;
  matrix_view<T const, Space> table;
  vector_view<index_t const, Space> which;
  matrix_view<T const, Space> data, z, low, high;
  vector_view<T, Space> value;
  matrix_view<T, Space> dhigh;
  PARAPET_FN void operator()(index_t row) const {
    using levels = consistency_levels<T, Space>;
    index_t const p = which[row];
    T squares = 0;
    for (index_t i = 0; i < data.extent(1); ++i) {
      T const d = denoised(high, levels::high, row, i) - denoised(low, levels::low, row, i);
      dhigh(row, i) = d;
      squares += d * d;
    }
    T const norm = math::sqrt(squares + softness * softness), w = scale * table(p, levels::weight);
    value[row] = w * squares / (norm + softness);  // norm - softness without its cancellation
    for (index_t i = 0; i < data.extent(1); ++i) dhigh(row, i) *= w / norm * table(p, levels::high + 2);
  }

private:
  /// f at one side, from the network's answer there.
  PARAPET_FN T denoised(matrix_view<T const, Space> const& answer, index_t side, index_t row, index_t i) const {
    index_t const p = which[row];
    return table(p, side + 1) * (data(row, i) + table(p, side) * z(row, i)) + table(p, side + 2) * answer(row, i);
  }
};

}  // namespace detail

/// What the network is fed for one side of the pairs which[row]: x (rows, D) and time (rows), of data a and noise z (rows, D). `side` is
/// consistency_levels::low or high. Throws shape_error.
template <class Backend, class T, class Space>
void consistency_inputs(Backend& be, consistency_levels<T, Space> const& levels, index_t side, vector_view<index_t const, Space> const& which,
                        std::type_identity_t<matrix_view<T const, Space>> const& data, std::type_identity_t<matrix_view<T const, Space>> const& z,
                        matrix_view<T, Space> const& x, vector_view<T, Space> const& time) {
  check_shape("consistency_inputs: noise", z.shape(), data.shape());
  check_shape("consistency_inputs: x", x.shape(), data.shape());
  check_shape("consistency_inputs: pairs of rows", which.shape(), extents{data.extent(0)});
  check_shape("consistency_inputs: time", time.shape(), extents{data.extent(0)});
  for_each_index(be, data.shape(), detail::consistency_input<T, Space>{levels.table(), which, data, z, side, x, time});
}

/// value[row] = scale times the loss of a row and its derivative by the network's answer at the high side, from the answers at both
/// sides (rows, D). Throws shape_error.
template <class Backend, class T, class Space>
void consistency_loss(Backend& be, double scale, consistency_levels<T, Space> const& levels, vector_view<index_t const, Space> const& which,
                      std::type_identity_t<matrix_view<T const, Space>> const& data, std::type_identity_t<matrix_view<T const, Space>> const& z,
                      std::type_identity_t<matrix_view<T const, Space>> const& low, std::type_identity_t<matrix_view<T const, Space>> const& high,
                      vector_view<T, Space> const& value, matrix_view<T, Space> const& dhigh) {
  check_shape("consistency_loss: noise", z.shape(), data.shape());
  check_shape("consistency_loss: answer at the low side", low.shape(), data.shape());
  check_shape("consistency_loss: answer at the high side", high.shape(), data.shape());
  check_shape("consistency_loss: gradient", dhigh.shape(), data.shape());
  check_shape("consistency_loss: pairs of rows", which.shape(), extents{data.extent(0)});
  check_shape("consistency_loss: values", value.shape(), extents{data.extent(0)});
  double const softness = 0.00054 * std::sqrt(static_cast<double>(data.extent(1)));
  for_each_index(be, extents{data.extent(0)}, detail::consistency_row<T, Space>{static_cast<T>(scale), static_cast<T>(softness), levels.table(), which,
                                                                                data, z, low, high, value, dhigh});
}

}  // namespace parapet::inline PARAPET_ABI::diffusion
