// The proxy: judge the prompt, forward it, judge the answer, say no in the API's own form. What cannot be judged or logged does not pass.
#pragma once

#include "chat.hpp"
#include "metrics.hpp"

#include <parapet/guard/audit_log.hpp>
#include <parapet/guard/policy.hpp>
#include <parapet/guard/stream_session.hpp>
#include <parapet/guard/verdict.hpp>

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guarded_chat {

using steady = std::chrono::steady_clock;

struct proxy_options {
  std::string upstream = "http://127.0.0.1:8000";  ///< scheme, host, port
  std::chrono::seconds stall{30};                  ///< the upstream may be silent for so long
  std::chrono::seconds deadline{300};              ///< and takes so long in all
  std::size_t most_bytes = 4 << 20;                ///< of a request, and of an answer
  int most_in_flight = 256;                        ///< more are told to come back later
  std::size_t most_choices = 16;
  guard::stream_options stream = {};
};

/// Judge is a moderator that threads may share (moderator_pool), Sink an audit sink.
template <guard::moderator Judge, guard::audit_sink Sink>
class proxy {
public:
  proxy(Judge& judge, guard::policy_holder const& policies, Sink& log, proxy_options options)
      : judge_(judge), policies_(policies), log_(log), options_(std::move(options)) {}

  /// The routes. What is not listed is not forwarded: only what is judged gets through.
  void install(httplib::Server& server) {
    server.Post("/v1/chat/completions", [this](httplib::Request const& request, httplib::Response& response) { chat(request, response); });
    server.Get("/healthz", [this](httplib::Request const&, httplib::Response& response) {
      response.status = metrics_.log_works ? 200 : 503;
      response.set_content(metrics_.log_works ? "ok\n" : "the audit log does not take entries\n", "text/plain");
    });
    server.Get("/metrics",
               [this](httplib::Request const&, httplib::Response& response) { response.set_content(metrics_.text(), "text/plain; version=0.0.4"); });
    server.set_exception_handler([](httplib::Request const&, httplib::Response& response, std::exception_ptr) {
      fail(response, 500, "internal_error", "the guard failed");
    });
    server.set_error_handler([](httplib::Request const&, httplib::Response& response) {
      if (response.body.empty())
        fail(response, response.status, "invalid_request_error", response.status == 404 ? "this guard serves /v1/chat/completions" : "bad request");
    });
  }

private:
  /// A request under way. It is alive while its answer is written.
  struct job {
    explicit job(metrics& m) : counters(m), full(++m.in_flight) {}
    job(job const&) = delete;
    ~job() { --counters.in_flight; }

    metrics& counters;
    int full;  ///< how many were under way with this one
    std::string id;
    std::shared_ptr<guard::active_policy const> policy;
    chat_request chat;
    httplib::Request forward;
    steady::time_point start = steady::now();
  };

  static void fail(httplib::Response& response, int status, char const* type, std::string const& message) {
    response.status = status;
    response.set_content(error_body(type, message), "application/json");
  }

  void chat(httplib::Request const& request, httplib::Response& response) {
    auto const now = std::make_shared<job>(metrics_);
    if (now->full > options_.most_in_flight) {
      metrics_.count(outcome::busy);
      response.set_header("Retry-After", "1");
      return fail(response, 503, "overloaded", "too many requests are under way");
    }
    now->id = name_ + std::to_string(++count_);
    now->policy = policies_.get();
    response.set_header("X-Request-Id", now->id);
    try {
      now->chat = read_request(request.body);
    } catch (parapet::error const& error) {
      metrics_.count(outcome::bad_request);
      return fail(response, 400, "invalid_request_error", error.what());
    }
    guard::decision decided;
    try {
      decided = judge_prompt(*now);
    } catch (parapet::error const&) {
      return not_logged(response);
    }
    if (decided.what == guard::action::block) {
      metrics_.count(outcome::refused);
      if (!now->chat.stream) return response.set_content(refusal_body(now->id, now->chat.model), "application/json");
      return response.set_content("data: " + refusal_event(now->id, now->chat.model, 0, true) + "\n\ndata: [DONE]\n\n", "text/event-stream");
    }

    now->forward.method = "POST";
    now->forward.path = "/v1/chat/completions";
    now->forward.body = request.body;  // the bytes that were judged
    now->forward.headers = {{"Content-Type", "application/json"}, {"Accept-Encoding", "identity"}};
    if (request.has_header("Authorization")) now->forward.headers.emplace("Authorization", request.get_header_value("Authorization"));
    if (!now->chat.stream) return whole_answer(*now, response);
    response.set_header("Cache-Control", "no-cache");
    response.set_chunked_content_provider("text/event-stream", [this, now](std::size_t, httplib::DataSink& sink) {
      stream_answer(*now, sink);
      return true;
    });
  }

  // --- judging

  /// The strongest decision about any of the texts, which is logged. Throws io_error where it cannot be.
  guard::decision judge_prompt(job& now) {
    std::vector<guard::exchange> texts;
    for (auto const& text : now.chat.texts) texts.push_back({text.text});
    std::vector<guard::verdict> verdicts(texts.size());
    auto const begin = steady::now();
    judge_.classify(std::span<guard::exchange const>(texts), std::span<guard::verdict>(verdicts));
    metrics_.took(steady::now() - begin);
    std::size_t worst = 0;
    guard::decision decided;
    for (std::size_t k = 0; k < texts.size(); ++k) {
      if (now.chat.texts[k].unread) verdicts[k].cut_prompt = std::max<std::size_t>(verdicts[k].cut_prompt, 1);
      guard::decision const d = guard::decide(verdicts[k], now.policy->rules, now.chat.texts[k].who);
      if (k == 0 || d.what > decided.what) decided = d, worst = k;
    }
    log(now, false, now.chat.texts[worst].who, now.chat.texts[worst].text, verdicts[worst], decided, "");
    return decided;
  }

  void log(job const& now, bool response, guard::speaker who, std::string_view text, guard::verdict const& v, guard::decision const& d, std::string_view note) {
    metrics_.count(response, d);
    try {
      log_.append({.request = now.id, .who = who, .text = text, .answer = v, .decided = d, .policy_id = now.policy->id, .note = note});
      metrics_.log_works = true;
    } catch (...) {
      metrics_.log_works = false;
      throw;
    }
  }

  void not_logged(httplib::Response& response) {
    metrics_.count(outcome::not_logged);
    fail(response, 500, "audit_log", "the decision could not be logged");
  }

  // --- the upstream

  enum class ending { complete, refused_by_upstream, unreachable, stalled, too_long, closed, stopped };

  /// Sends the request; `take` gets the bytes of the answer and says whether to go on.
  template <class F>
  ending ask_upstream(job& now, int& status, F take) {
    httplib::Client client(options_.upstream);
    client.set_connection_timeout(std::min<std::chrono::seconds>(options_.stall, std::chrono::seconds(5)));
    client.set_read_timeout(options_.stall);
    client.set_write_timeout(options_.stall);
    bool stopped = false, late = false, large = false;
    std::size_t bytes = 0;
    auto last = steady::now();  // when it was heard of
    now.forward.response_handler = [&](httplib::Response const& response) {
      status = response.status;
      return status == 200;
    };
    now.forward.content_receiver = [&](char const* data, std::size_t length, std::uint64_t, std::uint64_t) {
      last = steady::now();
      late = last - now.start > options_.deadline;
      large = (bytes += length) > options_.most_bytes;
      stopped = !late && !large && !take(std::string_view(data, length));
      return !late && !large && !stopped;
    };
    auto const result = client.send(now.forward);
    if (status != 0 && status != 200) return ending::refused_by_upstream;
    if (late) return ending::stalled;
    if (large) return ending::too_long;
    if (stopped) return ending::stopped;
    if (result) return ending::complete;
    if (result.error() == httplib::Error::Connection) return ending::unreachable;
    // httplib has one error for silence and for an early end; time tells them apart.
    return steady::now() - last >= options_.stall ? ending::stalled : ending::closed;
  }

  static std::string sentence(ending e, int status) {
    switch (e) {
      case ending::refused_by_upstream: return "the model answered with status " + std::to_string(status);
      case ending::unreachable: return "the model cannot be reached";
      case ending::stalled: return "the model took too long";
      case ending::too_long: return "the model's answer is too long";
      default: return "the model's answer broke off";
    }
  }

  void upstream_failed(httplib::Response& response, ending e, int status) {
    metrics_.count(outcome::upstream_failed);
    bool const its_own = e == ending::refused_by_upstream && status >= 400 && status < 600;
    fail(response, its_own ? status : e == ending::stalled ? 504 : 502, "upstream_error", sentence(e, status));
  }

  // --- answers

  void whole_answer(job& now, httplib::Response& response) {
    std::string body;
    int status = 0;
    ending const end = ask_upstream(now, status, [&](std::string_view bytes) {
      body += bytes;
      return true;
    });
    if (end != ending::complete) return upstream_failed(response, end, status);
    std::vector<std::string> choices;
    try {
      choices = read_answer(body);
    } catch (parapet::error const&) {
      metrics_.count(outcome::upstream_failed);
      return fail(response, 502, "upstream_error", "the model's answer cannot be read");
    }
    std::vector<guard::exchange> texts;
    for (auto const& choice : choices) texts.push_back({now.chat.prompt, choice});
    std::vector<guard::verdict> verdicts(texts.size());
    auto const begin = steady::now();
    judge_.classify(std::span<guard::exchange const>(texts), std::span<guard::verdict>(verdicts));
    metrics_.took(steady::now() - begin);
    bool blocked = false;
    try {
      for (std::size_t k = 0; k < texts.size(); ++k) {
        guard::decision const d = guard::decide(verdicts[k], now.policy->rules, guard::speaker::assistant);
        blocked = blocked || d.what == guard::action::block;
        log(now, true, guard::speaker::assistant, choices[k], verdicts[k], d, "");
      }
    } catch (parapet::error const&) {
      return not_logged(response);
    }
    metrics_.count(blocked ? outcome::refused : outcome::answered);
    response.set_content(blocked ? refusal_body(now.id, now.chat.model) : std::move(body), "application/json");
  }

  /// judge_, and how long it takes.
  struct timed_judge {
    proxy& owner;
    guard::verdict classify(guard::exchange const& text) {
      auto const begin = steady::now();
      auto out = owner.judge_.classify(text);
      owner.metrics_.took(steady::now() - begin);
      return out;
    }
    void classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) { guard::classify_one_by_one(*this, in, out); }
  };

  /// An event waits until all that it adds has been judged.
  struct held_event {
    std::string data;
    std::vector<std::pair<parapet::index_t, std::size_t>> needs;  // choice, bytes of it that must have been released
  };
  struct choice_state {
    guard::stream_session<timed_judge> session;
    std::size_t received = 0, released = 0;
    bool shown = false;  // something of it went to the reader
  };

  void stream_answer(job& now, httplib::DataSink& sink) {
    timed_judge judge{*this};
    std::map<parapet::index_t, choice_state> choices;
    std::deque<held_event> held;
    event_reader events(options_.most_bytes);
    bool done = false, readable = true, blocked = false, reader_left = false;

    auto const send = [&](std::string const& data) {
      std::string const event = "data: " + data + "\n\n";
      reader_left = reader_left || !sink.write(event.data(), event.size());
      return !reader_left;
    };
    auto const forward = [&] {
      while (!held.empty()) {
        for (auto const& [index, bytes] : held.front().needs)
          if (choices.at(index).released < bytes) return;
        for (auto const& [index, bytes] : held.front().needs) choices.at(index).shown = choices.at(index).shown || bytes > 0;
        if (!send(held.front().data)) return;
        held.pop_front();
      }
    };
    auto const release = [&](choice_state& choice, auto const& out) {
      choice.released += out.text.size();
      blocked = blocked || out.stopped;
    };
    auto const on_event = [&](std::string_view data) {
      if (done) return true;
      if (data == "[DONE]") return done = true;
      try {
        held_event event{std::string(data), {}};
        for (auto& [index, text] : read_event(data)) {
          auto found = choices.find(index);
          if (found == choices.end()) {
            if (choices.size() == options_.most_choices) throw parapet::io_error("too many choices");
            found = choices.emplace(index, choice_state{guard::stream_session<timed_judge>(judge, now.policy->rules, now.chat.prompt, options_.stream)}).first;
          }
          found->second.received += text.size();
          event.needs.emplace_back(index, found->second.received);
          release(found->second, found->second.session.push(text));
        }
        held.push_back(std::move(event));
      } catch (parapet::error const&) {
        return readable = false;
      }
      if (blocked) return false;
      forward();
      return !reader_left;
    };

    int status = 0;
    ending const end = ask_upstream(now, status, [&](std::string_view bytes) { return events.feed(bytes, on_event) && !done; });
    if (readable && !blocked && !reader_left)
      for (auto& [index, choice] : choices) {
        release(choice, choice.session.finish());
        if (blocked) break;
      }
    bool logged = true;
    for (auto& [index, choice] : choices) {
      auto const& session = choice.session;
      try {
        guard::decision const d = guard::decide(session.last(), now.policy->rules, guard::speaker::assistant);
        if (session.checks() > 0) log(now, true, guard::speaker::assistant, session.last_text(), session.last(), d, "stream");
      } catch (parapet::error const&) {
        logged = false;
      }
    }
    if (logged) forward();  // the last of it only if there is a trace
    if (!logged) {
      metrics_.count(outcome::not_logged);
      send(error_body("audit_log", "the decision could not be logged"));
    } else if (blocked) {
      metrics_.count(outcome::refused);
      for (auto& [index, choice] : choices) send(refusal_event(now.id, now.chat.model, index, !choice.shown));
      send("[DONE]");
    } else if (reader_left) {
      metrics_.count(outcome::reader_left);
    } else if (!done) {  // it may end without an error and yet too early
      metrics_.count(outcome::upstream_failed);
      send(error_body("upstream_error", readable ? sentence(end, status) : "the model's answer cannot be read"));
    } else {
      metrics_.count(outcome::answered);
      send("[DONE]");
    }
    sink.done();
  }

  Judge& judge_;
  guard::policy_holder const& policies_;
  Sink& log_;
  proxy_options options_;
  metrics metrics_;
  std::atomic<std::uint64_t> count_{0};
  std::string const name_ = "chatcmpl-" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) + "-";  // of this run
};

}  // namespace guarded_chat
