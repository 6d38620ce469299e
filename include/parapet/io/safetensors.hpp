// safetensors: named arrays in one file, the format of published weights and of Parapet's checkpoints.
//
//     8 bytes N, little-endian | N bytes of JSON | the arrays, one after the other
//     {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//
// Format: https://github.com/huggingface/safetensors. The reader trusts nothing: the header has a limited length and is
// strict JSON (io/json.hpp) without duplicate names; the arrays lie end to end from the first byte after the header to
// the last of the file, without gap, overlap or rest; extents are multiplied with overflow checks and give exactly the
// bytes that the offsets say. Nothing is allocated before all that holds, so memory is bounded by the size of the file.
// Infinities and NaNs are legal; io::check_finite looks for them.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/io/convert.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// What a reader accepts. The length of the header is the reference implementation's limit.
struct safetensors_limits {
  index_t max_header = 100'000'000;  ///< bytes
  index_t max_tensors = 10'000;
  index_t max_rank = 16;
  index_t max_name = 1024;  ///< bytes
  json_limits json = {};
};

/// One array of a file, without its data: shape and type, and its bytes [begin, end) counted from the start of the file.
struct safetensors_entry {
  std::string name;
  scalar_type type;
  std::vector<index_t> shape;
  index_t begin, end;
};

/// All that a header says, arrays in the order of the data.
struct safetensors_layout {
  std::vector<safetensors_entry> entries;
  std::map<std::string, std::string> metadata;
};

namespace detail {

inline constexpr index_t safetensors_prefix = 8;  // the bytes that hold N

/// The format's names, in the order of scalar_type.
inline constexpr std::string_view safetensors_types[] = {"BOOL", "U8",  "I8",  "U16", "I16",  "U32", "I32",
                                                         "U64",  "I64", "F16", "BF16", "F32", "F64"};

inline scalar_type parse_safetensors_type(json_value const& value) {
  constexpr auto begin = std::begin(safetensors_types), end = std::end(safetensors_types);
  auto const found = std::find(begin, end, value.string());
  if (found == end) value.fail(concat("dtype ", printable(value.string()), " is not known here"));
  return static_cast<scalar_type>(found - begin);
}

/// The length N of the header, which must fit into the limit and into the file.
inline index_t parse_safetensors_prefix(unsigned char const* prefix, index_t file_size, std::string const& source,
                                        safetensors_limits const& limits) {
  std::uint64_t length = 0;
  for (int i = 0; i < safetensors_prefix; ++i) length |= std::uint64_t{prefix[i]} << (8 * i);
  if (length > static_cast<std::uint64_t>(limits.max_header))
    throw io_error(concat(source, ": byte 0: the header has ", length, " bytes, the limit is ", limits.max_header));
  if (length > static_cast<std::uint64_t>(file_size - safetensors_prefix))
    throw io_error(concat(source, ": byte 0: the header has ", length, " bytes, but the file only ", file_size));
  return static_cast<index_t>(length);
}

inline safetensors_entry parse_safetensors_entry(std::string const& name, json_value const& value, index_t data_begin,
                                                 safetensors_limits const& limits) {
  auto const fail = [&](auto const&... what) { value.fail(concat("array ", printable(name), what...)); };
  if (static_cast<index_t>(name.size()) > limits.max_name)
    fail(" has a name of ", name.size(), " bytes, the limit is ", limits.max_name);
  if (value.keys().size() != 3) fail(": expected exactly 'dtype', 'shape' and 'data_offsets'");
  json_value const& shape = value.at("shape");
  json_value const& offsets = value.at("data_offsets");
  if (shape.type() != json_value::kind::array || offsets.type() != json_value::kind::array || offsets.items().size() != 2)
    fail(": expected 'shape' as an array and 'data_offsets' as an array of two");

  safetensors_entry entry{
      name, parse_safetensors_type(value.at("dtype")), {}, offsets.items()[0].integer(), offsets.items()[1].integer()};
  if (static_cast<index_t>(shape.items().size()) > limits.max_rank)
    fail(" has ", shape.items().size(), " axes, the limit is ", limits.max_rank);
  // An axis of extent 0 counts as 1 here: strides are products of the other extents, and must not overflow either.
  index_t span = size_of(entry.type);
  for (json_value const& item : shape.items()) {
    index_t const extent = item.integer();
    if (extent < 0) item.fail("a negative extent");
    if (extent > 0 && span > std::numeric_limits<index_t>::max() / 2 / extent)
      item.fail("the extents multiply to more than memory can hold");
    span *= extent > 0 ? extent : 1;
    entry.shape.push_back(extent);
  }
  bool const empty = std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end();
  index_t const bytes = empty ? 0 : span;
  if (entry.begin < 0 || entry.end < entry.begin || entry.end - entry.begin != bytes)
    fail(" of type ", name_of(entry.type), " and shape ", shape_text(entry.shape), " has ", bytes,
         " bytes, but data_offsets [", entry.begin, ", ", entry.end, ")");
  if (entry.end > std::numeric_limits<index_t>::max() - data_begin) fail(" ends beyond any file");
  entry.begin += data_begin;
  entry.end += data_begin;
  return entry;
}

/// Checks a header (without its prefix) against the size of the file that it opens.
inline safetensors_layout parse_safetensors_header(std::string_view header, index_t file_size, std::string const& source,
                                                   safetensors_limits const& limits) {
  if (!header.starts_with('{')) throw io_error(concat(source, ": byte 8: the header does not start with '{'"));
  json_value const root = parse_json(header, source, limits.json, safetensors_prefix);
  auto const data_begin = safetensors_prefix + static_cast<index_t>(header.size());
  if (static_cast<index_t>(root.keys().size()) > limits.max_tensors)
    throw io_error(concat(source, ": ", root.keys().size(), " arrays, the limit is ", limits.max_tensors));

  safetensors_layout layout;
  for (std::size_t i = 0; i < root.keys().size(); ++i) {
    std::string const& name = root.keys()[i];
    json_value const& value = root.items()[i];
    if (name != "__metadata__") {
      layout.entries.push_back(parse_safetensors_entry(name, value, data_begin, limits));
      continue;
    }
    for (std::size_t k = 0; k < value.keys().size(); ++k) layout.metadata[value.keys()[k]] = value.items()[k].string();
  }

  auto const place = [](safetensors_entry const& entry) { return std::pair{entry.begin, entry.end}; };
  std::sort(layout.entries.begin(), layout.entries.end(), [&](auto const& a, auto const& b) { return place(a) < place(b); });
  index_t at = data_begin;
  for (safetensors_entry const& entry : layout.entries) {
    if (entry.begin != at)
      throw io_error(concat(source, ": byte ", at, ": array ", printable(entry.name), " starts at byte ", entry.begin,
                                             entry.begin < at ? " and overlaps the one before" : " and leaves a gap"));
    at = entry.end;
  }
  if (at != file_size)
    throw io_error(concat(source, ": byte ", at, ": the arrays end here, but the file has ", file_size, " bytes"));
  return layout;
}

inline void check_has_prefix(index_t file_size, std::string const& source) {
  if (file_size < safetensors_prefix)
    throw io_error(concat(source, ": has ", file_size, " bytes, too few for a safetensors file"));
}

}  // namespace detail

/// An open file whose header has been read and checked; the arrays are read one by one.
class safetensors_reader {
public:
  explicit safetensors_reader(std::string path, safetensors_limits const& limits = {}) : file_(std::move(path)) {
    detail::check_has_prefix(file_.size(), file_.path());
    unsigned char prefix[detail::safetensors_prefix];
    file_.read(0, prefix, detail::safetensors_prefix);
    index_t const length = detail::parse_safetensors_prefix(prefix, file_.size(), file_.path(), limits);
    std::string header(static_cast<std::size_t>(length), '\0');
    file_.read(detail::safetensors_prefix, header.data(), length);
    layout_ = detail::parse_safetensors_header(header, file_.size(), file_.path(), limits);
  }

  std::string const& path() const { return file_.path(); }
  safetensors_layout const& layout() const { return layout_; }

  /// Appends the arrays of the file to `archive`.
  void read(tensor_archive& archive) const {
    for (safetensors_entry const& entry : layout_.entries) {
      tensor_ref const tensor = archive.add(entry.name, entry.type, entry.shape);
      file_.read(entry.begin, tensor.data, entry.end - entry.begin);
      detail::check_booleans(file_.path(), tensor);
    }
  }

private:
  file_reader file_;
  safetensors_layout layout_;
};

/// All arrays and the metadata of a file.
inline tensor_archive read_safetensors(std::string const& path, safetensors_limits const& limits = {}) {
  safetensors_reader const file(path, limits);
  tensor_archive archive(path);
  archive.metadata() = file.layout().metadata;
  file.read(archive);
  return archive;
}

/// The same from memory; `source` names the bytes in messages.
inline tensor_archive read_safetensors_from(vector_view<unsigned char const> const& bytes, std::string const& source,
                                            safetensors_limits const& limits = {}) {
  detail::check_has_prefix(bytes.size(), source);
  index_t const length = detail::parse_safetensors_prefix(bytes.data(), bytes.size(), source, limits);
  auto const* const text = reinterpret_cast<char const*>(bytes.data() + detail::safetensors_prefix);
  safetensors_layout layout =
      detail::parse_safetensors_header({text, static_cast<std::size_t>(length)}, bytes.size(), source, limits);
  tensor_archive archive(source);
  archive.metadata() = std::move(layout.metadata);
  for (safetensors_entry const& entry : layout.entries) {
    tensor_ref const tensor = archive.add(entry.name, entry.type, entry.shape);
    std::memcpy(tensor.data, bytes.data() + entry.begin, static_cast<std::size_t>(entry.end - entry.begin));
    detail::check_booleans(source, tensor);
  }
  return archive;
}

/// Writes arrays and metadata, complete or not at all. The wider types come first, so that every array is aligned in a
/// file that starts aligned. Throws argument_error for a name that is used twice or reserved, or text that is not
/// UTF-8.
inline void write_safetensors(std::string const& path, std::vector<const_tensor_ref> tensors,
                              std::map<std::string, std::string> const& metadata = {}) {
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](auto const& a, auto const& b) { return size_of(a.type) > size_of(b.type); });
  std::vector<std::string_view> names;
  std::string header = "{";
  auto const member = [](std::string const& object, std::string_view key) {
    return detail::concat(object.back() == '{' ? "" : ",", json_quote(key), ':');
  };
  if (!metadata.empty()) {
    std::string text = "{";
    for (auto const& [key, value] : metadata) text += member(text, key) + json_quote(value);
    header += detail::concat("\"__metadata__\":", text, '}');
  }
  index_t at = 0;
  for (const_tensor_ref const& tensor : tensors) {
    names.push_back(tensor.name);
    std::string shape;
    for (index_t const extent : tensor.shape) shape += detail::concat(shape.empty() ? "" : ",", extent);
    header += member(header, tensor.name) +
              detail::concat("{\"dtype\":\"", detail::safetensors_types[static_cast<std::size_t>(tensor.type)],
                             "\",\"shape\":[", shape, "],\"data_offsets\":[", at, ',', at + tensor.bytes(), "]}");
    at += tensor.bytes();
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::sort(names.begin(), names.end());
  if (auto const twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    throw argument_error(detail::concat(path, ": two arrays are named '", *twice, "'"));
  if (std::binary_search(names.begin(), names.end(), "__metadata__"))
    throw argument_error(path + ": no array may be named '__metadata__'");

  unsigned char prefix[detail::safetensors_prefix];
  for (std::size_t i = 0; i < sizeof prefix; ++i) prefix[i] = static_cast<unsigned char>(header.size() >> (8 * i));
  atomic_file file(path);
  file.write(prefix, sizeof prefix);
  file.write(header);
  for (const_tensor_ref const& tensor : tensors) file.write(tensor.data, tensor.bytes());
  file.commit();
}

}  // namespace parapet::inline PARAPET_ABI::io
