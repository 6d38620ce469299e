// Files: read at an offset, mapped, or written so that a reader never meets half of one. POSIX.
//
// An atomic_file collects its bytes in a temporary file of the same folder, brings them to the disk and only then takes
// the place of the target by rename(2). A crash leaves the old file or the new one, and at worst a stray ".parapet-*".
// Every failure is an io_error that starts with the path and ends with the system's reason.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/core/tensor_view.hpp>
#include <parapet/io/text.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace parapet::inline PARAPET_ABI::io {
namespace detail {

[[noreturn]] inline void throw_system_error(std::string_view path, std::string_view what, int code) {
  throw io_error(concat(path, ": ", what, ": ", std::generic_category().message(code)));
}

/// An open file, closed at the end of its life.
class descriptor {
public:
  descriptor() = default;
  explicit descriptor(int number) : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

private:
  int number_ = -1;
};

/// The size of an open file now.
inline index_t file_size(descriptor const& file, std::string_view path) {
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw_system_error(path, "cannot be measured", errno);
  return static_cast<index_t>(status.st_size);
}

/// The folder of a path, with its slash; empty for a plain name.
inline std::string folder_of(std::string const& path) {
  std::size_t const slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash + 1);
}

/// Brings the names in a folder to the disk; a file system that cannot sync a folder still has complete files.
inline void sync_folder(std::string const& folder) {
  descriptor const it(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (it.number() >= 0) static_cast<void>(::fsync(it.number()));
}

/// read(2) and write(2) take at most this many bytes at once.
inline constexpr index_t largest_transfer = index_t{1} << 30;

}  // namespace detail

/// A regular file that is open for reading; its size is the size at opening.
class file_reader {
public:
  explicit file_reader(std::string path) : path_(std::move(path)) {
    // Not blocking, or the name of a pipe in a folder of weights would stop the program here.
    file_ = detail::descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (file_.number() < 0 || ::fstat(file_.number(), &status) != 0) detail::throw_system_error(path_, "cannot open", errno);
    if (!S_ISREG(status.st_mode)) throw io_error(path_ + ": not a regular file");
    size_ = static_cast<index_t>(status.st_size);
  }

  std::string const& path() const { return path_; }
  index_t size() const { return size_; }
  int number() const { return file_.number(); }
  index_t current_size() const { return detail::file_size(file_, path_); }

  /// Reads exactly `bytes` bytes from `offset` on; throws where the file ends before.
  void read(index_t offset, void* into, index_t bytes) const {
    auto* to = static_cast<char*>(into);
    while (bytes > 0) {
      auto const want = static_cast<std::size_t>(bytes < detail::largest_transfer ? bytes : detail::largest_transfer);
      ssize_t const got = ::pread(file_.number(), to, want, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) detail::throw_system_error(path_, detail::concat("cannot read at byte ", offset), errno);
      if (got == 0) throw io_error(detail::concat(path_, ": ends at byte ", offset, ", ", bytes, " bytes too early"));
      to += got, offset += got, bytes -= got;
    }
  }

private:
  std::string path_;
  detail::descriptor file_;
  index_t size_ = 0;
};

/// The bytes of a file of at most `max_bytes`.
inline std::string read_file(std::string path, index_t max_bytes = index_t{1} << 30) {
  file_reader const file(std::move(path));
  if (file.size() > max_bytes)
    throw io_error(detail::concat(file.path(), ": has ", file.size(), " bytes, more than the limit of ", max_bytes));
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, bytes.data(), file.size());
  return bytes;
}

/// A file as read-only memory that is loaded when it is touched. A file that another program shortens meanwhile ends the
/// process with SIGBUS: map only files that nobody writes to, and read the others.
class mapped_file {
public:
  explicit mapped_file(std::string path) : file_(std::move(path)) {
    if (file_.size() == 0) return;  // mmap takes no empty file
    void* const memory = ::mmap(nullptr, static_cast<std::size_t>(file_.size()), PROT_READ, MAP_PRIVATE, file_.number(), 0);
    if (memory == MAP_FAILED) detail::throw_system_error(file_.path(), "cannot be mapped", errno);
    data_ = static_cast<unsigned char const*>(memory);
  }
  mapped_file(mapped_file&& other) noexcept : file_(std::move(other.file_)), data_(std::exchange(other.data_, nullptr)) {}
  mapped_file& operator=(mapped_file&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~mapped_file() {
    if (data_ != nullptr) ::munmap(memory(), static_cast<std::size_t>(file_.size()));
  }

  std::string const& path() const { return file_.path(); }
  vector_view<unsigned char const> bytes() const { return {data_, extents{file_.size()}}; }

  /// Throws where the file no longer has the size with which it was mapped.
  void check_size() const {
    if (index_t const now = file_.current_size(); now != file_.size())
      throw io_error(detail::concat(path(), ": had ", file_.size(), " bytes when it was mapped, and has ", now, " now"));
  }

  /// Tells the system that the bytes will be read from front to back, so that it reads far ahead.
  void expect_sequential() const {
    if (data_ != nullptr) ::madvise(memory(), static_cast<std::size_t>(file_.size()), MADV_SEQUENTIAL);
  }

  /// Takes the pages of bytes [begin, end) out of the process's memory; they are loaded again when they are touched.
  void forget(index_t begin, index_t end) const {
    index_t const page = static_cast<index_t>(::sysconf(_SC_PAGESIZE));
    begin -= begin % page;
    if (begin < end) ::madvise(memory() + begin, static_cast<std::size_t>(end - begin), MADV_DONTNEED);
  }

private:
  unsigned char* memory() const { return const_cast<unsigned char*>(data_); }  // the system's calls take no const

  file_reader file_;
  unsigned char const* data_ = nullptr;
};

/// A file that appears under its name complete, at commit(), or not at all.
class atomic_file {
public:
  /// Throws where `path` names something other than a file, or its folder takes no new file.
  explicit atomic_file(std::string path) : path_(std::move(path)), target_(path_) {
    mode_t mode = 0666;  // less the umask
    struct stat status {};
    if (::lstat(path_.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
      char* const resolved = ::realpath(path_.c_str(), nullptr);  // what a link points to is replaced, not the link
      if (resolved == nullptr) detail::throw_system_error(path_, "cannot follow the link", errno);
      target_ = resolved;
      std::free(resolved);
    }
    bool const exists = ::stat(target_.c_str(), &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) throw io_error(path_ + ": exists and is not a regular file");
    if (exists) mode = status.st_mode & 0777;

    folder_ = detail::folder_of(target_);
    for (int attempt = 0; attempt < 10000 && file_.number() < 0; ++attempt) {
      temporary_ = detail::concat(folder_, ".parapet-", ::getpid(), "-", attempt);
      file_ = detail::descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
      if (file_.number() < 0 && errno != EEXIST) break;
    }
    if (file_.number() < 0) {
      temporary_.clear();
      detail::throw_system_error(path_, "cannot create a file in its folder", errno);
    }
    if (exists) static_cast<void>(::fchmod(file_.number(), mode));
  }
  atomic_file(atomic_file const&) = delete;
  ~atomic_file() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  std::string const& path() const { return path_; }
  /// Where the bytes are until commit(), for a library that opens files by name.
  std::string const& temporary() const { return temporary_; }

  void write(void const* data, index_t bytes) {
    auto const* from = static_cast<char const*>(data);
    while (bytes > 0) {
      auto const want = static_cast<std::size_t>(bytes < detail::largest_transfer ? bytes : detail::largest_transfer);
      ssize_t const put = ::write(file_.number(), from, want);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) detail::throw_system_error(path_, "cannot write", errno);
      from += put, bytes -= put;
    }
  }
  void write(std::string_view text) { write(text.data(), static_cast<index_t>(text.size())); }

  /// Bytes written so far, by whoever opened temporary().
  index_t size() const { return detail::file_size(file_, path_); }

  /// Brings the bytes to the disk and puts them under the path. Nothing may be written afterwards.
  void commit() {
    if (::fsync(file_.number()) != 0) detail::throw_system_error(path_, "cannot bring to the disk", errno);
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) detail::throw_system_error(path_, "cannot replace", errno);
    temporary_.clear();
    detail::sync_folder(folder_);
  }

private:
  std::string path_, target_, folder_, temporary_;
  detail::descriptor file_;
};

/// Writes a whole file at once.
inline void write_file(std::string path, std::string_view bytes) {
  atomic_file file(std::move(path));
  file.write(bytes);
  file.commit();
}

}  // namespace parapet::inline PARAPET_ABI::io
