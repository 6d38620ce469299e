// Rows of a table, looked up by token: out(i, :) = table(ids[i], :). Tables of positions and of token types are added to that of words.
//
//     dtable(ids[i], :) += dout(i, :)     row after row, so that the sum has one order
//
// Ids are of any integer type. Those in host memory are checked; on a device they must be in range.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/transformer_rows.hpp>
#include <parapet/backend/weights.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/space.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/nn/arguments.hpp>

#include <type_traits>

namespace parapet::inline PARAPET_ABI::nn {

namespace detail {

template <class T, class Weight, class Space>
PARAPET_FN T table_element(matrix_view<Weight, Space> const& table, index_t row, index_t j) { return static_cast<T>(table(row, j)); }
template <class T, class Space>
PARAPET_FN T table_element(backend::int8_matrix<Space> const& table, index_t row, index_t j) {
  return static_cast<T>(table.scale[row] * static_cast<float>(table.values(row, j)));
}

template <class T, class Table, class Id, class Space>
struct embed {
  Table table;
  vector_view<Id const, Space> ids;
  matrix_view<T, Space> out;
  bool accumulate;
  PARAPET_FN void operator()(index_t i, index_t j) const {
    T const value = table_element<T>(table, static_cast<index_t>(ids[i]), j);
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

template <class Backend, class Table, class T, class Id, class Space>
void look_up(Backend& be, Table const& table, vector_view<Id const, Space> const& ids, matrix_view<T, Space> const& out, bool accumulate) {
  check_shape("embedding: output", out.shape(), extents{ids.extent(0), table.extent(1)});
  check_ids(ids, table.extent(0));
  for_each_index(be, out.shape(), embed<T, Table, Id, Space>{table, ids, out, accumulate});
}

}  // namespace detail

/// out (tokens, n) = rows `ids` (tokens) of the table (rows, n), or out += them with `accumulate`. The table's elements convert to T
/// (float, bfloat16). Throws shape_error, and argument_error for an id in host memory that is no row.
template <class Backend, class T, class Weight, class Id, class Space>
void embedding_forward(Backend& be, matrix_view<Weight, Space> const& table, vector_view<Id, Space> const& ids, matrix_view<T, Space> const& out,
                       bool accumulate = false) {
  detail::look_up(be, input<Weight, 2, Space>(table), input<Id, 1, Space>(ids), out, accumulate);
}
/// The same of a table of 8 bits.
template <class Backend, class T, class Id, class Space>
void embedding_forward(Backend& be, backend::int8_matrix<Space> const& table, vector_view<Id, Space> const& ids, matrix_view<T, Space> const& out,
                       bool accumulate = false) {
  detail::look_up(be, table, input<Id, 1, Space>(ids), out, accumulate);
}

/// dtable(ids[i], :) += dout(i, :) for every token; dtable (rows, n), dout (tokens, n). Throws as forward.
template <class Backend, class T, class Id, class Space>
void embedding_backward(Backend& be, vector_view<Id, Space> const& ids, input<T, 2, Space> const& dout, matrix_view<T, Space> const& dtable) {
  check_shape("embedding: output gradient", dout.shape(), extents{ids.extent(0), dtable.extent(1)});
  input<Id, 1, Space> const read = ids;
  detail::check_ids(read, dtable.extent(0));
  using backend::scatter_add;
  scatter_add(be, read, dout, dtable);
}

}  // namespace parapet::inline PARAPET_ABI::nn
