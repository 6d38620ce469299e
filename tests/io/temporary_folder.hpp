// A folder of its own for a test, removed with all that is in it at the end.
#pragma once

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace support {

class temporary_folder {
public:
  temporary_folder() : path_((std::filesystem::temp_directory_path() / "parapet-test-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no folder for temporary files");
  }
  temporary_folder(temporary_folder const&) = delete;
  ~temporary_folder() { std::filesystem::remove_all(path_); }

  std::string operator/(std::string const& name) const { return path_ + '/' + name; }
  std::string const& path() const { return path_; }
  /// Number of files and folders in it.
  long count() const { return std::distance(std::filesystem::directory_iterator(path_), {}); }

private:
  std::string path_;
};

/// Writes a file without waiting for the disk, as io::write_file does.
inline void write_quickly(std::string const& path, std::string const& bytes) {
  std::filesystem::remove(path);  // some file systems wait where a file is overwritten in place
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Runs `f` with files of this process limited to `bytes`, as on a disk that is full.
template <class F>
void with_full_disk(long bytes, F f) {
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  auto const handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit const small{static_cast<rlim_t>(bytes), old.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  f();
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
}

}  // namespace support
