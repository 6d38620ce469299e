// The fields of one object of a settings file, each asked for by name, with the path to it for messages.
//
//     json_fields f(value, "model");  bool const fuse = f.boolean("fuse_unk", false);  f.finish();   // throws for a key that nobody asked for
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/text.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::guard {

class json_fields {
public:
  json_fields(io::json_value const& object, std::string path) : object_(&object), path_(std::move(path)), known_(0) {
    if (object.type() != io::json_value::kind::object) fail(object, path_, "an object is expected");
    known_.resize(object.keys().size());
  }

  std::string const& path() const { return path_; }
  std::string path_of(std::string_view key) const { return path_.empty() ? std::string(key) : parapet::detail::concat(path_, ".", key); }

  /// The value under `key`, or null if there is none or it is null.
  io::json_value const* find(std::string_view key) {
    auto const& keys = object_->keys();
    auto const found = std::find(keys.begin(), keys.end(), key);
    if (found == keys.end()) return nullptr;
    auto const k = static_cast<std::size_t>(found - keys.begin());
    known_[k] = true;
    io::json_value const& value = object_->items()[k];
    return value.type() == io::json_value::kind::null ? nullptr : &value;
  }
  io::json_value const& at(std::string_view key) {
    if (io::json_value const* value = find(key)) return *value;
    fail(*object_, path_of(key), "is missing");
  }

  bool boolean(std::string_view key) { return expect(at(key), key, io::json_value::kind::boolean, "true or false").boolean(); }
  bool boolean(std::string_view key, bool otherwise) { return find(key) == nullptr ? otherwise : boolean(key); }
  std::string const& string(std::string_view key) { return expect(at(key), key, io::json_value::kind::string, "a string").string(); }
  std::string string(std::string_view key, std::string_view otherwise) { return find(key) == nullptr ? std::string(otherwise) : string(key); }
  std::vector<io::json_value> const& array(std::string_view key) { return expect(at(key), key, io::json_value::kind::array, "an array").items(); }
  /// An integer in [least, most].
  index_t integer(std::string_view key, index_t least, index_t most) {
    index_t const value = expect(at(key), key, io::json_value::kind::number, "an integer").integer();
    if (value < least || value > most) fail(key, parapet::detail::concat("is ", value, ", not in [", least, ", ", most, "]"));
    return value;
  }

  [[noreturn]] void fail(std::string_view key, std::string_view message) {
    io::json_value const* value = find(key);
    fail(value != nullptr ? *value : *object_, path_of(key), message);
  }
  [[noreturn]] static void fail(io::json_value const& value, std::string_view path, std::string_view message) {
    value.fail(parapet::detail::concat(path.empty() ? std::string_view("the file") : path, ": ", message));
  }

  /// Throws for the first key that nobody asked for: what it means is not done.
  void finish() const {
    for (std::size_t k = 0; k < known_.size(); ++k)
      if (!known_[k]) fail(object_->items()[k], path_, parapet::detail::concat("the field ", io::detail::printable(object_->keys()[k]), " is not known"));
  }

private:
  io::json_value const& expect(io::json_value const& value, std::string_view key, io::json_value::kind kind, std::string_view what) const {
    if (value.type() != kind) fail(value, path_of(key), parapet::detail::concat(what, " is expected"));
    return value;
  }

  io::json_value const* object_;
  std::string path_;
  std::vector<bool> known_;
};

/// Calls read(element, "path[k]") for each element of an array.
template <class Read>
void for_each_element(std::vector<io::json_value> const& elements, std::string const& path, Read read) {
  for (std::size_t k = 0; k < elements.size(); ++k) read(elements[k], parapet::detail::concat(path, "[", k, "]"));
}

}  // namespace parapet::inline PARAPET_ABI::guard
