// Logged experience: (s, a, r, s', h, done) rows in six dense arrays.
//
// h(s) > 0 marks a violation, as in Hamilton-Jacobi reachability. Names in files are those of FISOR's point robot data:
// `state action next_state reward done h cost`, and `timeout`, 1 where an episode was cut for time. A row that is cut for
// time ends its episode too: its `done` is 1.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/math/functions.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
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
  vector_view<T, Space> cost() { return column(2); }                                               // (N)    of `state`: 1 where h > 0, or as logged
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

  /// 64-bit FNV-1a of the contents (host memory): tells a checkpoint's data set from another.
  std::uint64_t hash() const {
    static_assert(std::is_same_v<Space, host_space>, "transitions::hash reads host memory; hash(be, data) copies it there");
    std::uint64_t value = 14695981039346656037u;
    auto const* bytes = reinterpret_cast<unsigned char const*>(memory_.data());
    for (index_t i = 0; i < memory_.size() * static_cast<index_t>(sizeof(T)); ++i) value = (value ^ bytes[i]) * 1099511628211u;
    return value;
  }

  /// A copy in another memory, by the backend that has one of the two.
  template <class To, class Backend>
  transitions<T, To> to_space(Backend& be) const {
    transitions<T, To> other;
    if (size_ == 0) return other;
    other = transitions<T, To>(size_, state_dim_, action_dim_);
    copy(be, memory_.view(), other.memory_.view());
    synchronize(be);
    return other;
  }

private:
  template <class, class>
  friend class transitions;

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

/// A copy of host data in the backend's memory.
template <class Backend, class T>
transitions<T, typename Backend::space> upload(Backend& be, transitions<T> const& data) {
  return data.template to_space<typename Backend::space>(be);
}

/// transitions::hash of data in any memory.
template <class Backend, class T, class Space>
std::uint64_t hash(Backend& be, transitions<T, Space> const& data) {
  if constexpr (std::is_same_v<Space, host_space>) return data.hash();
  else return data.template to_space<host_space>(be).hash();
}

namespace detail {

// What must hold of an array's numbers: of one on the host, and as a functor whose sum is 0 where it holds of all.
struct finite {
  static constexpr char const* failure = "not finite";
  template <class T>
  static bool holds(T x) { return std::isfinite(x); }
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return x * X(0.0f); }
};
struct zero_or_one {
  static constexpr char const* failure = "neither 0 nor 1";
  template <class T>
  static bool holds(T x) { return x == T(0) || x == T(1); }
  template <class X>
  PARAPET_INLINE PARAPET_FN X operator()(X const& x) const { return math::abs(x * (X(1.0f) - x)); }
};

/// Throws Error with the row of the first number in x (N, ...) of which Rule does not hold.
template <class Error, class Rule, class T, int Rank>
void check_rows(std::string const& source, char const* name, tensor_view<T, Rank> const& x, Rule) {
  for (index_t i = 0; i < x.size(); ++i)
    if (!Rule::holds(x.data()[i]))
      throw Error(parapet::detail::concat(source, ": array '", name, "' is ", Rule::failure, " in row ", i / (x.size() / x.extent(0))));
}

}  // namespace detail

/// Throws argument_error, with array and row, at a number that is not finite and at a `done` or `timeout` that is neither
/// 0 nor 1.
template <class Backend, class T, class Space>
void check_values(Backend& be, transitions<T, Space> const& data) {
  auto const check = [&](char const* name, auto const& x, auto rule) {
    if (sum(be, flatten(x), rule) == T(0)) return;
    buffer<T> memory(x.size());
    auto const host = memory.view(x.shape());
    copy(be, x, host);
    synchronize(be);
    detail::check_rows<argument_error>("transitions", name, host, rule);
  };
  check("state", data.state(), detail::finite{});
  check("action", data.action(), detail::finite{});
  check("next_state", data.next_state(), detail::finite{});
  check("reward", data.reward(), detail::finite{});
  check("done", data.done(), detail::zero_or_one{});
  check("timeout", data.timeout(), detail::zero_or_one{});
  check("h", data.h(), detail::finite{});
  check("cost", data.cost(), detail::finite{});
}

/// Transitions of an archive: `state` (N, S), `action` (N, A), `next_state` (N, S), `reward`, `done`, `h` (N); `timeout` (N),
/// else 0; `cost` (N), else 1[h > 0]. Throws io_error for what is missing, empty, misshapen, or has values that
/// check_values refuses.
template <class T>
transitions<T> to_transitions(tensor_archive const& archive) {
  auto const state = archive.view<T, 2>("state"), action = archive.view<T, 2>("action");
  for (auto const& [name, shape] : {std::pair{"state", state.shape()}, std::pair{"action", action.shape()}})
    if (shape.size() == 0)
      throw io_error(parapet::detail::concat(archive.source(), ": array '", name, "' has shape ", shape, ": no transitions"));
  transitions<T> data(state.extent(0), state.extent(1), action.extent(1));
  auto const take = [&](char const* name, auto const& to, auto rule) {
    auto const from = archive.view<T, std::remove_cvref_t<decltype(to)>::rank>(name);
    if (!(from.shape() == to.shape()))
      throw io_error(parapet::detail::concat(archive.source(), ": array '", name, "' has shape ", from.shape(), ", expected ", to.shape()));
    detail::check_rows<io_error>(archive.source(), name, from, rule);
    std::copy_n(from.data(), from.size(), to.data());
  };
  take("state", data.state(), detail::finite{});
  take("action", data.action(), detail::finite{});
  take("next_state", data.next_state(), detail::finite{});
  take("reward", data.reward(), detail::finite{});
  take("done", data.done(), detail::zero_or_one{});
  take("h", data.h(), detail::finite{});
  std::fill_n(data.timeout().data(), data.size(), T(0));
  if (archive.contains("timeout")) take("timeout", data.timeout(), detail::zero_or_one{});
  std::transform(data.h().data(), data.h().data() + data.size(), data.cost().data(), [](T h) { return h > 0 ? T(1) : T(0); });
  if (archive.contains("cost")) take("cost", data.cost(), detail::finite{});
  return data;
}

}  // namespace parapet::inline PARAPET_ABI::rl
