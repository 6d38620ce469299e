// A network of a noisy sample, a condition and the noise level: y = mlp([x, c, cos(2 pi t w), sin(2 pi t w)]), w learned.
//
// One class for all that depends on continuous time: a denoiser (out = dimension of x), a time-dependent energy (out = 1), a
// consistency function, a one-step policy. t is any coordinate of the level; half the log-SNR, noise_level::lambda(), is a good
// one, since it is the same for every schedule (`time_of` limits it to a finite range).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/arena.hpp>
#include <parapet/diffusion/noise_level.hpp>
#include <parapet/math/activation.hpp>
#include <parapet/nn/fourier_features.hpp>
#include <parapet/nn/mlp.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace parapet::inline PARAPET_ABI::diffusion {

struct time_network_config {
  index_t dimension = 1, condition_dim = 0, out = 1;
  index_t time_features = 32;  ///< even
  index_t width = 128, hidden = 3;
  double frequency = 0.1;  ///< deviation of the initial frequencies
};

class time_network {
public:
  template <class T, class Space>
  struct workspace {
    vector_view<T, Space> time;     // (rows)              t, written by the caller
    matrix_view<T, Space> input;    // (rows, D + C + F)   x and c are written by the caller
    nn::mlp<math::silu>::workspace<T, Space> net;
    matrix_view<T, Space> dtime;    // (rows, F)           training only
  };

  time_network() = default;
  time_network(nn::parameter_list& list, std::string const& name, time_network_config const& c)
      : config_(c), time_(list, name + ".time", c.time_features, c.frequency), net_(list, name, widths(c)) {}

  time_network_config const& config() const { return config_; }

  template <class T, class Space>
  workspace<T, Space> make_workspace(arena<Space>& memory, index_t rows, nn::mode keep) const {
    workspace<T, Space> w;
    w.time = memory.template take<T>(extents{rows});
    w.input = memory.template take<T>(extents{rows, time_begin() + config_.time_features});
    w.net = net_.template make_workspace<T>(memory, rows, keep);
    if (keep == nn::mode::training) w.dtime = memory.template take<T>(extents{rows, config_.time_features});
    return w;
  }

  /// Where the caller writes x (rows, D) and c (rows, C).
  template <class T, class Space>
  matrix_view<T, Space> sample(workspace<T, Space> const& w) const { return w.input.columns(0, config_.dimension); }
  template <class T, class Space>
  matrix_view<T, Space> condition(workspace<T, Space> const& w) const { return w.input.columns(config_.dimension, time_begin()); }

  /// A level as the coordinate that the network is told: lambda within [-limit, limit].
  static double time_of(noise_level const& level, double limit = 10) { return std::clamp(level.lambda(), -limit, limit); }

  /// y (rows, out) of the x, c and t in the workspace; lies in the workspace.
  template <class Backend, class T, class Space>
  matrix_view<T, Space> forward(Backend& be, vector_view<T const, Space> const& parameters, workspace<T, Space> const& w) const {
    time_.forward(be, parameters, vector_view<T const, Space>(w.time), features(w));
    return net_.forward(be, parameters, input(w), w.net)(0);
  }

  /// Parameter gradients of the last forward pass, in a workspace for training, from dy (rows, out), overwritten.
  template <class Backend, class T, class Space>
  void backward(Backend& be, vector_view<T const, Space> const& parameters, workspace<T, Space> const& w,
                matrix_view<T const, Space> const& dy, vector_view<T, Space> const& gradient) const {
    net_.backward(be, parameters, input(w), w.net, repeated(dy, 1), gradient, repeated(w.dtime, 1), nn::gradients::overwrite, time_begin());
    time_.backward(be, vector_view<T const, Space>(w.time), matrix_view<T const, Space>(features(w)), w.dtime, gradient);
  }

  /// dx (rows, D) from dy (rows, out), of the last forward pass in a workspace for training; no parameter gradient is computed.
  template <class Backend, class T, class Space>
  void sample_gradient(Backend& be, vector_view<T const, Space> const& parameters, workspace<T, Space> const& w,
                       matrix_view<T const, Space> const& dy, matrix_view<T, Space> const& dx) const {
    net_.backward(be, parameters, input(w), w.net, repeated(dy, 1), vector_view<T, Space>{}, repeated(dx, 1));
  }

private:
  static std::vector<index_t> widths(time_network_config const& c) {
    std::vector<index_t> w{c.dimension + c.condition_dim + c.time_features};
    w.insert(w.end(), static_cast<std::size_t>(c.hidden), c.width);
    w.push_back(c.out);
    return w;
  }
  index_t time_begin() const { return config_.dimension + config_.condition_dim; }
  template <class T, class Space>
  matrix_view<T, Space> features(workspace<T, Space> const& w) const { return w.input.columns(time_begin(), w.input.extent(1)); }
  template <class T, class Space>
  static tensor_view<T const, 3, Space> input(workspace<T, Space> const& w) { return repeated(matrix_view<T const, Space>(w.input), 1); }

  time_network_config config_;
  nn::fourier_features time_;
  nn::mlp<math::silu> net_;
};

}  // namespace parapet::inline PARAPET_ABI::diffusion
