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

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// Views of the arrays of one file; valid while this lives.
class mapped_safetensors {
public:
  explicit mapped_safetensors(std::string path, safetensors_limits const& limits = {}) : file_(std::move(path)) {
    vector_view<unsigned char const> const bytes = file_.bytes();
    detail::check_has_prefix(bytes.size(), file_.path());
    index_t const length = detail::parse_safetensors_prefix(bytes.data(), bytes.size(), file_.path(), limits);
    auto const* const text = reinterpret_cast<char const*>(bytes.data() + detail::safetensors_prefix);
    safetensors_layout layout =
        detail::parse_safetensors_header({text, static_cast<std::size_t>(length)}, bytes.size(), file_.path(), limits);
    metadata_ = std::move(layout.metadata);
    for (safetensors_entry& entry : layout.entries) {
      if (entry.begin % size_of(entry.type) != 0)  // a mapping starts at a page
        throw io_error(detail::concat(file_.path(), ": array ", detail::printable(entry.name), " of type ",
                                      name_of(entry.type), " starts at byte ", entry.begin,
                                      " and cannot be used in place: read_safetensors copies it"));
      tensors_.push_back({std::move(entry.name), entry.type, std::move(entry.shape), bytes.data() + entry.begin});
      detail::check_booleans(file_.path(), tensors_.back());
    }
  }

  std::string const& path() const { return file_.path(); }
  std::vector<const_tensor_ref> const& tensors() const { return tensors_; }
  std::map<std::string, std::string> const& metadata() const { return metadata_; }

private:
  mapped_file file_;
  std::vector<const_tensor_ref> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// Reads "model.safetensors.index.json": the file of each array. Throws io_error for a file name that is not plain.
inline std::map<std::string, std::string> read_safetensors_index(std::string const& path, json_limits const& limits = {}) {
  json_value const root = parse_json(read_file(path), path, limits);
  json_value const& map = root.at("weight_map");
  std::map<std::string, std::string> files;
  for (std::size_t i = 0; i < map.keys().size(); ++i) {
    std::string const& file = map.items()[i].string();
    if (!detail::is_plain_file_name(file)) map.items()[i].fail(detail::printable(file) + " is not the plain name of a file");
    files[map.keys()[i]] = file;
  }
  return files;
}

/// Every array of a model that is spread over the files of an index, which must hold just what the index says.
inline tensor_archive read_sharded_safetensors(std::string const& index_path, safetensors_limits const& limits = {}) {
  std::map<std::string, std::string> const files = read_safetensors_index(index_path, limits.json);
  std::set<std::string> shards;
  for (auto const& [name, file] : files) shards.insert(file);

  std::size_t const slash = index_path.rfind('/');
  std::string const folder = slash == index_path.npos ? "" : index_path.substr(0, slash + 1);
  tensor_archive archive(index_path);
  std::size_t read = 0;
  for (std::string const& shard : shards) {
    safetensors_reader const reader(folder + shard, limits);
    for (safetensors_entry const& entry : reader.layout().entries) {
      auto const found = files.find(entry.name);
      if (found == files.end() || found->second != shard)
        throw io_error(
            detail::concat(reader.path(), ": array ", detail::printable(entry.name), " is not here in ", index_path));
      ++read;
    }
    reader.read(archive);
  }
  if (read != files.size())
    for (auto const& [name, file] : files)
      if (!archive.contains(name))
        throw io_error(
            detail::concat(folder, file, ": has no array ", detail::printable(name), ", which is in ", index_path));
  return archive;
}

}  // namespace parapet::inline PARAPET_ABI::io
