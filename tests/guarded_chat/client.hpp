// What the tests of the proxy need: programs that are started and ended, and a small HTTP client.
#pragma once

#include <parapet/io/json.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guarded_chat_test {

/// A program that says "listening on <host>:<port>" first, as both of ours do. Killed at the end of its life.
class program {
public:
  /// `most_file_bytes` limits the files that it may write; 0 does not.
  program(std::vector<std::string> arguments, rlim_t most_file_bytes = 0) {
    int out[2];
    if (::pipe(out) != 0) throw std::runtime_error("no pipe");
    id_ = ::fork();
    if (id_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // whatever ends the test
      ::dup2(out[1], 1);
      ::close(out[0]);
      ::close(out[1]);
      if (most_file_bytes > 0) {
        rlimit const limit{most_file_bytes, RLIM_INFINITY};
        ::setrlimit(RLIMIT_FSIZE, &limit);
      }
      std::vector<char*> argv;
      for (auto& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    ::close(out[0]);
    std::size_t const colon = line.find(':');
    if (colon != line.npos) port_ = std::atoi(line.c_str() + colon + 1);
    if (port_ == 0) throw std::runtime_error(arguments[0] + " does not listen");
  }
  program(program const&) = delete;
  ~program() { end(SIGKILL); }

  int port() const { return port_; }
  /// Ends it and returns how it ended: its exit status, or -signal.
  int end(int signal) {
    if (id_ <= 0) return 0;
    ::kill(id_, signal);
    int status = 0;
    ::waitpid(id_, &status, 0);
    id_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  bool alive() {
    int status = 0;
    return id_ > 0 && ::waitpid(id_, &status, WNOHANG) == 0;
  }
  void signal(int number) { ::kill(id_, number); }
  /// From now on it may write files of any size.
  void give_room() {
    rlimit const limit{RLIM_INFINITY, RLIM_INFINITY};
    ::prlimit(id_, RLIMIT_FSIZE, &limit, nullptr);
  }

  /// MiB of memory in use, and open files.
  double memory() const {
    std::ifstream status("/proc/" + std::to_string(id_) + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmRSS:")) return std::atof(line.c_str() + 6) / 1024;
    return 0;
  }
  int files() const {
    int count = 0;
    for ([[maybe_unused]] auto const& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(id_) + "/fd")) ++count;
    return count;
  }

private:
  pid_t id_ = 0;
  int port_ = 0;
};

struct answer {
  int status = 0;  ///< 0: none came, or it broke off
  std::string head, body;

  std::string header(std::string_view name) const {
    std::size_t const at = head.find("\r\n" + std::string(name) + ": ");
    if (at == head.npos) return {};
    std::size_t const begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

/// One connection, kept as long as the server does.
class client {
public:
  explicit client(int port, int timeout_seconds = 20) : port_(port), timeout_(timeout_seconds) {}
  client(client const&) = delete;
  ~client() { drop(); }

  answer get(std::string const& path) { return ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"); }
  answer post(std::string const& body) {
    return ask("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body);
  }
  void drop() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    rest_.clear();
  }

  /// Sends these bytes and reads an answer.
  answer ask(std::string const& request) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      bool const fresh = socket_ < 0;
      if (fresh && !connect()) return {};
      answer out;
      if (send(request) && receive(out)) return out;
      bool const nothing = out.head.empty();
      drop();
      if (fresh || !nothing) return {0, out.head, out.body};  // else the server had closed the kept connection: once more
    }
    return {};
  }
  /// One more answer to what was sent.
  answer rest() {
    answer out;
    receive(out);
    return out;
  }

private:
  bool connect() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    timeval const patience{.tv_sec = timeout_, .tv_usec = 0};
    int const yes = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
    drop();
    return false;
  }
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      ssize_t const put = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }
  bool more() {
    char block[16384];
    ssize_t const got = ::recv(socket_, block, sizeof block, 0);
    if (got <= 0) return false;
    rest_.append(block, static_cast<std::size_t>(got));
    return true;
  }
  bool take(std::size_t bytes, std::string& into) {
    while (rest_.size() < bytes)
      if (!more()) return false;
    into.append(rest_, 0, bytes);
    rest_.erase(0, bytes);
    return true;
  }
  bool take_line(std::string& line) {
    std::size_t end = 0;
    while ((end = rest_.find("\r\n")) == rest_.npos)
      if (!more()) return false;
    line = rest_.substr(0, end);
    rest_.erase(0, end + 2);
    return true;
  }
  bool receive(answer& out) {
    for (std::string line; out.head.empty() || !line.empty(); out.head += line + "\r\n")
      if (!take_line(line)) return false;
    int const status = std::atoi(out.head.c_str() + 9);
    if (out.header("Transfer-Encoding") == "chunked") {
      for (std::string line;;) {
        if (!take_line(line)) return false;
        std::size_t const bytes = std::strtoul(line.c_str(), nullptr, 16);
        if (!take(bytes, out.body) || !take_line(line)) return false;
        if (bytes == 0) break;
      }
    } else if (!take(std::strtoul(out.header("Content-Length").c_str(), nullptr, 10), out.body)) {
      return false;
    }
    out.status = status;
    return true;
  }

  int port_, timeout_, socket_ = -1;
  std::string rest_;
};

/// A request with one message, and the script that the stand-in follows.
inline std::string request_of(std::string_view message, std::string_view script, bool stream) {
  namespace io = parapet::io;
  return std::string("{\"model\": \"scripted\", \"stream\": ") + (stream ? "true" : "false") + ", \"user\": " + io::json_quote(script) +
         ", \"messages\": [{\"role\": \"user\", \"content\": " + io::json_quote(message) + "}]}";
}

/// The text of an answer, streamed or whole, as a reader sees it.
inline std::string text_of(answer const& a) {
  namespace io = parapet::io;
  std::string out;
  auto const add = [&](std::string_view json, char const* key) {
    auto const value = io::parse_json(json, "answer");
    if (auto const* choices = value.find("choices"))
      for (auto const& choice : choices->items())
        if (auto const* part = choice.find(key))
          if (auto const* content = part->find("content"); content != nullptr && content->type() == io::json_value::kind::string) out += content->string();
  };
  if (!a.body.starts_with("data: ")) {
    add(a.body, "message");
    return out;
  }
  for (std::size_t at = 0; at < a.body.size();) {
    std::size_t const end = a.body.find("\n\n", at);
    std::string const data = a.body.substr(at + 6, end - at - 6);
    if (data != "[DONE]") add(data, "delta");
    at = end == a.body.npos ? a.body.size() : end + 2;
  }
  return out;
}
inline bool refused(answer const& a) { return a.body.find("\"finish_reason\":\"content_filter\"") != a.body.npos; }

/// A folder that is gone at the end.
struct scratch_folder {
  std::string name;
  scratch_folder() {
    char text[] = "/tmp/guarded_chat_XXXXXX";
    if (::mkdtemp(text) == nullptr) throw std::runtime_error("no folder for files");
    name = text;
  }
  ~scratch_folder() { std::filesystem::remove_all(name); }
  std::string file(std::string const& file_name, std::string const& content = "") const {
    std::string path = name + "/" + file_name;
    if (!content.empty()) std::ofstream(path) << content;
    return path;
  }
};

}  // namespace guarded_chat_test
