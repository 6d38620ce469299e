// GGUF, the format of llama.cpp: settings and arrays in one file. Read-only, versions 2 and 3, in the memory of the file.
//
//     io::gguf_file const model("model.gguf");
//     index_t const layers = model.at("llama.block_count").integer();
//     vector_view<io::q8_0_block const> const blocks = model.blocks("blk.0.attn_q.weight");
//     model.read("blk.0.attn_q.weight", weights);                     // as float, whatever it is stored as
//
//     "GGUF" | version | number of arrays | number of settings
//            | settings: key, type, value | arrays: name, extents, type, offset | padding | the arrays, each padded
//
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Extents stand in the file with the fastest first;
// here a shape is row-major as everywhere in Parapet. Read are plain arrays and Q8_0: blocks of 32 elements of a row,
//
//     x[32 b + k] = scale[b] * values[b][k],     scale in f16, values in i8.
//
// The reader trusts nothing (io/safetensors.hpp): counts and lengths are believed only if so many bytes are there,
// extents are multiplied with overflow checks, keys and names are unlike each other, and the arrays lie one after the
// other, with no more than padding between them and after the last.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/io/convert.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/gguf_value.hpp>
#include <parapet/io/text.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// What a reader accepts.
struct gguf_limits {
  index_t max_values = 10'000;   ///< settings
  index_t max_tensors = 10'000;
  index_t max_key = 65'535;      ///< bytes, as the format has it
  index_t max_name = 64;         ///< bytes, as the format has it
  index_t max_rank = 4;          ///< as the format has it
  int max_depth = 4;             ///< arrays inside one another
};

/// 32 elements that share a scale.
struct q8_0_block {
  static constexpr index_t size = 32;
  std::uint16_t scale;  // f16
  std::int8_t values[size];
};
static_assert(sizeof(q8_0_block) == 34 && alignof(q8_0_block) == 2);

/// One array of a file; `type` is empty where it is stored as Q8_0 blocks, which are no scalars.
struct gguf_tensor {
  std::string name;
  std::optional<scalar_type> type;
  std::vector<index_t> shape;
  index_t begin, end;  ///< bytes of the file
};

/// All that a file says before its arrays, in the order of the file. The values point into the bytes that were parsed.
struct gguf_layout {
  std::uint32_t version = 0;
  index_t alignment = 32;
  std::vector<std::pair<std::string, gguf_value>> values;
  std::vector<gguf_tensor> tensors;

  gguf_value const* find(std::string_view key) const {
    for (auto const& [name, value] : values)
      if (name == key) return &value;
    return nullptr;
  }
};

namespace detail {

/// Throws where two of the names are alike.
template <class Entries, class Name>
void check_names(gguf_cursor const& at, Entries const& entries, std::string_view what, Name name) {
  std::vector<std::string_view> names;
  for (auto const& entry : entries) names.push_back(name(entry));
  std::sort(names.begin(), names.end());
  if (auto const twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    at.fail(concat("two ", what, " are named ", printable(*twice)));
}

inline std::string parse_gguf_name(gguf_cursor& at, std::string_view what, index_t max_bytes) {
  std::string_view const name = at.string();
  if (static_cast<index_t>(name.size()) > max_bytes)
    at.fail(concat(what, " has a name of ", name.size(), " bytes, the limit is ", max_bytes));
  if (find_invalid_utf8(name) >= 0) at.fail(concat(what, " has a name that is not UTF-8"));
  if (name.find('\0') != name.npos) at.fail(concat(what, " has a NUL in its name"));  // where other readers would cut it
  return std::string(name);
}

/// The scalar_type of a number of ggml's list of types, or nothing for Q8_0.
inline std::optional<scalar_type> parse_ggml_type(gguf_cursor& at, std::string_view name) {
  constexpr std::string_view others[] = {"",     "", "Q4_0", "Q4_1", "",     "",     "Q5_0", "Q5_1",
                                         "", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K"};
  auto const type = at.number<std::uint32_t>();
  switch (type) {
    case 0: return scalar_type::f32;
    case 1: return scalar_type::f16;
    case 8: return std::nullopt;
    case 24: return scalar_type::i8;
    case 25: return scalar_type::i16;
    case 26: return scalar_type::i32;
    case 27: return scalar_type::i64;
    case 28: return scalar_type::f64;
    case 30: return scalar_type::bf16;
    default:
      bool const known = type < std::size(others) && !others[type].empty();
      at.fail(concat("array ", printable(name), " is of type ", known ? std::string(others[type]) : concat("number ", type),
                     "; read are F32, F16, BF16, Q8_0, F64 and integers"));
  }
}

/// Name, shape, type and place; `begin` and `end` count from the first byte of the arrays.
inline gguf_tensor parse_gguf_tensor(gguf_cursor& at, gguf_limits const& limits) {
  gguf_tensor tensor{parse_gguf_name(at, "an array", limits.max_name), {}, {}, 0, 0};
  auto const fail = [&](auto const&... what) { at.fail(concat("array ", printable(tensor.name), what...)); };
  auto const rank = at.number<std::uint32_t>();
  if (rank > static_cast<std::uint64_t>(limits.max_rank)) fail(" has ", rank, " axes, the limit is ", limits.max_rank);
  // An axis of extent 0 counts as 1 here: strides are products of the other extents, and must not overflow either.
  index_t span = sizeof(q8_0_block);  // no element is larger
  bool empty = false;
  for (std::uint32_t axis = 0; axis < rank; ++axis) {
    auto const extent = at.number<std::uint64_t>();
    if (extent > 0 && extent > static_cast<std::uint64_t>(std::numeric_limits<index_t>::max() / 2 / span))
      fail(" has extents that multiply to more than memory can hold");
    span *= extent > 0 ? static_cast<index_t>(extent) : 1;
    empty = empty || extent == 0;
    tensor.shape.insert(tensor.shape.begin(), static_cast<index_t>(extent));
  }
  tensor.type = parse_ggml_type(at, tensor.name);
  index_t const row = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (!tensor.type && row % q8_0_block::size != 0) fail(" is stored as Q8_0, but its rows have ", row, " elements, not a multiple of 32");
  auto const size = empty ? 0 : span / index_t{sizeof(q8_0_block)};
  index_t const bytes = tensor.type ? size * size_of(*tensor.type) : size / q8_0_block::size * index_t{sizeof(q8_0_block)};
  auto const offset = at.number<std::uint64_t>();
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<index_t>::max() / 2)) fail(" starts beyond any file");
  tensor.begin = static_cast<index_t>(offset);
  tensor.end = tensor.begin + bytes;
  return tensor;
}

inline index_t padded(index_t n, index_t alignment) { return (n + alignment - 1) / alignment * alignment; }

}  // namespace detail

/// Checks the start of a file against its size. Throws io_error; `source` names the bytes in messages.
inline gguf_layout parse_gguf(vector_view<unsigned char const> const& bytes, std::string source, gguf_limits const& limits = {}) {
  std::string_view const text(reinterpret_cast<char const*>(bytes.data()), static_cast<std::size_t>(bytes.size()));
  detail::gguf_cursor at(text, std::make_shared<std::string const>(std::move(source)));
  if (!text.starts_with("GGUF")) at.fail("not a GGUF file");
  at.take(4);
  gguf_layout layout;
  layout.version = at.number<std::uint32_t>();
  if (layout.version != 2 && layout.version != 3)
    at.fail(layout.version % 65536 == 0 ? std::string("a GGUF file with the bytes of numbers reversed (big-endian)")
                                        : detail::concat("GGUF version ", layout.version, ", read are 2 and 3"));
  auto const tensors = at.number<std::uint64_t>(), values = at.number<std::uint64_t>();
  if (tensors > static_cast<std::uint64_t>(limits.max_tensors)) at.fail(detail::concat(tensors, " arrays, the limit is ", limits.max_tensors));
  if (values > static_cast<std::uint64_t>(limits.max_values)) at.fail(detail::concat(values, " settings, the limit is ", limits.max_values));

  for (std::uint64_t k = 0; k < values; ++k) {
    std::string key = detail::parse_gguf_name(at, "a setting", limits.max_key);
    gguf_type const type = at.type();
    layout.values.emplace_back(std::move(key), gguf_value(at, type, limits.max_depth));
  }
  detail::check_names(at, layout.values, "settings", [](auto const& entry) -> std::string_view { return entry.first; });
  if (gguf_value const* const alignment = layout.find("general.alignment")) {
    layout.alignment = alignment->integer();
    if (alignment->type() != gguf_type::u32 || layout.alignment < 8 || layout.alignment > 1 << 20 || (layout.alignment & (layout.alignment - 1)) != 0)
      alignment->fail(detail::concat("alignment ", layout.alignment, ", expected a u32 that is a power of two from 8 to 2^20"));
  }

  for (std::uint64_t k = 0; k < tensors; ++k) layout.tensors.push_back(detail::parse_gguf_tensor(at, limits));
  detail::check_names(at, layout.tensors, "arrays", [](auto const& entry) -> std::string_view { return entry.name; });
  index_t const first = detail::padded(at.offset(), layout.alignment);
  index_t next = 0;
  for (gguf_tensor& tensor : layout.tensors) {
    auto const fail = [&](auto const&... what) {
      throw io_error(detail::concat(*at.source(), ": array ", detail::printable(tensor.name), " ", what...));
    };
    if (tensor.begin != next) fail("is at offset ", tensor.begin, ", expected ", next, ", the end of the one before");
    if (tensor.end > tensor.begin && (first > bytes.size() || tensor.end > bytes.size() - first))
      fail("ends at offset ", tensor.end, " of the arrays, which start at byte ", first, ", but the file has ", bytes.size(), " bytes");
    next = detail::padded(tensor.end, layout.alignment);
    tensor.begin += first;
    tensor.end += first;
  }
  if (bytes.size() > first + next)
    throw io_error(detail::concat(*at.source(), ": byte ", first + next, ": the arrays end here, but the file has ", bytes.size(), " bytes"));
  return layout;
}

/// The elements of blocks, one after the other: out (32 * blocks).
inline void dequantize(vector_view<q8_0_block const> const& blocks, float* out) {
  for (index_t b = 0; b < blocks.size(); ++b) {
    q8_0_block const& block = blocks[b];
    float const scale = decode_f16(block.scale);
    for (index_t k = 0; k < q8_0_block::size; ++k) out[b * q8_0_block::size + k] = scale * static_cast<float>(block.values[k]);
  }
}

/// Settings and arrays of a mapped file; what it gives points into the file, and is valid while this lives.
class gguf_file {
public:
  explicit gguf_file(std::string path, gguf_limits const& limits = {})
      : file_(std::move(path)), layout_(parse_gguf(file_.bytes(), file_.path(), limits)) {}

  mapped_file const& file() const { return file_; }
  std::string const& path() const { return file_.path(); }
  std::uint32_t version() const { return layout_.version; }
  std::vector<std::pair<std::string, gguf_value>> const& values() const { return layout_.values; }
  std::vector<gguf_tensor> const& tensors() const { return layout_.tensors; }

  /// The setting `key`, or null.
  gguf_value const* find(std::string_view key) const { return layout_.find(key); }
  /// The setting `key`; throws io_error where there is none.
  gguf_value const& at(std::string_view key) const {
    if (gguf_value const* const value = find(key)) return *value;
    throw io_error(detail::concat(path(), ": none of the ", values().size(), " settings is named ", detail::printable(key)));
  }

  bool contains(std::string_view name) const { return find_tensor(name) != nullptr; }
  /// Type, shape and place of the array `name`. Throws io_error where there is none, or where the file has been cut since.
  gguf_tensor const& tensor(std::string_view name) const {
    gguf_tensor const* const found = find_tensor(name);
    if (found == nullptr)
      throw io_error(detail::concat(path(), ": none of the ", tensors().size(), " arrays is named ", detail::printable(name)));
    file_.check_size();
    return *found;
  }
  /// The array `name` in place; throws io_error, too, where it is stored as blocks.
  const_tensor_ref array(std::string_view name) const {
    gguf_tensor const& found = tensor(name);
    if (!found.type) throw io_error(detail::concat(path(), ": array ", detail::printable(name), " is stored as Q8_0 blocks"));
    return {found.name, *found.type, found.shape, file_.bytes().data() + found.begin};
  }
  /// The blocks of the array `name` in place, row by row; throws io_error, too, where it is stored otherwise.
  vector_view<q8_0_block const> blocks(std::string_view name) const {
    gguf_tensor const& found = tensor(name);
    if (found.type) throw io_error(detail::concat(path(), ": array ", detail::printable(name), " is ", name_of(*found.type), ", not Q8_0"));
    auto const* const data = reinterpret_cast<q8_0_block const*>(file_.bytes().data() + found.begin);
    return {data, extents{(found.end - found.begin) / index_t{sizeof(q8_0_block)}}};
  }
  /// The array `name` as numbers. Throws shape_error unless `to` is of its shape, argument_error unless it is f32 or f64.
  void read(std::string_view name, tensor_ref const& to) const {
    gguf_tensor const& found = tensor(name);
    if (found.type) return convert(array(name), to);
    if (to.shape != found.shape)
      throw shape_error(detail::concat(path(), ": array ", detail::printable(name), " has shape ", shape_text(found.shape),
                                       ", the target ", shape_text(to.shape)));
    if (to.type != scalar_type::f32)
      throw argument_error(detail::concat(path(), ": array ", detail::printable(name), " to ", name_of(to.type), ", expected f32"));
    dequantize(blocks(name), reinterpret_cast<float*>(to.data));
  }

private:
  gguf_tensor const* find_tensor(std::string_view name) const {
    for (gguf_tensor const& tensor : layout_.tensors)
      if (tensor.name == name) return &tensor;
    return nullptr;
  }

  mapped_file file_;
  gguf_layout layout_;
};

}  // namespace parapet::inline PARAPET_ABI::io
