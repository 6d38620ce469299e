#include <parapet/io/line_log.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace parapet;

namespace {

/// A folder that is gone after the test.
struct scratch {
  std::string folder;
  scratch() {
    char name[] = "/tmp/parapet_line_log_XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder = name;
  }
  ~scratch() { std::filesystem::remove_all(folder); }
  std::string operator/(char const* file) const { return folder + "/" + file; }
};

std::vector<std::string> lines_of(std::string const& path) {
  std::string const text = io::read_file(path);
  REQUIRE((text.empty() || text.back() == '\n'));
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t const end = text.find('\n', at);
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

TEST_CASE("lines are appended to what is there") {
  scratch const tmp;
  for (int k = 0; k < 3; ++k) {
    io::line_log log(tmp / "log", {.durability = k == 1 ? io::line_durability::disk : io::line_durability::process});
    CHECK(log.repaired_bytes() == 0);
    log.append("line " + std::to_string(k));
    log.append("");
  }
  CHECK(lines_of(tmp / "log") == std::vector<std::string>{"line 0", "", "line 1", "", "line 2", ""});
  io::line_log log(tmp / "log");
  CHECK_THROWS_AS(log.append("two\nlines"), argument_error);
  CHECK(support::contains(support::message_of<io_error>([&] { io::line_log second(tmp / "log"); }), "another log"));
  CHECK_THROWS_AS(io::line_log(tmp.folder), io_error);
}

TEST_CASE("an unfinished last line is cut off at opening") {
  scratch const tmp;
  for (std::string const& whole : {std::string(), std::string("a\nb\n"), std::string(5000, 'x') + "\n"})
    for (std::size_t const torn : {0u, 1u, 4096u, 10000u}) {
      io::write_file(tmp / "log", whole + std::string(torn, 'y'));
      io::line_log log(tmp / "log");
      CHECK(log.repaired_bytes() == static_cast<index_t>(torn));
      log.append("next");
      CHECK(io::read_file(tmp / "log") == whole + "next\n");
    }
}

TEST_CASE("a full file is renamed and a new one begun, no line is lost") {
  scratch const tmp;
  io::write_file(tmp / "log.2", "an older one\n");
  {
    io::line_log log(tmp / "log", {.durability = io::line_durability::disk, .rotate_bytes = 40});
    for (int k = 0; k < 9; ++k) log.append("123456789 " + std::to_string(k));  // 12 bytes each, 3 in a file
    log.append(std::string(100, 'z'));                                       // longer than a file may be: it has one of its own
  }
  CHECK(lines_of(tmp / "log.1").size() == 3);
  CHECK(io::read_file(tmp / "log.2") == "an older one\n");
  CHECK(lines_of(tmp / "log.3").size() == 3);
  CHECK(lines_of(tmp / "log.4").size() == 3);
  CHECK(lines_of(tmp / "log") == std::vector<std::string>{std::string(100, 'z')});
}

TEST_CASE("threads write whole lines, also while files are exchanged") {
  scratch const tmp;
  constexpr int threads = 4, each = 50;
  for (auto const durability : {io::line_durability::process, io::line_durability::disk}) {
    std::string const path = tmp / (durability == io::line_durability::disk ? "disk" : "process");
    {
      io::line_log log(path, {.durability = durability, .rotate_bytes = 3000});
      std::vector<std::thread> writers;
      for (int t = 0; t < threads; ++t)
        writers.emplace_back([&log, t] {
          for (int k = 0; k < each; ++k) log.append(std::to_string(t * each + k) + std::string(40, '.'));
        });
      for (auto& writer : writers) writer.join();
    }
    std::set<int> seen;
    for (auto const& entry : std::filesystem::directory_iterator(tmp.folder))
      if (entry.path().string().starts_with(path))
        for (auto const& line : lines_of(entry.path())) {
          CHECK(line.ends_with(std::string(40, '.')));
          seen.insert(std::stoi(line));
        }
    CHECK(seen.size() == threads * each);
  }
}

TEST_CASE("a line that the system does not take leaves nothing behind") {
  scratch const tmp;
  io::line_log log(tmp / "log");
  log.append("before");
  rlimit old{}, small{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  small = old;
  small.rlim_cur = 1000;
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string const message = support::message_of<io_error>([&] { log.append(std::string(5000, 'x')); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(support::contains(message, "log: cannot write"));
  log.append("after");
  CHECK(lines_of(tmp / "log") == std::vector<std::string>{"before", "after"});
}

TEST_CASE("kill -9 at any time: no torn line, and none lost that append returned from") {
  scratch const tmp;
  std::string const path = tmp / "log";
  int acknowledged = 0, torn = 0;
  for (int round = 0; round < 12; ++round) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(pipe[0]);
      io::line_log log(path, {.rotate_bytes = 20'000'000});
      std::string line(300'000, 'x');
      for (int k = 0; k < 1000; ++k) {  // "<round>.<k> xxx...x end"
        std::string const head = std::to_string(round) + "." + std::to_string(k) + " ";
        log.append(head + line + "end");
        if (::write(pipe[1], &k, sizeof k) != sizeof k) break;
      }
      ::_exit(0);
    }
    ::close(pipe[1]);
    int last = -1, next = 0;
    // The first acknowledgement comes when the child runs: kill it a little later, most likely inside a write.
    REQUIRE(::read(pipe[0], &next, sizeof next) == sizeof next);
    last = next;
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + 370 * round));
    ::kill(child, SIGKILL);
    while (::read(pipe[0], &next, sizeof next) == sizeof next) last = next;
    ::close(pipe[0]);
    ::waitpid(child, nullptr, 0);
    io::line_log const repaired(path);
    torn += repaired.repaired_bytes() > 0;

    int found = 0, broken = 0;
    std::string const head = std::to_string(round) + ".";
    std::vector<std::string> lines = lines_of(path);
    for (int old = 1; std::filesystem::exists(path + "." + std::to_string(old)); ++old)
      for (auto& line : lines_of(path + "." + std::to_string(old))) lines.push_back(std::move(line));
    for (auto const& line : lines) {
      broken += !line.ends_with("xend") || line.size() < 300'000;
      found += line.starts_with(head);
    }
    CHECK(broken == 0);
    CHECK(found >= last + 1);
    acknowledged += last + 1;
    for (auto const& entry : std::filesystem::directory_iterator(tmp.folder)) std::filesystem::remove(entry.path());
  }
  MESSAGE(acknowledged, " lines acknowledged, ", torn, " of 12 kills tore a line that nobody was told of");
  CHECK(acknowledged >= 12);
}
