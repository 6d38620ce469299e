// Logged experience: (s, a, r, s', h, done) rows in six dense arrays.
//
// h(s) > 0 marks a violation, as in Hamilton-Jacobi reachability. Names in files are those of FISOR's point robot data:
// `state action next_state reward done h cost`, and `timeout`, 1 where an episode was cut for time.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::rl {

/// N transitions of T in memory space Space.
template <class T = float, class Space = host_space>
class transitions {
public:
  transitions() = default;
  /// Room for `size` transitions, uninitialised. Throws argument_error unless every argument is at least 1.
  transitions(index_t size, index_t state_dim, index_t action_dim) : size_(size), state_dim_(state_dim), action_dim_(action_dim) {
    if (size < 1 || state_dim < 1 || action_dim < 1)
      throw argument_error(parapet::detail::concat("transitions: ", size, " rows of ", state_dim, " state and ", action_dim,
                                                   " action numbers, all must be at least 1"));
    index_t const wide = parapet::detail::checked_bytes(size, 2 * state_dim + action_dim + 5) / size;
    memory_ = buffer<T, Space>(size * wide);
  }

  index_t size() const { return size_; }
  index_t state_dim() const { return state_dim_; }
  index_t action_dim() const { return action_dim_; }

  matrix_view<T, Space> state() { return matrix(0, state_dim_); }                                  // (N, S)
  matrix_view<T, Space> next_state() { return matrix(state_dim_, state_dim_); }                    // (N, S)
  matrix_view<T, Space> action() { return matrix(2 * state_dim_, action_dim_); }                   // (N, A)
  vector_view<T, Space> reward() { return column(0); }                                             // (N)
  vector_view<T, Space> h() { return column(1); }                                                  // (N)    of `state`
  vector_view<T, Space> cost() { return column(2); }                                               // (N)    1 where h > 0
  vector_view<T, Space> done() { return column(3); }                                               // (N)    1 where the episode ends
  vector_view<T, Space> timeout() { return column(4); }                                            // (N)    1 where it ends for time
  matrix_view<T const, Space> state() const { return self().state(); }
  matrix_view<T const, Space> next_state() const { return self().next_state(); }
  matrix_view<T const, Space> action() const { return self().action(); }
  vector_view<T const, Space> reward() const { return self().reward(); }
  vector_view<T const, Space> h() const { return self().h(); }
  vector_view<T const, Space> cost() const { return self().cost(); }
  vector_view<T const, Space> done() const { return self().done(); }
  vector_view<T const, Space> timeout() const { return self().timeout(); }

  /// Everything, for writers.
  std::vector<const_tensor_ref> tensors() const {
    return {named("state", state()), named("action", action()), named("next_state", next_state()), named("reward", reward()),
            named("done", done()),   named("timeout", timeout()), named("h", h()),               named("cost", cost())};
  }

  /// 64-bit FNV-1a of the contents: tells a checkpoint's data set from another.
  std::uint64_t hash() const {
    std::uint64_t value = 14695981039346656037u;
    auto const* bytes = reinterpret_cast<unsigned char const*>(memory_.data());
    for (index_t i = 0; i < memory_.size() * static_cast<index_t>(sizeof(T)); ++i) value = (value ^ bytes[i]) * 1099511628211u;
    return value;
  }

private:
  transitions& self() const { return const_cast<transitions&>(*this); }
  matrix_view<T, Space> matrix(index_t first, index_t columns) {
    return {memory_.data() + first * size_, extents{size_, columns}};
  }
  vector_view<T, Space> column(index_t i) {
    return {memory_.data() + (2 * state_dim_ + action_dim_ + i) * size_, extents{size_}};
  }

  index_t size_ = 0, state_dim_ = 0, action_dim_ = 0;
  buffer<T, Space> memory_;
};

/// Transitions of an archive: `state` (N, S), `action` (N, A), `next_state` (N, S), `reward`, `done`, `h` (N), and
/// `timeout` (N) where there is one. Throws io_error for what is missing, misshapen, or not finite.
template <class T>
transitions<T> to_transitions(tensor_archive const& archive) {
  auto const state = archive.view<T, 2>("state"), action = archive.view<T, 2>("action");
  transitions<T> data(state.extent(0), state.extent(1), action.extent(1));
  auto const take = [&](char const* name, auto const& to) {
    constexpr int rank = std::remove_cvref_t<decltype(to)>::rank;
    auto const from = archive.view<T, rank>(name);
    if (!(from.shape() == to.shape()))
      throw io_error(parapet::detail::concat(archive.source(), ": array '", name, "' has shape ", from.shape(), ", expected ", to.shape()));
    for (index_t i = 0; i < from.size(); ++i) {
      T const value = from.data()[i];
      if (!std::isfinite(value))
        throw io_error(parapet::detail::concat(archive.source(), ": array '", name, "' is not finite in row ", i / (from.size() / from.extent(0))));
      to.data()[i] = value;
    }
  };
  take("state", data.state());
  take("action", data.action());
  take("next_state", data.next_state());
  take("reward", data.reward());
  take("done", data.done());
  take("h", data.h());
  if (archive.contains("timeout")) take("timeout", data.timeout());
  else
    for (index_t i = 0; i < data.size(); ++i) data.timeout()[i] = 0;
  for (index_t i = 0; i < data.size(); ++i) data.cost()[i] = data.h()[i] > 0 ? T(1) : T(0);
  return data;
}

}  // namespace parapet::inline PARAPET_ABI::rl
