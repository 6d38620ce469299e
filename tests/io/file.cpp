#include <parapet/io/file.hpp>

#include "io/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

using namespace parapet;
using doctest::Contains;

TEST_CASE("a file is written, read, read at an offset, and mapped") {
  support::temporary_folder const folder;
  std::string const path = folder / "file";
  io::write_file(path, "first\0second");
  io::write_file(path, std::string("0123\0 6789", 10));
  CHECK(folder.count() == 1);
  CHECK(io::read_file(path) == std::string("0123\0 6789", 10));
  io::file_reader const file(path);
  char part[3];
  file.read(6, part, 3);
  CHECK(std::string(part, 3) == "678");
  io::mapped_file mapped(path);
  io::mapped_file const moved(std::move(mapped));
  CHECK(moved.bytes().size() == 10);
  CHECK(moved.bytes()[9] == '9');
  io::write_file(path, "");
  CHECK(io::read_file(path).empty());
  CHECK(io::mapped_file(path).bytes().empty());
  CHECK(moved.bytes()[0] == '0');  // the mapping holds the file that it was made from
}

TEST_CASE("errors of reading start with the path") {
  support::temporary_folder const folder;
  std::string const path = folder / "none";
  CHECK_THROWS_WITH_AS(io::read_file(path), (path + ": cannot open: No such file or directory").c_str(), io_error);
  CHECK_THROWS_WITH_AS(io::read_file(folder.path()), (folder.path() + ": not a regular file").c_str(), io_error);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_THROWS_WITH_AS(io::read_file(path), (path + ": not a regular file").c_str(),
                       io_error);  // and does not wait for a writer
  io::write_file(folder / "ten", "0123456789");
  CHECK_THROWS_WITH_AS(io::read_file(folder / "ten", 9), Contains("10 bytes, more than the limit of 9"), io_error);
}

TEST_CASE("a file that has become shorter is an error, not an overread") {
  support::temporary_folder const folder;
  std::string const path = folder / "file";
  io::write_file(path, "0123456789");
  io::file_reader const file(path);
  REQUIRE(::truncate(path.c_str(), 4) == 0);
  char bytes[10];
  CHECK_THROWS_WITH_AS(file.read(0, bytes, 10), (path + ": ends at byte 4, 6 bytes too early").c_str(), io_error);
}

TEST_CASE("a target that cannot be written is an error and left as it was") {
  support::temporary_folder const folder;
  std::string const path = folder / "none/file";
  CHECK_THROWS_WITH_AS(io::write_file(path, "x"),
                       (path + ": cannot create a file in its folder: No such file or directory").c_str(), io_error);
  io::write_file(folder / "file", "x");
  CHECK_THROWS_WITH_AS(io::write_file(folder / "file/below", "x"), Contains("Not a directory"), io_error);
  CHECK_THROWS_WITH_AS(io::write_file(folder.path(), "x"), Contains("not a regular file"), io_error);
  CHECK_THROWS_WITH_AS(io::write_file("/dev/null", "x"), "/dev/null: exists and is not a regular file", io_error);
  if (::geteuid() == 0) {
    MESSAGE("skipped: root may write to a folder without permission");
    return;
  }
  REQUIRE(::chmod(folder.path().c_str(), 0500) == 0);
  CHECK_THROWS_WITH_AS(io::write_file(folder / "file", "y"), Contains("Permission denied"), io_error);
  ::chmod(folder.path().c_str(), 0700);
  CHECK(io::read_file(folder / "file") == "x");
}

TEST_CASE("a full disk is an error, the old file stays, nothing else is left") {
  support::temporary_folder const folder;
  std::string const path = folder / "file";
  io::write_file(path, "old");
  support::with_full_disk(1000, [&] {
    CHECK_THROWS_WITH_AS(io::write_file(path, std::string(5000, 'x')), (path + ": cannot write: File too large").c_str(),
                         io_error);
  });
  CHECK(io::read_file(path) == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("an unfinished file vanishes, permissions and links stay") {
  support::temporary_folder const folder;
  std::string const path = folder / "file", link = folder / "link";
  io::write_file(path, "old");
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  {
    io::atomic_file unfinished(path);
    unfinished.write("new");
    CHECK(folder.count() == 2);
  }
  CHECK(folder.count() == 1);
  CHECK(io::read_file(path) == "old");

  REQUIRE(::symlink("file", link.c_str()) == 0);
  io::write_file(link, "new");
  CHECK(io::read_file(path) == "new");
  struct stat status {};
  REQUIRE(::lstat(link.c_str(), &status) == 0);
  CHECK(S_ISLNK(status.st_mode));
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
  REQUIRE(::symlink("nothing", (folder / "dangling").c_str()) == 0);
  CHECK_THROWS_WITH_AS(io::write_file(folder / "dangling", "x"), Contains("cannot follow the link"), io_error);
}

TEST_CASE("a writer that is killed leaves the old file or the new one, whole") {
  support::temporary_folder const folder;
  std::string const path = folder / "file";
  std::string const a(1 << 20, 'a'), b(1 << 20, 'b');
  io::write_file(path, a);
  for (int round = 0; round < 10; ++round) {
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0)
      for (;;) {
        io::write_file(path, b);
        io::write_file(path, a);
      }
    ::usleep(static_cast<useconds_t>(1000 + 700 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::string const found = io::read_file(path);
    CHECK((found == a || found == b));
  }
}
