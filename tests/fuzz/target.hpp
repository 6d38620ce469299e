// One reader under hostile bytes. A file of this folder is
//
//     FUZZ_TARGET(json) { ... read `bytes` and use what was read ... }
//
// The reader may throw io_error. Any other exception, an abort, an overread or an undefined operation is a finding.
//
// cmake/fuzz.cmake builds each file as a libFuzzer program with sanitizers. In test_fuzz each is a test case: the seeds of
// corpus/<name> and some thousand mutations of them, so that no target falls behind its reader.
#pragma once

#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

using bytes_view = parapet::vector_view<unsigned char const>;

inline std::string_view text_of(bytes_view const& bytes) {
  return {reinterpret_cast<char const*>(bytes.data()), static_cast<std::size_t>(bytes.size())};
}

/// What must hold of everything that a reader accepts.
inline void require(bool holds) {
  if (!holds) std::abort();
}

inline unsigned volatile sink;

/// Reads bytes, so that a sanitizer sees it.
inline void touch(void const* data, parapet::index_t size) {
  auto const* bytes = static_cast<unsigned char const*>(data);
  unsigned sum = 0;
  for (parapet::index_t i = 0; i < size; ++i) sum += bytes[i];
  sink = sum;
}

/// A file and a text that it is to encode, from one input: the last byte says how many before it are the text. Each in memory of its
/// own, where a sanitizer sees a read behind the end.
class file_and_text {
public:
  explicit file_and_text(bytes_view const& bytes) {
    std::string_view all = text_of(bytes);
    if (all.empty()) return;
    std::size_t const length = std::min<std::size_t>(static_cast<unsigned char>(all.back()), all.size() - 1);
    all.remove_suffix(1);
    text_.assign(all.end() - static_cast<std::ptrdiff_t>(length), all.end());
    file_.assign(all.begin(), all.end() - static_cast<std::ptrdiff_t>(length));
  }
  std::string_view file() const { return {file_.data(), file_.size()}; }
  std::string_view text() const { return {text_.data(), text_.size()}; }

private:
  std::vector<char> file_, text_;
};

/// A file in memory with a name, for readers that open theirs.
class memory_file {
public:
  explicit memory_file(std::string_view bytes) : number_(::memfd_create("fuzz", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(number_)) {
    require(::write(number_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  memory_file(memory_file const&) = delete;
  ~memory_file() { ::close(number_); }
  std::string const& path() const { return path_; }

private:
  int number_;
  std::string path_;
};

/// Whether the target took the bytes.
template <class Target>
bool accepts(Target target, bytes_view const& bytes) {
  try {
    target(bytes);
    return true;
  } catch (parapet::io_error const&) {
    return false;
  }
}

}  // namespace fuzz

#if defined(FUZZ_WITH_LIBFUZZER)

#define FUZZ_TARGET(name)                                                                         \
  static void read_##name(fuzz::bytes_view const& bytes);                                         \
  extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {            \
    fuzz::accepts(read_##name, {data, parapet::extents<1>{static_cast<parapet::index_t>(size)}}); \
    return 0;                                                                                     \
  }                                                                                               \
  static void read_##name([[maybe_unused]] fuzz::bytes_view const& bytes)

#else

#include "support/mutate.hpp"

#include <parapet/io/file.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

namespace fuzz {

template <class Target>
void run_over_corpus(char const* name, Target target) {
  long seeds = 0, taken = 0, mutations_taken = 0;
  for (auto const& entry : std::filesystem::directory_iterator(std::string("fuzz/corpus/") + name)) {
    CAPTURE(entry.path().string());
    std::string const bytes = parapet::io::read_file(entry.path().string());
    taken += accepts(target, support::bytes_of(bytes));
    for (std::uint64_t mutation = 0; mutation < 1000; ++mutation)
      mutations_taken += accepts(target, support::bytes_of(support::mutate(bytes, mutation)));
    ++seeds;
  }
  CHECK(taken > 0);
  CHECK(mutations_taken > 0);
  CHECK(mutations_taken < 1000 * seeds);
}

}  // namespace fuzz

#define FUZZ_TARGET(name)                                          \
  static void read_##name(fuzz::bytes_view const& bytes);          \
  TEST_CASE("fuzz: " #name) { fuzz::run_over_corpus(#name, read_##name); } \
  static void read_##name([[maybe_unused]] fuzz::bytes_view const& bytes)

#endif
