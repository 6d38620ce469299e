// A network's flat buffers while it is trained: parameters, the optimiser's moments, gradients of each shard of a batch, and
// a copy that follows the parameters (a critic's target, an averaged policy).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/buffer.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/nn/optimizer.hpp>
#include <parapet/nn/parameters.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace parapet::inline PARAPET_ABI::nn {

template <class T, class Space = host_space>
class trained {
public:
  trained() = default;
  /// Buffers for the network of `list`, which must outlive this; parameters drawn as parameter_list::initialize does, the
  /// follower equal to them, moments zero.
  template <class Backend>
  trained(Backend& be, parameter_list const& list, index_t shards, bool followed, std::uint64_t seed, std::uint64_t first_stream)
      : list_(&list), parameters_(list.size()), follower_(followed ? list.size() : 0), first_(list.size()), second_(list.size()),
        gradients_(shards * list.size()), shards_(shards) {
    buffer<T> host(list.size());
    list.initialize(host.view(), seed, first_stream);
    copy(be, vector_view<T const>(host.view()), parameters_.view());
    if (followed) copy(be, vector_view<T const, Space>(parameters_.view()), follower_.view());
    fill(be, first_.view(), T(0));
    fill(be, second_.view(), T(0));
  }

  index_t size() const { return parameters_.size(); }
  vector_view<T const, Space> parameters() const { return parameters_.view(); }
  vector_view<T const, Space> followers() const { return follower_.view(); }
  vector_view<T, Space> gradient(index_t shard) { return gradients_.view().rows(shard * size(), (shard + 1) * size()); }

  /// Optimiser step number `step` (from 1) on parameters [begin, end) with the sum of the shards' gradients; the follower, if
  /// any, then moves by `follow_rate`.
  template <class Backend>
  void step(Backend& be, adam const& rule, double learning_rate, index_t step, double follow_rate, index_t begin, index_t end) {
    matrix_view<T const, Space> const all = gradients_.view(extents{shards_, size()});
    follower<T, Space> follow;
    if (follower_.size() != 0) follow = {follower_.view().rows(begin, end), follow_rate};
    update_from_shards(be, rule, learning_rate, step, parameters_.view().rows(begin, end),
                       moments<T, Space>{first_.view(), second_.view()}.rows(begin, end), all.columns(begin, end), follow);
  }

  /// Appends everything that training goes on from, tensor by tensor: NAME, follower.NAME, first_moment.NAME,
  /// second_moment.NAME.
  void append_tensors(std::vector<tensor_ref>& out) { append_all(*this, out); }
  void append_tensors(std::vector<const_tensor_ref>& out) const { append_all(*this, out); }

private:
  template <class Self, class Byte>
  static void append_all(Self& self, std::vector<basic_tensor_ref<Byte>>& out) {
    auto const append = [&](char const* prefix, auto& flat) {
      for (parameter const& p : *self.list_)
        out.push_back({prefix + p.name, scalar_type_of<T>(), p.shape, reinterpret_cast<Byte*>(flat.data() + p.offset)});
    };
    append("", self.parameters_);
    if (self.follower_.size() != 0) append("follower.", self.follower_);
    append("first_moment.", self.first_);
    append("second_moment.", self.second_);
  }

  parameter_list const* list_ = nullptr;
  buffer<T, Space> parameters_, follower_, first_, second_, gradients_;
  index_t shards_ = 1;
};

}  // namespace parapet::inline PARAPET_ABI::nn
