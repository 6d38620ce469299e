// Weights that are too many to copy: a safetensors file as memory, and a model that is spread over several files.
//
//     io::mapped_safetensors const weights("model.safetensors");
//     for (const_tensor_ref const& tensor : weights.tensors()) ...   // points into the file
//
// The arrays are where the file has them, so each must lie at a multiple of its element size; the format does not
// promise that. A mapped file must not change while it is mapped (io/file.hpp).
//
// Several files come with an index, {"metadata": ..., "weight_map": {"array": "file", ...}}. Names of files in it are
// plain: no folder, so an index cannot reach outside of its own.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/safetensors.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// What to do with an array that does not lie at a multiple of its element size.
enum class misaligned { refuse, copy };

/// Views of the arrays of one file, in the order of the file; valid while this lives.
class mapped_safetensors {
public:
  explicit mapped_safetensors(std::string path, safetensors_limits const& limits = {}, misaligned policy = misaligned::refuse)
      : file_(std::move(path)), copies_(file_.path()) {
    vector_view<unsigned char const> const bytes = file_.bytes();
    detail::check_has_prefix(bytes.size(), file_.path());
    index_t const length = detail::parse_safetensors_prefix(bytes.data(), bytes.size(), file_.path(), limits);
    auto const* const text = reinterpret_cast<char const*>(bytes.data() + detail::safetensors_prefix);
    safetensors_layout layout =
        detail::parse_safetensors_header({text, static_cast<std::size_t>(length)}, bytes.size(), file_.path(), limits);
    metadata_ = std::move(layout.metadata);
    for (safetensors_entry& entry : layout.entries) {
      const_tensor_ref tensor{std::move(entry.name), entry.type, std::move(entry.shape), bytes.data() + entry.begin};
      if (entry.begin % size_of(entry.type) != 0) {  // a mapping starts at a page
        if (policy == misaligned::refuse)
          throw io_error(detail::concat(file_.path(), ": array ", detail::printable(tensor.name), " of type ",
                                        name_of(entry.type), " starts at byte ", entry.begin,
                                        " and cannot be used in place: read_safetensors copies it"));
        tensor_ref const copy = copies_.add(tensor.name, tensor.type, tensor.shape);
        std::memcpy(copy.data, tensor.data, static_cast<std::size_t>(entry.end - entry.begin));
        tensor.data = copy.data;
      }
      detail::check_booleans(file_.path(), tensor);
      tensors_.push_back(std::move(tensor));
    }
  }

  mapped_file const& file() const { return file_; }
  std::string const& path() const { return file_.path(); }
  std::vector<const_tensor_ref> const& tensors() const { return tensors_; }
  std::map<std::string, std::string> const& metadata() const { return metadata_; }
  /// Takes the pages of an array of this file out of the process's memory; they are loaded again when they are touched.
  void forget(const_tensor_ref const& tensor) const {
    auto const address = [](unsigned char const* p) { return reinterpret_cast<std::uintptr_t>(p); };
    std::uintptr_t const first = address(file_.bytes().data()), begin = address(tensor.data);
    if (begin < first || begin - first >= static_cast<std::uintptr_t>(file_.bytes().size())) return;  // a copy
    auto const offset = static_cast<index_t>(begin - first);
    file_.forget(offset, offset + tensor.bytes());
  }
  /// Bytes that had to be copied: 0 where misaligned arrays are refused.
  index_t copied_bytes() const {
    index_t bytes = 0;
    for (tensor_ref const& copy : copies_.tensors()) bytes += copy.bytes();
    return bytes;
  }

private:
  mapped_file file_;
  std::vector<const_tensor_ref> tensors_;
  std::map<std::string, std::string> metadata_;
  tensor_archive copies_;
};

/// The file of each array, out of the text of "model.safetensors.index.json"; `source` names it in messages. Throws
/// io_error for a file name that is not plain.
inline std::map<std::string, std::string> parse_safetensors_index(std::string_view text, std::string source,
                                                                  json_limits const& limits = {}) {
  json_value const root = parse_json(text, std::move(source), limits);
  json_value const& map = root.at("weight_map");
  std::map<std::string, std::string> files;
  for (std::size_t i = 0; i < map.keys().size(); ++i) {
    std::string const& file = map.items()[i].string();
    if (!detail::is_plain_file_name(file)) map.items()[i].fail(detail::printable(file) + " is not the plain name of a file");
    files[map.keys()[i]] = file;
  }
  return files;
}

/// The same out of a file.
inline std::map<std::string, std::string> read_safetensors_index(std::string const& path, json_limits const& limits = {}) {
  return parse_safetensors_index(read_file(path), path, limits);
}

namespace detail {

/// Throws unless a shard holds just the arrays that the index finds in it. `path` is where the shard is.
inline void check_shard(std::vector<std::string_view> names, std::string const& shard, std::string const& path,
                        std::map<std::string, std::string> const& index, std::string const& index_path) {
  for (std::string_view const name : names) {
    auto const found = index.find(std::string(name));
    if (found == index.end()) throw io_error(concat(path, ": array ", printable(name), " is not in ", index_path));
    if (found->second != shard)
      throw io_error(concat(path, ": array ", printable(name), " is here, but ", index_path, " finds it in ", found->second));
  }
  std::sort(names.begin(), names.end());
  for (auto const& [name, file] : index)
    if (file == shard && !std::binary_search(names.begin(), names.end(), name))
      throw io_error(concat(path, ": has no array ", printable(name), ", but ", index_path, " finds it here"));
}

}  // namespace detail

/// Every array of a model that is spread over the files of an index, each of which must hold just what the index says.
inline tensor_archive read_sharded_safetensors(std::string const& index_path, safetensors_limits const& limits = {}) {
  std::map<std::string, std::string> const files = read_safetensors_index(index_path, limits.json);
  std::set<std::string> shards;
  for (auto const& [name, file] : files) shards.insert(file);

  tensor_archive archive(index_path);
  for (std::string const& shard : shards) {
    safetensors_reader const reader(detail::folder_of(index_path) + shard, limits);
    std::vector<std::string_view> names;
    for (safetensors_entry const& entry : reader.layout().entries) names.push_back(entry.name);
    detail::check_shard(std::move(names), shard, reader.path(), files, index_path);
    reader.read(archive);
  }
  return archive;
}

}  // namespace parapet::inline PARAPET_ABI::io
