// The proxy: judge the prompt, forward it, judge the answer, say no in the API's own form. What cannot be judged or logged does not pass.
#pragma once

#include "answer_stream.hpp"
#include "chat.hpp"
#include "metrics.hpp"
#include "upstream.hpp"
#include "verdict_cache.hpp"

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
#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guarded_chat {

struct proxy_options {
  upstream_options upstream = {};
  std::size_t most_request_bytes = 1 << 20;
  std::chrono::seconds longest_upload{30};
  int most_in_flight = 256;                  ///< requests; more are told to come back later
  guard::stream_options stream = {};
  parapet::index_t prompt_characters = 400;  ///< of the prompt's end, that an answer is judged with
  parapet::index_t part_characters = 1000;   ///< that are read at once of what messages say together
  std::size_t cache_bytes = 16 << 20;        ///< for verdicts of texts that come again
};

/// Moderator is one that threads may share (moderator_pool), Sink an audit sink.
template <guard::moderator Moderator, guard::audit_sink Sink>
class proxy {
public:
  proxy(Moderator& moderator, guard::policy_holder const& policies, Sink& log, proxy_options options)
      : moderator_{moderator, metrics_}, policies_(policies), log_(log), options_(std::move(options)), upstream_(options_.upstream),
        cache_(options_.cache_bytes) {}

  /// The routes. What is not listed is not forwarded: only what is judged gets through.
  void install(httplib::Server& server) {
    server.Post("/v1/chat/completions", [this](httplib::Request const& request, httplib::Response& response, httplib::ContentReader const& read) {
      chat(request, response, read);
    });
    server.Get("/healthz", [this](httplib::Request const&, httplib::Response& response) {
      bool const good = log_works();
      response.status = good ? 200 : 503;
      response.set_content(good ? "ok\n" : "the audit log does not take entries\n", "text/plain");
    });
    server.Get("/metrics", [this](httplib::Request const&, httplib::Response& response) {
      response.set_content(metrics_.text(policies_.get()->id), "text/plain; version=0.0.4");
    });
    server.set_exception_handler([](httplib::Request const&, httplib::Response& response, std::exception_ptr) {
      fail(response, 500, "internal_error", "the guard failed");
    });
    server.set_error_handler([](httplib::Request const&, httplib::Response& response) {
      if (response.body.empty())
        fail(response, response.status, "invalid_request_error", response.status == 404 ? "this guard serves POST /v1/chat/completions" : "bad request");
    });
  }

  int in_flight() const { return metrics_.in_flight; }

private:
  /// A request under way. It is alive while its answer is written.
  struct job {
    explicit job(metrics& m) : counters(m), under_way(++m.in_flight) {}
    job(job const&) = delete;
    ~job() { --counters.in_flight; }

    metrics& counters;
    int under_way;  ///< with this one
    std::string id, body, client;  // client: its authorization
    httplib::Headers headers;      // for the chat service
    std::shared_ptr<guard::active_policy const> policy;
    chat_request chat;
  };

  static void fail(httplib::Response& response, int status, char const* type, std::string const& message) {
    response.status = status;
    response.set_content(error_body(type, message), "application/json");
  }
  void fail(httplib::Response& response, outcome o, int status, char const* type, std::string const& message) {
    metrics_.count(o);
    if (status == 503 && !response.has_header("Retry-After")) response.set_header("Retry-After", "1");
    fail(response, status, type, message);
  }
  void not_logged(httplib::Response& response) { fail(response, outcome::not_logged, 500, "audit_log", "the decision could not be logged"); }
  void not_judged(httplib::Response& response) { fail(response, outcome::not_judged, 503, "guard_unavailable", "the text could not be judged"); }

  void chat(httplib::Request const& request, httplib::Response& response, httplib::ContentReader const& read) {
    std::string body;
    if (!read_body(request, response, read, body)) return;
    auto const now = std::make_shared<job>(metrics_);
    if (now->under_way > options_.most_in_flight) return fail(response, outcome::busy, 503, "overloaded", "too many requests are under way");
    now->id = name_ + std::to_string(++count_);
    now->policy = policies_.get();
    now->body = std::move(body);
    now->client = request.get_header_value("Authorization");
    for (char const* header : {"Authorization", "OpenAI-Organization", "OpenAI-Project", "traceparent", "tracestate"})
      if (request.has_header(header)) now->headers.emplace(header, request.get_header_value(header));
    now->headers.emplace("X-Request-Id", now->id);
    response.set_header("X-Request-Id", now->id);
    try {
      now->chat = read_request(now->body);
    } catch (parapet::error const& error) {
      return fail(response, outcome::bad_request, 400, "invalid_request_error", error.what());
    }
    guard::decision decided;
    try {
      decided = judge_prompt(*now);
    } catch (parapet::error const&) {
      return not_logged(response);
    }
    if (decided.what == guard::action::block) {
      if (decided.reason == guard::decision_reason::unavailable) return not_judged(response);
      metrics_.count(outcome::refused);
      if (!now->chat.stream) return response.set_content(refusal_body(now->id, now->chat.model), "application/json");
      return response.set_content("data: " + refusal_event(now->id, now->chat.model, 0, true) + "\n\ndata: [DONE]\n\n", "text/event-stream");
    }
    now->chat.prompt = last_characters(now->chat.prompt, options_.prompt_characters);
    if (!now->chat.stream) return whole_answer(*now, response);
    response.set_header("Cache-Control", "no-cache");
    response.set_chunked_content_provider("text/event-stream", [this, now](std::size_t, httplib::DataSink& sink) {
      stream_answer(*now, sink);
      sink.done();
      return true;
    });
  }

  /// Reads the body within its bounds, however it is sent. Where it is not read to its end, what follows must not be taken for a request.
  bool read_body(httplib::Request const& request, httplib::Response& response, httplib::ContentReader const& read, std::string& body) {
    auto const start = steady::now();
    bool const form = request.is_multipart_form_data();
    bool large = false, slow = false;
    bool const whole = !form && read([&](char const* data, std::size_t length) {
      large = body.size() + length > options_.most_request_bytes;
      slow = steady::now() - start > options_.longest_upload;
      if (!large && !slow) body.append(data, length);
      return !large && !slow;
    });
    if (whole) return true;
    large = large || response.status == 413;  // httplib's own limit
    response.set_header("Connection", "close");
    fail(response, outcome::bad_request, form ? 415 : large ? 413 : slow ? 408 : 400, "invalid_request_error",
         form ? "a request is JSON" : large ? "the request is too long" : slow ? "the request came too slowly" : "the request did not come whole");
    return false;
  }

  // --- judging

  /// A moderator whose time the metrics know.
  struct timed_moderator {
    Moderator& moderator;
    metrics& counters;

    guard::verdict classify(guard::exchange const& text) {
      auto const begin = steady::now();
      guard::verdict out = moderator.classify(text);
      counters.took(steady::now() - begin);
      return out;
    }
    void classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) { guard::classify_one_by_one(*this, in, out); }
  };

  /// Of a text of a prompt: from memory, where the same client sent it before.
  guard::verdict verdict_of(std::string_view client, std::string_view text) {
    auto const key = cache_.key_of(client, text);
    if (auto known = cache_.find(key)) {
      ++metrics_.remembered;
      return *std::move(known);
    }
    guard::verdict out = moderator_.classify({text});
    cache_.keep(key, out);
    return out;
  }

  /// The strongest decision about any of the texts, which is logged. Throws io_error where it cannot be. What messages say together is read in
  /// parts that stay the same while a conversation goes on, so that a turn of it has few texts that were not judged before.
  guard::decision judge_prompt(job const& now) {
    guard::decision strongest;
    guard::verdict its_verdict;
    std::string_view its_text;
    guard::speaker its_speaker{};
    bool first = true;
    auto const judge = [&](std::string_view text, guard::speaker who, bool unread) {
      guard::verdict v = verdict_of(now.client, text);
      if (unread) v.cut_prompt = std::max<std::size_t>(v.cut_prompt, 1);
      guard::decision const d = guard::decide(v, now.policy->rules, who);
      if (!std::exchange(first, false) && d.what <= strongest.what) return;
      strongest = d;
      its_verdict = std::move(v);
      its_text = text;
      its_speaker = who;
    };
    for (judged_text const& text : now.chat.texts)
      if (strongest.what < guard::action::block) judge(text.text, text.who, text.unread);
    for (std::string_view const part : parts_of(now.chat.together, options_.part_characters))
      if (strongest.what < guard::action::block) judge(part, guard::speaker::user, false);
    log(now, false, its_speaker, its_text, its_verdict, strongest, "");
    return strongest;
  }

  void log(job const& now, bool response, guard::speaker who, std::string_view text, guard::verdict const& v, guard::decision const& d, std::string_view note) {
    metrics_.count(response, d);
    append({.request = now.id, .who = who, .text = text, .answer = v, .decided = d, .policy_id = now.policy->id, .note = note});
  }

  /// One line more. Throws io_error where the log does not take it.
  void append(guard::audit_entry const& entry) {
    try {
      log_.append(entry);
      if (!metrics_.log_works.exchange(true)) std::fprintf(stderr, "guarded_chat: the audit log takes lines again\n");
    } catch (std::exception const& failure) {
      if (metrics_.log_works.exchange(false))
        std::fprintf(stderr, "guarded_chat: nothing is answered, since the audit log takes no line: %s\n", failure.what());
      throw;
    }
  }

  /// Whether the log took its last line. If not it is tried again: who is asked for its health gets no requests while it has none.
  bool log_works() {
    if (metrics_.log_works) return true;
    guard::verdict const none;
    try {
      append({.request = "healthz", .text = "", .answer = none, .decided = {}, .policy_id = policies_.get()->id, .note = "the log takes lines again"});
    } catch (parapet::error const&) {}
    return metrics_.log_works;
  }

  // --- answers

  void whole_answer(job& now, httplib::Response& response) {
    std::string body;
    upstream_end const end = upstream_.ask(std::move(now.body), now.headers, [&](std::string_view bytes) {
      body += bytes;
      return true;
    });
    if (end.how != ending::complete) {
      if (!end.retry_after.empty()) response.set_header("Retry-After", end.retry_after);
      return fail(response, outcome::upstream_failed, end.status_for_reader(), "upstream_error", end.sentence());
    }
    std::vector<std::string> choices;
    try {
      choices = read_answer(body);
    } catch (parapet::error const&) {
      return fail(response, outcome::upstream_failed, 502, "upstream_error", "the model's answer cannot be read");
    }
    bool blocked = false, unavailable = false;
    for (std::string const& choice : choices) {
      guard::verdict const v = moderator_.classify({now.chat.prompt, choice});
      guard::decision const d = guard::decide(v, now.policy->rules, guard::speaker::assistant);
      try {
        log(now, true, guard::speaker::assistant, choice, v, d, "");
      } catch (parapet::error const&) {
        return not_logged(response);
      }
      if (d.what != guard::action::block) continue;
      (d.reason == guard::decision_reason::unavailable ? unavailable : blocked) = true;
    }
    if (unavailable && !blocked) return not_judged(response);
    metrics_.count(blocked ? outcome::refused : outcome::answered);
    response.set_content(blocked ? refusal_body(now.id, now.chat.model) : std::move(body), "application/json");
  }

  void stream_answer(job& now, httplib::DataSink& sink) {
    auto const send = [&sink](std::string_view data) {
      std::string const event = parapet::detail::concat("data: ", data, "\n\n");
      return sink.write(event.data(), event.size());
    };
    answer_stream stream(moderator_, now.policy->rules, now.chat.prompt, options_.stream, options_.upstream.most_bytes, send);
    upstream_end const end = upstream_.ask(std::move(now.body), now.headers, [&](std::string_view bytes) { return stream.feed(bytes); });
    stream.finish();
    bool logged = true;
    for (auto const& [index, choice] : stream.choices()) {
      auto const& session = choice.session;
      if (session.checks() == 0) continue;
      try {
        guard::decision const d = guard::decide(session.last(), now.policy->rules, guard::speaker::assistant);
        log(now, true, guard::speaker::assistant, session.last_text(), session.last(), d, "stream");
      } catch (parapet::error const&) {
        logged = false;
      }
    }
    if (logged) stream.forward();  // the last of it only if there is a trace

    using state = typename decltype(stream)::state;
    auto const broken = [&](outcome o, char const* type, std::string const& message) {
      metrics_.count(o);
      stream.send(error_body(type, message));
    };
    if (!logged) return broken(outcome::not_logged, "audit_log", "the decision could not be logged");
    switch (stream.now()) {
      case state::open: return broken(outcome::upstream_failed, "upstream_error", end.sentence());
      case state::unreadable: return broken(outcome::upstream_failed, "upstream_error", "the model's answer cannot be read");
      case state::reader_left: return metrics_.count(outcome::reader_left);
      case state::stopped:
        if (stream.by_what().reason == guard::decision_reason::unavailable)
          return broken(outcome::not_judged, "guard_unavailable", "the answer could not be judged");
        metrics_.count(outcome::refused);
        for (auto const& [index, choice] : stream.choices()) stream.send(refusal_event(now.id, now.chat.model, index, !choice.shown));
        break;
      case state::done: metrics_.count(outcome::answered); break;
    }
    stream.send("[DONE]");
  }

  metrics metrics_;
  timed_moderator moderator_;
  guard::policy_holder const& policies_;
  Sink& log_;
  proxy_options options_;
  upstream upstream_;
  verdict_cache cache_;
  std::atomic<std::uint64_t> count_{0};
  std::string const name_ = "chatcmpl-" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) + "-";  // of this run
};

}  // namespace guarded_chat
