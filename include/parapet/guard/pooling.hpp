// From the hidden states of a sequence's tokens to one row: the first, the last, their mean or their maximum.
//
// Sequences are packed, so there is no padding that could get into a mean. The gradient of a maximum goes to the first token that has it.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/guard/transformer_config.hpp>
#include <parapet/nn/attention.hpp>

#include <cstddef>
#include <span>
#include <type_traits>

namespace parapet::inline PARAPET_ABI::guard {

namespace detail {

/// One column of one sequence; rows (tokens, n).
template <class T, class Space>
struct pool_column {
  pooling rule;
  matrix_view<T const, Space> rows;
  vector_view<T, Space> out;
  PARAPET_FN void operator()(index_t j) const {
    index_t const n = rows.extent(0);
    T value = rows(rule == pooling::last ? n - 1 : 0, j);
    if (rule == pooling::mean || rule == pooling::max)
      for (index_t i = 1; i < n; ++i) value = rule == pooling::mean ? value + rows(i, j) : (rows(i, j) > value ? rows(i, j) : value);
    out[j] = rule == pooling::mean ? value / static_cast<T>(n) : value;
  }
};

template <class T, class Space>
struct pool_gradient_column {
  pooling rule;
  matrix_view<T const, Space> rows;
  vector_view<T const, Space> dout;
  matrix_view<T, Space> drows;
  PARAPET_FN void operator()(index_t j) const {
    index_t const n = rows.extent(0);
    index_t chosen = rule == pooling::last ? n - 1 : 0;
    if (rule == pooling::max)
      for (index_t i = 1; i < n; ++i)
        if (rows(i, j) > rows(chosen, j)) chosen = i;
    for (index_t i = 0; i < n; ++i) drows(i, j) = rule == pooling::mean ? dout[j] / static_cast<T>(n) : (i == chosen ? dout[j] : T(0));
  }
};

/// Throws argument_error for a sequence without tokens or outside of the rows.
inline void check_pooled(std::span<nn::sequence const> sequences, index_t rows, index_t results) {
  if (static_cast<index_t>(sequences.size()) != results)
    throw shape_error(parapet::detail::concat("pooling: ", sequences.size(), " sequences into ", results, " rows"));
  for (nn::sequence const& s : sequences)
    if (s.queries_begin < 0 || s.queries_begin >= s.queries_end || s.queries_end > rows)
      throw argument_error(parapet::detail::concat("pooling: a sequence has rows [", s.queries_begin, ", ", s.queries_end, ") of ", rows));
}

}  // namespace detail

/// out (sequences, n) of hidden states (tokens, n). Throws shape_error, and argument_error for a sequence of no tokens.
template <class Backend, class T, class Space>
void pool_forward(Backend& be, pooling rule, std::span<nn::sequence const> sequences, std::type_identity_t<matrix_view<T const, Space>> const& hidden,
                  matrix_view<T, Space> const& out) {
  detail::check_pooled(sequences, hidden.extent(0), out.extent(0));
  for (index_t s = 0; s < out.extent(0); ++s) {
    nn::sequence const& sequence = sequences[static_cast<std::size_t>(s)];
    auto const rows = hidden.rows(sequence.queries_begin, sequence.queries_end);
    for_each_index(be, extents{out.extent(1)}, detail::pool_column<T, Space>{rule, rows, out(s)});
  }
}

/// dhidden (tokens, n), written for all rows of the sequences, from dout (sequences, n). Throws as forward.
template <class Backend, class T, class Space>
void pool_backward(Backend& be, pooling rule, std::span<nn::sequence const> sequences, std::type_identity_t<matrix_view<T const, Space>> const& hidden,
                   std::type_identity_t<matrix_view<T const, Space>> const& dout, matrix_view<T, Space> const& dhidden) {
  detail::check_pooled(sequences, hidden.extent(0), dout.extent(0));
  check_shape("pooling: gradient of the hidden states", dhidden.shape(), hidden.shape());
  for (index_t s = 0; s < dout.extent(0); ++s) {
    nn::sequence const& sequence = sequences[static_cast<std::size_t>(s)];
    index_t const begin = sequence.queries_begin, end = sequence.queries_end;
    for_each_index(be, extents{dout.extent(1)},
                   detail::pool_gradient_column<T, Space>{rule, hidden.rows(begin, end), dout(s), dhidden.rows(begin, end)});
  }
}

}  // namespace parapet::inline PARAPET_ABI::guard
