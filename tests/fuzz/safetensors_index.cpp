// The index of a model in several files. A name in it has no folder.
#include "fuzz/target.hpp"

#include <parapet/io/mapped_safetensors.hpp>

FUZZ_TARGET(safetensors_index) {
  for (auto const& [name, file] : parapet::io::parse_safetensors_index(fuzz::text_of(bytes), "fuzz")) {
    fuzz::require(!file.empty() && file.find('/') == file.npos && file.find('\0') == file.npos && file != "..");
    fuzz::touch(name.data(), static_cast<parapet::index_t>(name.size()));
  }
}
