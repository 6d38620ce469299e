// How a product with stored weights is cut into blocks: y = x W' + bias, whatever the elements and the instructions.
//
// Elements come in words of 32 bits: one float, two bfloat16 or four int8 that follow each other along `in`. A panel holds the
// same words of some outputs side by side, one output a lane, so that a register of lanes times one word of x (in every lane)
// adds to as many sums; transposing blocks of words is all that packing is, for each kind of element:
//
//     for each panel of outputs               (a thread has its own)
//       for each block of words along `in`    (so that the packed panel stays in the L2 cache)
//         pack the panel
//         for each few rows of x              the micro-kernel: sums in registers, over the whole block
//
// Every sum runs along `in` from the first word to the last, in one lane: it has the same bits for any number of rows and threads.
// Between blocks along `in` the sums wait in y. For few rows a panel would be read once only: they take the weights as they come,
// transposed in registers, in the same order.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/tensor_view.hpp>

#include <algorithm>
#include <cstdint>

namespace parapet::inline PARAPET_ABI::backend::detail {

using word = std::uint32_t;

/// What rows of x are turned into, once a call.
enum class row_form { as_it_is, bfloat16, int8, turned };  // turned: the columns of a matrix of floats

/// Rows of x as words of the weights' kind, zeros behind the last element.
struct word_rows {
  word const* data = nullptr;
  index_t stride = 0;               ///< words from row to row
  float const* scale = nullptr;     ///< of each row, where the sums are whole numbers
  std::int32_t const* start = nullptr;  ///< what the sums of each row begin with, then
  PARAPET_INLINE word_rows from(index_t row) const {
    return {data + row * stride, stride, scale == nullptr ? nullptr : scale + row, start == nullptr ? nullptr : start + row};
  }
};

/// The other operand: `bytes` bytes for each output, in rows as weights are stored; or, `by_word`, word by word for all outputs.
struct stored_rows {
  char const* data = nullptr;
  index_t stride = 0, bytes = 0;  ///< stride in bytes: from row to row
  bool by_word = false;
  /// From output `first` on, `count` bytes of each from `byte` on.
  PARAPET_INLINE stored_rows block(index_t first, index_t byte, index_t count) const {
    return {data + (by_word ? byte / 4 * stride + 4 * first : first * stride + byte), stride, count, by_word};
  }
};

/// A few rows by the outputs of a panel: sums over `depth` words, begun or gone on with, left as sums or finished.
struct tile {
  word_rows x;
  word const* panel = nullptr;  ///< (depth, outputs)
  index_t depth = 0;
  word* y = nullptr;            ///< sums between blocks, floats when finished
  index_t y_stride = 0;
  bool begins = true, finishes = true;
  float const* scale = nullptr;  ///< of each output of the panel, where the sums are whole numbers
  float const* bias = nullptr;   ///< of each output of the panel
  char const* ahead = nullptr;   ///< weights of the next block that are to be in the cache by then: `ahead_rows` of them
  index_t ahead_stride = 0, ahead_rows = 0;
};

/// The place of a product: where its results go, and what is added to them.
struct product_target {
  word* y;
  index_t y_stride, rows, out;
  float const* scale;  ///< (out) or none
  float const* bias;   ///< (out) or none
  bool accumulate = false;
  PARAPET_INLINE product_target from(index_t row, index_t count) const { return {y + row * y_stride, y_stride, count, out, scale, bias, accumulate}; }
};

/// Words of scratch memory for a thread's panel, and for the results of a panel that is not whole.
template <class Kernel>
constexpr index_t panel_words(index_t rows) {
  return Kernel::outputs * (Kernel::block_words + rows);
}

/// The outputs [begin, end). A Kernel has
///   outputs, block_words (a multiple of 16), most_rows
///   form, prepare(row of x, in, words, number of words, scale, start)
///   pack(stored_rows block, outputs in it, panel)    to (words, outputs), zeros for outputs and elements that are not there
///   multiply(rows <= most_rows, tile)
///   few_rows; where it is not 0: stream(rows <= few_rows, stored_rows, outputs, tile), of stream_outputs outputs at once
template <class Kernel>
void blocked_product(word_rows const& x, stored_rows const& w, product_target const& to, index_t begin, index_t end, word* scratch) {
  constexpr index_t outputs = Kernel::outputs, block_bytes = Kernel::block_words * 4;
  word* const panel = scratch;
  word* const aside = scratch + outputs * Kernel::block_words;  // results of outputs of which there are fewer than a panel has
  index_t const tiles = (to.rows + Kernel::most_rows - 1) / Kernel::most_rows;
  index_t const rows_ahead = (outputs + tiles - 1) / tiles;
  float scale[outputs] = {}, bias[outputs] = {};
  for (index_t first = begin; first < end; first += outputs) {
    index_t const count = std::min(outputs, end - first);
    bool const whole = count == outputs;
    if (to.scale != nullptr) std::copy_n(to.scale + first, count, scale);
    if (to.bias != nullptr) std::copy_n(to.bias + first, count, bias);
    tile t;
    t.panel = panel;
    t.scale = scale;
    t.bias = to.bias == nullptr ? nullptr : bias;
    t.y_stride = whole ? to.y_stride : outputs;
    t.ahead_stride = w.stride;
    if (!whole && to.accumulate)
      for (index_t row = 0; row < to.rows; ++row) std::copy_n(to.y + row * to.y_stride + first, count, aside + row * outputs);
    for (index_t byte = 0; byte < w.bytes; byte += block_bytes) {
      index_t const bytes = std::min(block_bytes, w.bytes - byte);
      Kernel::pack(w.block(first, byte, bytes), count, panel);
      t.depth = (bytes + 3) / 4;
      t.begins = byte == 0 && !to.accumulate;
      t.finishes = byte + bytes == w.bytes;
      char const* const next = t.finishes ? w.data + (first + outputs) * w.stride : w.data + first * w.stride + byte + bytes;
      index_t const next_rows = w.by_word ? 0 : t.finishes ? std::clamp(end - first - outputs, index_t{0}, outputs) : count;
      for (index_t part = 0; part < tiles; ++part) {  // of as equal a height as can be
        index_t const row = to.rows * part / tiles, stop = to.rows * (part + 1) / tiles;
        t.x = x.from(row);
        t.x.data += byte / 4;
        t.y = whole ? to.y + row * to.y_stride + first : aside + row * outputs;
        t.ahead = next + part * rows_ahead * w.stride;
        t.ahead_rows = std::clamp(next_rows - part * rows_ahead, index_t{0}, rows_ahead);
        Kernel::multiply(stop - row, t);
      }
    }
    if (!whole)
      for (index_t row = 0; row < to.rows; ++row) std::copy_n(aside + row * outputs, count, to.y + row * to.y_stride + first);
  }
}

/// The same for at most Kernel::few_rows rows, without panels.
template <class Kernel>
void streamed_product(word_rows const& x, stored_rows const& w, product_target const& to, index_t begin, index_t end) {
  constexpr index_t outputs = Kernel::stream_outputs;
  float scale[outputs] = {}, bias[outputs] = {};
  for (index_t first = begin; first < end; first += outputs) {
    index_t const count = std::min(outputs, end - first);
    if (to.scale != nullptr) std::copy_n(to.scale + first, count, scale);
    if (to.bias != nullptr) std::copy_n(to.bias + first, count, bias);
    tile t;
    t.x = x;
    t.y = to.y + first;
    t.y_stride = to.y_stride;
    t.scale = scale;
    t.bias = to.bias == nullptr ? nullptr : bias;
    Kernel::stream(to.rows, w.block(first, 0, w.bytes), count, t);
  }
}

/// y = x W' + bias on all threads of `be`. Scratch memory: the rows of x as words, and a panel for each thread.
template <class Kernel, class Cpu>
void run_product(Cpu& be, matrix_view<float const> const& x, stored_rows const& w, product_target const& to) {
  if (to.rows == 0 || to.out == 0) return;
  if (w.bytes == 0) {  // a sum of nothing
    for (index_t i = 0; i < to.rows && !to.accumulate; ++i)
      for (index_t j = 0; j < to.out; ++j) to.y[i * to.y_stride + j] = __builtin_bit_cast(word, to.bias == nullptr ? 0.0f : to.bias[j]);
    return;
  }
  constexpr bool prepares = Kernel::form != row_form::as_it_is;
  index_t const words = ((w.bytes + 3) / 4 + 15) / 16 * 16;
  index_t const row_bytes = prepares ? (words + 2) * 4 : 0, x_bytes = (to.rows * row_bytes + 63) / 64 * 64;
  bool const few = to.rows <= Kernel::few_rows && !w.by_word;
  index_t const panel_bytes = few ? 0 : panel_words<Kernel>(to.rows) * 4;
  auto* const room = static_cast<unsigned char*>(be.scratch().reserve(x_bytes + panel_bytes));
  be.reserve_worker_scratch(panel_bytes);

  word_rows rows{reinterpret_cast<word const*>(x.data()), x.stride(0)};
  if constexpr (prepares) {
    auto* const data = reinterpret_cast<word*>(room);
    auto* const scale = reinterpret_cast<float*>(data + to.rows * words);
    auto* const start = reinterpret_cast<std::int32_t*>(scale + to.rows);
    constexpr index_t together = 16;
    be.for_each_shard((to.rows + together - 1) / together, [&](Cpu&, index_t shard) {
      index_t const first = shard * together, end = std::min(to.rows, first + together);
      if constexpr (Kernel::form == row_form::turned)
        Kernel::turn(x.data() + first, x.stride(1), x.extent(1), end - first, data + first * words, words);
      else
        for (index_t i = first; i < end; ++i) Kernel::prepare(x.data() + i * x.stride(0), x.extent(1), data + i * words, words, scale + i, start + i);
    });
    rows = {data, words, scale, start};
  }

  // Of very many rows, as many at once as a cache beyond L2 holds: each panel reads them all.
  constexpr index_t cached_words = index_t{1} << 22, least_at_once = 192;
  index_t const row_blocks = (to.rows - 1) / std::max(cached_words / words, least_at_once) + 1;

  // A few parts for each thread, of whole panels: a thread that is late leaves its parts to others.
  index_t const unit = few ? Kernel::stream_outputs : Kernel::outputs, units = (to.out + unit - 1) / unit;
  index_t const parts = be.threads() == 1 ? 1 : std::min(units, index_t{4} * be.threads());
  be.for_each_shard(parts, [&](Cpu& worker, index_t part) {
    index_t const begin = units * part / parts * unit, end = std::min(to.out, units * (part + 1) / parts * unit);
    if constexpr (Kernel::few_rows != 0)
      if (few) return streamed_product<Kernel>(rows, w, to, begin, end);
    void* const panel = &worker == &be ? room + x_bytes : worker.scratch().reserve(panel_bytes);
    for (index_t block = 0; block < row_blocks; ++block) {
      index_t const row = to.rows * block / row_blocks, stop = to.rows * (block + 1) / row_blocks;
      blocked_product<Kernel>(rows.from(row), w, to.from(row, stop - row), begin, end, static_cast<word*>(panel));
    }
  });
}

}  // namespace parapet::inline PARAPET_ABI::backend::detail
