// A chat service that does what it is told, for trying a proxy: it answers, or stalls, breaks off, and talks nonsense.
//
//   scripted_upstream --port 8000 [--answers answers.jsonl]
//
// The script is the request's field "user", or else "script: ..." in its last message:
//
//   say TEXT      answers TEXT; without a script it repeats the message
//   answer N      answers line N of --answers, from 0 on ({"answer": "..."} each)
//   stall         begins and goes on after --stall-s     drip       one word every 50 ms
//   close         breaks off in the middle               garbage    bytes that are neither HTTP nor JSON
//   badjson       HTTP, but no JSON                      huge       an answer without an end
//   status N      an error of HTTP                       silent     closes without a word
//   logprobs      an answer with log-probabilities       usage      a stream that ends with an event of usage
//   headers       answers with the request's headers
//
// One thread for each connection, one request on each. Not a server for anything else.
#include "support/arguments.hpp"

#include <parapet/core/error.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace parapet;

namespace {

std::vector<std::string> answers;
int stall_seconds = 60;

struct connection {
  int socket;

  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      ssize_t const put = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }
  bool send_chunk(std::string_view bytes) const {
    char length[32];
    std::snprintf(length, sizeof length, "%zx\r\n", bytes.size());
    return send(length + std::string(bytes) + "\r\n");
  }

  /// The body of the request that comes, and its headers.
  std::string receive(std::string& headers) const {
    std::string bytes;
    char block[16384];
    for (std::size_t head = bytes.npos, wanted = 0; head == bytes.npos || bytes.size() < head + wanted;) {
      ssize_t const got = ::recv(socket, block, sizeof block, 0);
      if (got <= 0) return {};
      bytes.append(block, static_cast<std::size_t>(got));
      if (head != bytes.npos || (head = bytes.find("\r\n\r\n")) == bytes.npos) continue;
      head += 4;
      std::string lower = bytes.substr(0, head);
      for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      headers = bytes.substr(0, head);
      std::size_t const at = lower.find("content-length:");
      wanted = at == lower.npos ? 0 : std::strtoul(lower.c_str() + at + 15, nullptr, 10);
      if (bytes.size() >= head + wanted) return bytes.substr(head, wanted);
    }
    return bytes.substr(bytes.find("\r\n\r\n") + 4);
  }
};

/// The text in pieces of a word with the space behind it.
std::vector<std::string> words_of(std::string const& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t const end = std::min(text.find(' ', at), text.size() - 1) + 1;
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

constexpr char const* some_logprobs = ",\"logprobs\":{\"content\":[{\"token\":\"a\",\"logprob\":-1,\"bytes\":[97],\"top_logprobs\":[]}],\"refusal\":null}";
constexpr char const* no_logprobs = ",\"logprobs\":null";

std::string event_of(std::string const& text, char const* finish, char const* logprobs = no_logprobs) {
  return "data: {\"id\":\"up-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"scripted\",\"choices\":[{\"index\":0,\"delta\":{\"content\":" +
         io::json_quote(text) + "}" + logprobs + ",\"finish_reason\":" + finish + "}]}\n\n";
}
constexpr char const* usage_event =
    "data: {\"id\":\"up-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"scripted\",\"choices\":[],"
    "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}\n\n";

void pause(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

void answer_stream(connection const& to, std::string const& text, std::string_view script) {
  if (!to.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")) return;
  std::vector<std::string> const words = words_of(text);
  for (std::size_t k = 0; k < words.size(); ++k) {
    if (k == words.size() / 2) {
      if (script == "stall") pause(1000 * stall_seconds);
      if (script == "close") return;
      if (script == "badjson" && !to.send_chunk("data: {\"choices\": [oops\n\n")) return;
    }
    if (script == "drip") pause(50);
    if (!to.send_chunk(event_of(words[k], "null", script == "logprobs" ? some_logprobs : no_logprobs))) return;
  }
  while (script == "huge")
    if (!to.send_chunk(event_of(text, "null"))) return;
  to.send_chunk(event_of("", "\"stop\"") + (script == "usage" ? usage_event : "") + "data: [DONE]\n\n");
  to.send("0\r\n\r\n");
}

void answer_whole(connection const& to, std::string const& text, std::string_view script) {
  std::string body =
      "{\"id\":\"up-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"scripted\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
      "\"content\":" +
      io::json_quote(text) + "}" + (script == "logprobs" ? some_logprobs : no_logprobs) + ",\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";
  if (script == "badjson") body = "{\"choices\": [oops";
  std::string const length = script == "huge" ? "1000000000" : std::to_string(body.size());
  if (!to.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + length + "\r\nConnection: close\r\n\r\n")) return;
  if (script == "stall" || script == "close") {
    to.send(body.substr(0, body.size() / 2));
    if (script == "close") return;
    pause(1000 * stall_seconds);
    body.erase(0, body.size() / 2);
  }
  while (to.send(body) && script == "huge") {}
}

void serve(int socket) {
  connection const to{socket};
  try {
    std::string headers;
    std::string const body = to.receive(headers);
    if (!body.empty()) {
      auto const request = io::parse_json(body, "request");
      std::string message, script;
      if (auto const* content = request.at("messages").items().back().find("content"); content != nullptr && content->type() == io::json_value::kind::string)
        message = content->string();
      if (auto const* user = request.find("user")) script = user->string();
      else if (message.starts_with("script: ")) script = message.substr(8);
      auto const* streamed = request.find("stream");
      std::string text = message.empty() ? "nothing to say" : message;
      if (script.starts_with("say ")) text = script.substr(4);
      if (script.starts_with("answer ")) text = answers.at(std::strtoul(script.c_str() + 7, nullptr, 10));
      if (script == "headers") text = headers;
      if (script == "garbage") to.send(std::string("\x01\x02 what is this\xFF\xFE\r\n\r\n\x00\x80", 24));
      else if (script.starts_with("status "))
        to.send("HTTP/1.1 " + script.substr(7, 3) + " Scripted\r\nRetry-After: 7\r\nContent-Length: 9\r\nConnection: close\r\n\r\nsomething");
      else if (script == "silent") {}
      else if (streamed != nullptr && streamed->type() == io::json_value::kind::boolean && streamed->boolean()) answer_stream(to, text, script);
      else answer_whole(to, text, script);
    }
  } catch (std::exception const& failure) {
    to.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    std::fprintf(stderr, "scripted_upstream: %s\n", failure.what());
  }
  ::shutdown(socket, SHUT_WR);
  char rest[256];
  timeval const soon{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  while (::recv(socket, rest, sizeof rest, 0) > 0) {}
  ::close(socket);
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments given(argc, argv, "A chat service that follows a script.",
                           {{"port", "8000", "port to listen at on this machine, 0 for any"},
                            {"answers", "", "JSON lines with \"answer\""},
                            {"stall-s", "60", "how long a stall is"}});
  stall_seconds = static_cast<int>(given.number("stall-s", 0, 3600));
  if (!given.text("answers").empty()) {
    std::string const lines = io::read_file(given.text("answers"));
    for (std::size_t at = 0, end = 0; (end = lines.find('\n', at)) != lines.npos; at = end + 1)
      answers.push_back(io::parse_json(std::string_view(lines).substr(at, end - at), given.text("answers")).at("answer").string());
  }
  int const listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  ::setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(given.number("port", 0, 65535)));
  socklen_t length = sizeof address;
  if (::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listening, 1024) != 0 ||
      ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw io_error("cannot listen at port " + given.text("port"));
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (;;)
    if (int const socket = ::accept(listening, nullptr, nullptr); socket >= 0) std::thread(serve, socket).detach();
} catch (std::exception const& failure) {
  std::fprintf(stderr, "scripted_upstream: %s\n", failure.what());
  return 1;
}
