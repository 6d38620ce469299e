// Checkpoints: the arrays of an object in one safetensors file, and back, all of them or none.
//
//     io::save_checkpoint("run.safetensors", learner);
//     io::load_checkpoint("run.safetensors", learner);
//
// The object tells by `tensors()` what it is made of (named arrays that it owns; const_tensor_ref from a const object,
// tensor_ref from any other) and by `metadata()` what must be the same for its numbers to make sense: hyper-parameters,
// data hash. Loading compares metadata, names, types and shapes, and reads the whole file, before it writes to the
// object.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/named_tensor.hpp>
#include <parapet/io/safetensors.hpp>

#include <concepts>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace parapet::inline PARAPET_ABI::io {

template <class Object>
concept has_const_tensors = requires(Object const& object) {
  { object.tensors() } -> std::same_as<std::vector<const_tensor_ref>>;
};
template <class Object>
concept has_tensors = requires(Object& object) {
  { object.tensors() } -> std::same_as<std::vector<tensor_ref>>;
};
template <class Object>
concept has_metadata = requires(Object const& object) {
  { object.metadata() } -> std::same_as<std::map<std::string, std::string>>;
};

/// What save_checkpoint and load_checkpoint take.
template <class Object>
concept checkpointable = has_const_tensors<Object> && has_tensors<Object> && has_metadata<Object>;

/// Says in words what a type lacks to be checkpointable.
template <class Object>
consteval bool check_checkpointable() {
  static_assert(
      has_const_tensors<Object>,
      "A checkpoint needs 'std::vector<const_tensor_ref> tensors() const': the named arrays to save - see docs/io.md");
  static_assert(
      has_tensors<Object>,
      "A checkpoint needs 'std::vector<tensor_ref> tensors()': where the named arrays are loaded to - see docs/io.md");
  static_assert(has_metadata<Object>,
                "A checkpoint needs 'std::map<std::string, std::string> metadata() const': settings that must agree - see "
                "docs/io.md");
  return checkpointable<Object>;
}

namespace detail {

/// Throws io_error at the first declared entry that the file lacks or has otherwise.
inline void check_metadata(std::string const& path, std::map<std::string, std::string> const& declared,
                           std::map<std::string, std::string> const& found) {
  for (auto const& [key, value] : declared) {
    auto const entry = found.find(key);
    if (entry == found.end())
      throw io_error(concat(path, ": has no metadata '", key, "', expected '", value, "'"));
    if (entry->second != value)
      throw io_error(concat(path, ": metadata '", key, "' is ", printable(entry->second), ", expected '", value, "'"));
  }
}

/// Throws io_error unless the file holds the arrays of `wanted`, no more and no fewer.
inline void check_tensors(safetensors_reader const& file, std::vector<tensor_ref> const& wanted) {
  std::map<std::string_view, safetensors_entry const*> entries;
  for (safetensors_entry const& entry : file.layout().entries) entries[entry.name] = &entry;
  for (tensor_ref const& tensor : wanted) {
    auto const found = entries.find(tensor.name);
    if (found == entries.end()) throw io_error(concat(file.path(), ": has no array '", tensor.name, "'"));
    safetensors_entry const& entry = *found->second;
    if (entry.type != tensor.type || entry.shape != tensor.shape)
      throw io_error(concat(file.path(), ": array '", tensor.name, "' is ", name_of(entry.type), " ",
                            shape_text(entry.shape), ", expected ", name_of(tensor.type), " ", shape_text(tensor.shape)));
    entries.erase(found);
  }
  if (!entries.empty())
    throw io_error(concat(file.path(), ": has the array ", printable(entries.begin()->first), ", which is not expected"));
}

}  // namespace detail

/// Writes the object's arrays and metadata; the file under `path` is the old one until the new one is complete.
template <class Object>
void save_checkpoint(std::string const& path, Object const& object) {
  static_assert(check_checkpointable<Object>());
  write_safetensors(path, object.tensors(), object.metadata());
}

/// Fills the object's arrays from a file that matches it in every array and every entry of its metadata, and returns all
/// metadata of the file. Throws io_error, with file and array, and leaves the object as it was where something differs.
template <class Object>
std::map<std::string, std::string> load_checkpoint(std::string const& path, Object& object,
                                                   safetensors_limits const& limits = {}) {
  static_assert(check_checkpointable<Object>());
  safetensors_reader const file(path, limits);
  std::vector<tensor_ref> const tensors = object.tensors();
  detail::check_metadata(path, object.metadata(), file.layout().metadata);
  detail::check_tensors(file, tensors);
  tensor_archive archive(path);
  file.read(archive);
  for (tensor_ref const& tensor : tensors)
    if (tensor.bytes() != 0)
      std::memcpy(tensor.data, archive.at(tensor.name).data, static_cast<std::size_t>(tensor.bytes()));
  return file.layout().metadata;
}

}  // namespace parapet::inline PARAPET_ABI::io
