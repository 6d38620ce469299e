// Networks of one topology under training, in flat buffers: parameters, the optimiser's moments, gradients of each shard of a
// batch, and a copy that follows the parameters (a critic's target, an averaged policy).
//
// An ensemble has M networks; S seeds train one ensemble each. Network m of seed s is row s M + m of every buffer, so that any
// run of seeds is a stack (nn/parameters.hpp), and Adam on it one pass. Rows are padded: tensors of all networks are aligned alike.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/nn/optimizer.hpp>
#include <parapet/nn/parameters.hpp>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::nn {

/// A network of an ensemble: what its tensors' names begin with, and where its initial values are drawn (parameter_list::initialize).
struct ensemble_member {
  std::string name;
  std::uint64_t first_stream;
  index_t draw = 0;  ///< members that share streams draw one after the other
};

template <class T, class Space = host_space>
class trained {
public:
  trained() = default;
  /// Buffers for an ensemble of networks of `list`, which must outlive this, for each seed. Parameters are drawn, followers equal
  /// them, moments are zero.
  template <class Backend>
  trained(Backend& be, parameter_list const& list, std::vector<ensemble_member> members, std::vector<std::uint64_t> const& seeds, index_t shards,
          bool followed)
      : list_(&list), members_(std::move(members)), pitch_((list.size() + 15) / 16 * 16), shards_(shards),
        parameters_(static_cast<index_t>(seeds.size()) * elements(1)), follower_(followed ? parameters_.size() : 0), first_(parameters_.size()),
        second_(parameters_.size()), gradients_(shards * parameters_.size()) {
    buffer<T> host(parameters_.size());
    for (index_t i = 0; i < host.size(); ++i) host.data()[i] = 0;
    for (index_t row = 0; row < host.size() / pitch_; ++row) {
      auto const& member = members_[static_cast<std::size_t>(row % networks())];
      list.initialize(host.view().rows(row * pitch_, row * pitch_ + list.size()), seeds[static_cast<std::size_t>(row / networks())],
                      member.first_stream, member.draw);
    }
    copy(be, vector_view<T const>(host.view()), parameters_.view());
    if (followed) copy(be, vector_view<T const>(host.view()), follower_.view());
    fill(be, first_.view(), T(0));
    fill(be, second_.view(), T(0));
    if (gradients_.size() != 0) fill(be, gradients_.view(), T(0));
    synchronize(be);
  }

  /// Networks of an ensemble.
  index_t networks() const { return static_cast<index_t>(members_.size()); }
  /// Numbers of `seeds` seeds in each buffer, padding included.
  index_t elements(index_t seeds) const { return seeds * networks() * pitch_; }

  /// The stack (count M, n) of seeds [first, first + count).
  matrix_view<T const, Space> parameters(index_t first = 0, index_t count = 1) const { return rows(parameters_.data(), first, count); }
  matrix_view<T const, Space> followers(index_t first = 0, index_t count = 1) const { return rows(follower_.data(), first, count); }
  matrix_view<T, Space> gradient(index_t shard, index_t first = 0, index_t count = 1) {
    return rows(gradients_.data() + shard * parameters_.size(), first, count);
  }

  /// An optimiser step of Adam, with the numbers of write_adam_numbers, on elements [begin, end) of the seeds from `first` on and the
  /// sum of the shards' gradients; the follower, if any, then moves by `follow_rate`.
  template <class Backend>
  void step(Backend& be, adam const& rule, vector_view<T const, Space> const& numbers, double follow_rate, index_t first, index_t begin,
            index_t end) {
    index_t const skip = elements(first);
    matrix_view<T const, Space> const all = gradients_.view(extents{shards_, parameters_.size()});
    follower<T, Space> follow;
    if (follower_.size() != 0) follow = {follower_.view().rows(skip + begin, skip + end), follow_rate};
    update_from_shards(be, rule, numbers, parameters_.view().rows(skip + begin, skip + end),
                       moments<T, Space>{first_.view(), second_.view()}.rows(skip + begin, skip + end), all.columns(skip + begin, skip + end),
                       follow);
  }

  /// Appends all that training a seed goes on from (host memory), tensor by tensor: NAME, follower.NAME, first_moment.NAME,
  /// second_moment.NAME, where NAME is the member's and the list's; all after `prefix`.
  void append_tensors(std::vector<tensor_ref>& out, index_t seed = 0, std::string const& prefix = {}) { append_all(*this, out, seed, prefix); }
  void append_tensors(std::vector<const_tensor_ref>& out, index_t seed = 0, std::string const& prefix = {}) const {
    append_all(*this, out, seed, prefix);
  }

  /// A copy of one seed in host memory, without gradients; and back.
  template <class Backend>
  trained<T, host_space> to_host(Backend& be, index_t seed) const {
    trained<T, host_space> host;
    host.list_ = list_;
    host.members_ = members_;
    host.pitch_ = pitch_;
    transfer(*this, host, [&](auto const& from, auto& to) {
      if (from.size() == 0) return;
      to = buffer<T>(elements(1));
      copy(be, from.view().rows(elements(seed), elements(seed + 1)), to.view());
    });
    synchronize(be);
    return host;
  }
  template <class Backend>
  void from_host(Backend& be, trained<T, host_space> const& host, index_t seed) {
    transfer(host, *this, [&](auto const& from, auto& to) {
      if (from.size() != 0) copy(be, from.view(), to.view().rows(elements(seed), elements(seed + 1)));
    });
    synchronize(be);
  }

private:
  template <class, class>
  friend class trained;

  template <class U>
  matrix_view<U, Space> rows(U* data, index_t first, index_t count) const {
    return {data + elements(first), extents{count * networks(), list_->size()}, extents{pitch_, index_t{1}}};
  }

  template <class From, class To, class F>
  static void transfer(From& from, To& to, F const& f) {
    f(from.parameters_, to.parameters_);
    f(from.follower_, to.follower_);
    f(from.first_, to.first_);
    f(from.second_, to.second_);
  }

  template <class Self, class Byte>
  static void append_all(Self& self, std::vector<basic_tensor_ref<Byte>>& out, index_t seed, std::string const& prefix) {
    static_assert(std::is_same_v<Space, host_space>, "trained: tensors of device memory are read through to_host");
    auto const append = [&](char const* kind, auto& flat) {
      for (index_t m = 0; m < self.networks(); ++m)
        for (parameter const& p : *self.list_)
          out.push_back({prefix + kind + self.members_[static_cast<std::size_t>(m)].name + p.name, scalar_type_of<T>(), p.shape,
                         reinterpret_cast<Byte*>(flat.data() + self.elements(seed) + m * self.pitch_ + p.offset)});
    };
    append("", self.parameters_);
    if (self.follower_.size() != 0) append("follower.", self.follower_);
    append("first_moment.", self.first_);
    append("second_moment.", self.second_);
  }

  parameter_list const* list_ = nullptr;
  std::vector<ensemble_member> members_;
  index_t pitch_ = 0, shards_ = 0;
  buffer<T, Space> parameters_, follower_, first_, second_, gradients_;
};

}  // namespace parapet::inline PARAPET_ABI::nn
