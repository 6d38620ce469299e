// The chat service behind the guard: it is asked once for each request, and may be silent, slow, or endless only within bounds.
#pragma once

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace guarded_chat {

using steady = std::chrono::steady_clock;

struct upstream_options {
  std::string address = "http://127.0.0.1:8000";  ///< scheme, host, port
  std::chrono::seconds stall{30};                 ///< it may be silent for so long
  std::chrono::seconds deadline{300};             ///< and an answer takes so long in all
  std::size_t most_bytes = 4 << 20;               ///< of an answer
};

enum class ending { complete, refused, unreachable, stalled, too_long, closed, stopped_by_us };

/// How an answer ended.
struct upstream_end {
  ending how = ending::closed;
  int status = 0;           ///< of HTTP, or 0 where none came
  std::string retry_after;  ///< when it is to be asked again, if it said so

  std::string sentence() const {
    switch (how) {
      case ending::refused: return "the model answered with status " + std::to_string(status);
      case ending::unreachable: return "the model cannot be reached";
      case ending::stalled: return "the model took too long";
      case ending::too_long: return "the model's answer is too long";
      default: return "the model's answer broke off";
    }
  }
  /// What our own answer has then.
  int status_for_reader() const {
    if (how == ending::refused && status >= 400 && status < 600) return status;
    return how == ending::stalled ? 504 : 502;
  }
};

class upstream {
public:
  explicit upstream(upstream_options options) : options_(std::move(options)) {}

  /// Asks for a completion, with headers beside those that it needs. `take` gets the bytes of the answer as they come and says whether to go on.
  template <class F>
  upstream_end ask(std::string body, httplib::Headers const& headers, F take) const {
    httplib::Client client(options_.address);
    client.set_connection_timeout(std::min<std::chrono::seconds>(options_.stall, std::chrono::seconds(5)));
    client.set_read_timeout(options_.stall);
    client.set_write_timeout(options_.stall);
    httplib::Request request;
    request.method = "POST";
    request.path = "/v1/chat/completions";
    request.body = std::move(body);
    request.headers = headers;
    request.headers.emplace("Content-Type", "application/json");
    request.headers.emplace("Accept-Encoding", "identity");
    upstream_end end;
    bool stopped = false, late = false, large = false;
    std::size_t bytes = 0;
    auto const start = steady::now();
    auto last = start;  // when it was heard of
    request.response_handler = [&](httplib::Response const& response) {
      end.status = response.status;
      end.retry_after = response.get_header_value("Retry-After");
      return response.status == 200;
    };
    request.content_receiver = [&](char const* data, std::size_t length, std::uint64_t, std::uint64_t) {
      last = steady::now();
      late = last - start > options_.deadline;
      large = (bytes += length) > options_.most_bytes;
      stopped = !late && !large && !take(std::string_view(data, length));
      return !late && !large && !stopped;
    };
    auto const result = client.send(request);
    // httplib has one error for silence and for an early end; time tells them apart.
    bool const silent = steady::now() - last >= options_.stall;
    if (end.status != 0 && end.status != 200) end.how = ending::refused;
    else if (late) end.how = ending::stalled;
    else if (large) end.how = ending::too_long;
    else if (stopped) end.how = ending::stopped_by_us;
    else if (result) end.how = ending::complete;
    else if (result.error() == httplib::Error::Connection) end.how = ending::unreachable;
    else end.how = silent ? ending::stalled : ending::closed;
    return end;
  }

private:
  upstream_options options_;
};

}  // namespace guarded_chat
