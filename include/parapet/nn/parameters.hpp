// All parameters of a network in one flat buffer, and the list that says what lies where.
//
// A layer registers its tensors when it is built and keeps their slots; a slot turns a pointer to any flat buffer
// of the same layout (parameters, gradients, moments, averages) into a view. So Adam, EMA, save, load and a sum over
// shards are each one pass over one vector.
//
// A stack of N networks of one topology is a matrix (N, n), a flat row for each: twin critics, seeds that train side by side.
// Layers take either; activations of a stack are (N, rows, width), of one network (1, rows, width).
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/nn/initializer.hpp>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::nn {

/// One tensor inside a flat buffer.
template <int Rank>
struct slot {
  index_t offset = 0;
  extents<Rank> shape{};

  /// The tensor in a flat buffer. Throws shape_error for a buffer that it does not lie in.
  template <class T, class Space>
  tensor_view<T, Rank, Space> operator()(vector_view<T, Space> const& flat) const {
    if (offset + shape.size() > flat.extent(0))
      throw shape_error(parapet::detail::concat("a tensor of shape ", shape, " at element ", offset, " of a flat buffer of ",
                                                flat.extent(0), " elements"));
    return {flat.data() + offset, shape};
  }

  /// The same tensor of each network of a stack (N, n): (N, shape...).
  template <class T, class Space>
  tensor_view<T, Rank + 1, Space> operator()(matrix_view<T, Space> const& flats) const {
    auto const first = (*this)(vector_view<T, Space>(flats.data(), extents{flats.extent(1)}));
    tensor_view<T, Rank + 1, Space> const stack = repeated(first, flats.extent(0));
    extents<Rank + 1> strides = stack.strides();
    strides[0] = flats.stride(0);
    return {stack.data(), stack.shape(), strides};
  }
};

/// One flat vector as a stack of one network; a stack as it is.
template <class T, class Space>
PARAPET_FN constexpr matrix_view<T, Space> as_stack(vector_view<T, Space> const& flat) { return repeated(flat, 1); }
template <class T, class Space>
PARAPET_FN constexpr matrix_view<T, Space> const& as_stack(matrix_view<T, Space> const& flats) { return flats; }

/// Name, place and initial value of one tensor.
struct parameter {
  std::string name;
  index_t offset;
  std::vector<index_t> shape;
  index_t size;
  index_t fan_in, fan_out;
  initializer initial;
};

/// The layout of a network's flat buffer, in the order of registration.
class parameter_list {
public:
  /// Adds a tensor; the last two axes are taken as (fan_in, fan_out). Throws argument_error for a name in use or
  /// a size that cannot be.
  template <int Rank>
  slot<Rank> add(std::string name, extents<Rank> const& shape, initializer initial) {
    for (parameter const& other : parameters_)
      if (other.name == name)
        throw argument_error(parapet::detail::concat("parameter_list: a tensor named '", name, "' exists already"));
    index_t const size = parapet::detail::checked_size(shape);
    if (size > std::numeric_limits<index_t>::max() / 2 - size_)
      throw argument_error(parapet::detail::concat("parameter_list: ", size_, " elements and '", name, "' of shape ", shape, " do not fit into memory"));
    slot<Rank> const place{size_, shape};
    index_t const fan_out = shape[Rank - 1], fan_in = Rank > 1 ? shape[Rank > 1 ? Rank - 2 : 0] : fan_out;
    parameters_.push_back({std::move(name), size_, {shape.values, shape.values + Rank}, size, fan_in, fan_out, initial});
    size_ += size;
    return place;
  }

  /// Number of scalars.
  index_t size() const { return size_; }
  auto begin() const { return parameters_.begin(); }
  auto end() const { return parameters_.end(); }

  /// Fills a flat buffer on the host: tensor k of the list draws from Philox stream first_stream + k. Members of an ensemble
  /// share the streams, and draw one after the other.
  template <class T>
  void initialize(vector_view<T> const& flat, std::uint64_t seed, std::uint64_t first_stream, index_t member = 0) const {
    check_shape("initialize: flat buffer", flat.shape(), extents{size_});
    for (std::uint64_t stream = first_stream; parameter const& p : parameters_)
      p.initial(flat.rows(p.offset, p.offset + p.size), p.fan_in, p.fan_out, philox_stream(seed, stream++), member * p.size);
  }

private:
  std::vector<parameter> parameters_;
  index_t size_ = 0;
};

/// What a forward pass keeps: nothing beyond the result, or all that the backward pass reads.
enum class mode { inference, training };

/// Whether a backward pass overwrites parameter gradients or adds to them.
enum class gradients { overwrite, accumulate };

}  // namespace parapet::inline PARAPET_ABI::nn
