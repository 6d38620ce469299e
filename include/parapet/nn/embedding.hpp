// Rows of a table, looked up by token: out(i, :) = table(ids[i], :). Tables of positions and of token types are added to that of words.
//
//     dtable(ids[i], :) += dout(i, :)     row after row, so that the sum has one order
//
// Ids are of any integer type. Those in host memory are checked; on a device they must be in range.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/transformer_rows.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/space.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/nn/arguments.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::nn {

namespace detail {

template <class T, class Table, class Id, class Space>
struct embed {
  Table table;
  vector_view<Id const, Space> ids;
  matrix_view<T, Space> out;
  bool accumulate;
  PARAPET_FN void operator()(index_t i, index_t j) const {
    T const value = static_cast<T>(table(static_cast<index_t>(ids[i]), j));
    out(i, j) = accumulate ? out(i, j) + value : value;
  }
};

template <class Id, class Space>
void check_ids(vector_view<Id const, Space> const& ids, index_t rows) {
  if constexpr (std::is_same_v<Space, host_space>)
    for (index_t i = 0; i < ids.extent(0); ++i)
      if (static_cast<index_t>(ids[i]) < 0 || static_cast<index_t>(ids[i]) >= rows)
        throw argument_error(parapet::detail::concat("embedding: token ", i, " has id ", ids[i], ", the table has ", rows, " rows"));
}

}  // namespace detail

/// out (tokens, n) = rows `ids` (tokens) of the table (rows, n), or out += them with `accumulate`. The table may be of another element
/// type, which converts to T. Throws shape_error, argument_error for an id in host memory that is no row.
template <class Backend, class T, class Weight, class Id, class Space>
void embedding_forward(Backend& be, matrix_view<Weight, Space> const& table, vector_view<Id, Space> const& ids, matrix_view<T, Space> const& out,
                       bool accumulate = false) {
  check_shape("embedding: output", out.shape(), extents{ids.extent(0), table.extent(1)});
  input<Id, 1, Space> const read = ids;
  detail::check_ids<std::remove_const_t<Id>>(read, table.extent(0));
  using lookup = detail::embed<T, input<Weight, 2, Space>, std::remove_const_t<Id>, Space>;
  for_each_index(be, out.shape(), lookup{table, read, out, accumulate});
}

/// dtable(ids[i], :) += dout(i, :) for every token; dtable (rows, n), dout (tokens, n). Throws as forward.
template <class Backend, class T, class Id, class Space>
void embedding_backward(Backend& be, vector_view<Id, Space> const& ids, input<T, 2, Space> const& dout, matrix_view<T, Space> const& dtable) {
  check_shape("embedding: output gradient", dout.shape(), extents{ids.extent(0), dtable.extent(1)});
  input<Id, 1, Space> const read = ids;
  detail::check_ids<std::remove_const_t<Id>>(read, dtable.extent(0));
  using backend::scatter_add;
  scatter_add(be, read, dout, dtable);
}

}  // namespace parapet::inline PARAPET_ABI::nn
