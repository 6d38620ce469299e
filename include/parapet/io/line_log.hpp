// A file that lines are appended to: after a crash each line is there whole or not at all, and none that append() returned from is missing.
//
// A line is one write(2) to a file opened with O_APPEND. Linux may end such a write between two pages when the process is killed, so an
// unfinished last line is cut off at the next opening: nobody was told that it is there. What a line survives is the caller's choice:
//
//     line_durability::process   the death of the process (kill -9): the kernel has the bytes
//     line_durability::disk      the loss of power too: fdatasync(2) before append() returns, one for all threads that wait meanwhile
//
// The file is locked (flock) for the life of the object: one process writes to it. Threads may share the object. POSIX.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/io/file.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace parapet::inline PARAPET_ABI::io {

enum class line_durability { process, disk };

struct line_log_options {
  line_durability durability = line_durability::process;
  index_t rotate_bytes = std::numeric_limits<index_t>::max();  ///< a file that would grow beyond is renamed to path.1, path.2, ... and a new one begun
  unsigned mode = 0600;                                        ///< of a new file
};

class line_log {
public:
  /// Opens or creates `path`, and cuts off what follows its last line end. Throws io_error, also where another process has it open.
  explicit line_log(std::string path, line_log_options options = {}) : path_(std::move(path)), options_(options) { open(); }

  /// Appends `line` and a line end; when it returns, the line is as durable as the options say. Throws argument_error for a line that has a
  /// line end, and io_error where the system takes no more, of which then no part is left in the file.
  void append(std::string_view line) {
    if (line.find('\n') != line.npos) throw argument_error(path_ + ": a line to append has a line end inside");
    std::string bytes;
    bytes.reserve(line.size() + 1);
    bytes.append(line) += '\n';
    std::uint64_t mine = 0;
    {
      std::lock_guard const lock(write_);
      if (broken_) throw io_error(path_ + ": an earlier error left it in doubt what is on the disk: open it again");
      auto const length = static_cast<index_t>(bytes.size());
      if (size_ > 0 && size_ > options_.rotate_bytes - length) rotate();
      write(bytes);
      size_ += length;
      mine = ++written_;
    }
    if (options_.durability == line_durability::disk) sync(mine);
  }

  std::string const& path() const { return path_; }
  /// Bytes of an unfinished line that opening cut off.
  index_t repaired_bytes() const { return repaired_; }

private:
  void open() {
    detail::descriptor file(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, static_cast<mode_t>(options_.mode)));
    struct stat status {};
    if (file.number() < 0 || ::fstat(file.number(), &status) != 0) detail::throw_system_error(path_, "cannot open", errno);
    if (!S_ISREG(status.st_mode)) throw io_error(path_ + ": not a regular file");
    if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) detail::throw_system_error(path_, "is written by another log", errno);
    struct stat named {};
    if (::stat(path_.c_str(), &named) != 0 || named.st_ino != status.st_ino || named.st_dev != status.st_dev)
      throw io_error(path_ + ": was renamed while it was opened: another process rotates it");
    index_t const whole = end_of_lines(file.number(), static_cast<index_t>(status.st_size));
    repaired_ = static_cast<index_t>(status.st_size) - whole;
    if (repaired_ > 0 && ::ftruncate(file.number(), static_cast<off_t>(whole)) != 0) detail::throw_system_error(path_, "cannot repair", errno);
    size_ = whole;
    if (options_.durability == line_durability::disk) {
      if (::fsync(file.number()) != 0) detail::throw_system_error(path_, "cannot bring to the disk", errno);
      detail::sync_folder(detail::folder_of(path_));
    }
    file_ = std::make_shared<detail::descriptor>(std::move(file));
  }

  /// The bytes up to and with the last line end.
  index_t end_of_lines(int number, index_t size) const {
    char block[4096];
    for (index_t end = size; end > 0;) {
      index_t const begin = end > index_t{sizeof block} ? end - index_t{sizeof block} : 0;
      ssize_t const got = ::pread(number, block, static_cast<std::size_t>(end - begin), static_cast<off_t>(begin));
      if (got != end - begin) detail::throw_system_error(path_, "cannot be read", got < 0 ? errno : EIO);
      std::string_view const text(block, static_cast<std::size_t>(got));
      if (std::size_t const found = text.rfind('\n'); found != text.npos) return begin + static_cast<index_t>(found) + 1;
      end = begin;
    }
    return 0;
  }

  void write(std::string_view bytes) {
    ssize_t put = 0;
    do put = ::write(file_->number(), bytes.data(), bytes.size());
    while (put < 0 && errno == EINTR);
    if (put == static_cast<ssize_t>(bytes.size())) return;
    int const code = put < 0 ? errno : ENOSPC;
    broken_ = put > 0 && ::ftruncate(file_->number(), static_cast<off_t>(size_)) != 0;
    detail::throw_system_error(path_, "cannot write", code);
  }

  /// Until the lines up to `mine` are on the disk. Who comes while another syncs finds its own line done, or does the next for all.
  void sync(std::uint64_t mine) {
    std::lock_guard const lock(sync_);
    if (synced_ >= mine) return;
    std::uint64_t all = 0;
    std::shared_ptr<detail::descriptor const> file;  // which a rotation may replace meanwhile, after a sync of its own
    {
      std::lock_guard const look(write_);
      all = written_;
      file = file_;
    }
    if (::fdatasync(file->number()) != 0) {
      int const code = errno;
      std::lock_guard const look(write_);
      broken_ = true;  // Linux reports lost pages once: a later sync that succeeds would prove nothing
      detail::throw_system_error(path_, "cannot bring to the disk", code);
    }
    synced_ = all;
  }

  /// With write_ held.
  void rotate() {
    if (options_.durability == line_durability::disk && ::fdatasync(file_->number()) != 0)
      detail::throw_system_error(path_, "cannot bring to the disk", errno);
    std::string old;
    struct stat status {};
    do old = detail::concat(path_, '.', ++rotations_);
    while (::lstat(old.c_str(), &status) == 0);
    if (::rename(path_.c_str(), old.c_str()) != 0 && errno != ENOENT)  // it is gone where an earlier rotation came to here
      detail::throw_system_error(path_, "cannot be renamed", errno);
    open();
  }

  std::string path_;
  line_log_options options_;
  std::shared_ptr<detail::descriptor const> file_;
  index_t size_ = 0, repaired_ = 0;
  index_t rotations_ = 0;
  bool broken_ = false;
  std::mutex write_, sync_;
  std::uint64_t written_ = 0, synced_ = 0;
};

}  // namespace parapet::inline PARAPET_ABI::io
