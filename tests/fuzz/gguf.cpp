// A GGUF file: every setting is walked through, every array lies inside the file behind the one before.
#include "fuzz/target.hpp"

#include <parapet/io/gguf.hpp>

#include <cstring>
#include <vector>

using parapet::index_t;
using parapet::io::gguf_type;
using parapet::io::gguf_value;

static void use(gguf_value const& value) {
  if (value.type() == gguf_type::array) {
    for (gguf_value const& item : value.items()) use(item);
  } else if (value.type() == gguf_type::string) {
    fuzz::touch(value.string().data(), static_cast<index_t>(value.string().size()));
  } else if (value.type() == gguf_type::boolean) {
    fuzz::sink = value.boolean();
  } else {
    fuzz::sink = value.number() > 0;
  }
}

FUZZ_TARGET(gguf) {
  auto const layout = parapet::io::parse_gguf(bytes, "fuzz", {.max_values = 1000});
  for (auto const& [key, value] : layout.values) use(value);
  index_t end = 0;
  for (auto const& tensor : layout.tensors) {
    fuzz::require(tensor.begin >= end && tensor.begin % 8 == 0 && tensor.end >= tensor.begin);
    end = tensor.end;
    if (tensor.begin == tensor.end) continue;
    fuzz::require(tensor.end <= bytes.size());
    if (tensor.type) continue;
    std::vector<parapet::io::q8_0_block> blocks(static_cast<std::size_t>((end - tensor.begin) / index_t{sizeof(parapet::io::q8_0_block)}));
    std::memcpy(blocks.data(), bytes.data() + tensor.begin, blocks.size() * sizeof blocks[0]);  // the input need not be aligned
    std::vector<float> values(blocks.size() * 32);
    parapet::io::dequantize({blocks.data(), parapet::extents<1>{static_cast<index_t>(blocks.size())}}, values.data());
    fuzz::touch(values.data(), static_cast<index_t>(values.size() * sizeof(float)));
  }
}
