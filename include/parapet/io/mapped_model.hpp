// The weights of a published model as arrays by name, in the memory of its files: nothing is read before it is used.
//
//     io::mapped_model const model("WildGuard");   // model.safetensors, or the shards of model.safetensors.index.json
//     matrix_view<float const> const w = model.view<float, 2>("model.norm.weight");
//
// The whole layout is checked when the model is opened: every shard that the index names is there, and holds just the
// arrays that the index finds in it, so that no array is missing or in two files. The layout of a folder is that of
// https://huggingface.co/docs/safetensors. Arrays that are not aligned (old files have them) are copied.
//
// The pages of an array that has been converted can be given back at once:
//
//     model.expect_sequential();
//     for (const_tensor_ref const& tensor : model.tensors()) convert(tensor), model.forget(tensor);
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/mapped_safetensors.hpp>
#include <parapet/io/safetensors.hpp>
#include <parapet/io/text.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

/// Views of the arrays of a model in one or several files; valid while this lives.
class mapped_model {
public:
  /// `path` is a folder, a safetensors file, or an index (".json"). Throws io_error, with file and array, for what is
  /// missing, broken, or not as the index says.
  explicit mapped_model(std::string path, safetensors_limits const& limits = {}) : path_(std::move(path)) {
    std::string const file = file_to_open();
    if (!file.ends_with(".json")) {
      files_.emplace_back(file, limits, misaligned::copy);
    } else {
      std::map<std::string, std::string> const index = read_safetensors_index(file, limits.json);
      std::map<std::string, std::size_t> shards;
      for (auto const& [name, shard] : index) shards[shard] = 0;
      for (auto const& [shard, unused] : shards) {
        mapped_safetensors const& opened = files_.emplace_back(detail::folder_of(file) + shard, limits, misaligned::copy);
        std::vector<std::string_view> names;
        for (const_tensor_ref const& tensor : opened.tensors()) names.push_back(tensor.name);
        detail::check_shard(std::move(names), shard, opened.path(), index, file);
      }
    }
    for (std::size_t k = 0; k < files_.size(); ++k)
      for (const_tensor_ref const& tensor : files_[k].tensors()) {
        place_[tensor.name] = {k, tensors_.size()};
        tensors_.push_back(tensor);
      }
  }

  std::string const& path() const { return path_; }
  std::vector<mapped_safetensors> const& files() const { return files_; }
  /// All arrays, file by file in the order of the bytes.
  std::vector<const_tensor_ref> const& tensors() const { return tensors_; }
  bool contains(std::string_view name) const { return place_.find(name) != place_.end(); }

  /// The array `name`. Throws io_error where there is none, or where its file has been cut or has grown since.
  const_tensor_ref const& at(std::string_view name) const {
    place const found = find(name);
    files_[found.file].file().check_size();
    return tensors_[found.tensor];
  }
  /// The array `name` as a view of T with Rank axes; throws io_error, too, where its type or rank differs.
  template <class T, int Rank>
  tensor_view<T const, Rank> view(std::string_view name) const {
    return view_of<T, Rank>(at(name), file_of(name));
  }
  /// The path of the file that holds the array `name`, for messages.
  std::string const& file_of(std::string_view name) const { return files_[find(name).file].path(); }

  /// Says that the arrays will be read one after the other, so that the system reads ahead.
  void expect_sequential() const {
    for (mapped_safetensors const& file : files_) file.file().expect_sequential();
  }
  /// Takes the pages of an array out of the process's memory; they are loaded again when they are touched.
  void forget(const_tensor_ref const& tensor) const { files_[find(tensor.name).file].forget(tensor); }

private:
  struct place {
    std::size_t file, tensor;
  };

  std::string file_to_open() const {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0) detail::throw_system_error(path_, "cannot open", errno);
    if (!S_ISDIR(status.st_mode)) return path_;
    for (char const* name : {"model.safetensors", "model.safetensors.index.json"})
      if (std::string const file = path_ + '/' + name; ::access(file.c_str(), F_OK) == 0) return file;
    throw io_error(path_ + ": has neither model.safetensors nor model.safetensors.index.json");
  }

  place find(std::string_view name) const {
    if (auto const found = place_.find(name); found != place_.end()) return found->second;
    throw io_error(detail::concat(path_, ": none of the ", tensors_.size(), " arrays is named ", detail::printable(name)));
  }

  std::string path_;
  std::vector<mapped_safetensors> files_;
  std::vector<const_tensor_ref> tensors_;
  std::map<std::string, place, std::less<>> place_;
};

}  // namespace parapet::inline PARAPET_ABI::io
