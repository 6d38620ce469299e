// What was decided, line by line as JSON, without the texts: who asks later can check a text that they have, and read none.
//
//     {"time": "2026-11-24T12:00:00.123Z", "request": "...", "speaker": "user", "decision": "block", "reason": "threshold",
//      "subject": "prompt_harm", "score": 0.97, "threshold": 0.9, "status": "ok", "tasks": {"prompt_harm": 0.97}, "categories": {...},
//      "model": "<sha256>", "policy": "<sha256>", "text": {"hmac": "<hmac-sha256>", "bytes": 123}}
//
// The hash is keyed (HMAC) by a secret salt, without which short texts could be found by trying. Equal texts have equal hashes under one
// salt: change it and what was logged before can no longer be joined. Raw texts are written only where the options ask for it.
// io/line_log.hpp keeps lines whole and says what they survive.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/policy.hpp>
#include <parapet/guard/utf8.hpp>
#include <parapet/guard/verdict.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/line_log.hpp>
#include <parapet/io/sha256.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>

namespace parapet::inline PARAPET_ABI::guard {

/// One decision, as views of what the caller has.
struct audit_entry {
  std::string_view request;  ///< the caller's name of the request: at most 128 bytes of it are kept
  speaker who = speaker::user;
  std::string_view text;  ///< what was judged
  verdict const& answer;
  decision decided;
  std::string_view policy_id;
  std::string_view note = {};  ///< what else there is to say, never of the text
  std::chrono::system_clock::time_point time = std::chrono::system_clock::now();
};

/// Where decisions are written. When append returns, the entry is as safe as the sink promises; it throws where it cannot be.
template <class Sink>
concept audit_sink = requires(Sink& sink, audit_entry const& entry) { sink.append(entry); };

struct audit_options {
  std::string salt;         ///< secret, at least 16 bytes
  bool keep_texts = false;  ///< raw texts into the log: they may be personal, and are then in every copy of it
  io::line_log_options file = {};
};

namespace detail {

/// UTC with milliseconds.
inline std::string utc(std::chrono::system_clock::time_point time) {
  auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  auto const second = static_cast<std::time_t>(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
  std::tm parts{};
  ::gmtime_r(&second, &parts);
  char text[32];
  std::size_t const length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(ms - static_cast<long long>(second) * 1000));
  return text;
}

/// Quoted, whatever bytes there are.
inline std::string quote(std::string_view text) { return io::json_quote(to_utf8(to_utf32(text))); }

template <std::size_t N, class Name>
std::string scores_json(std::array<score, N> const& scores, Name name_of) {
  std::string out;
  for (std::size_t k = 0; k < N; ++k)
    if (scores[k].known())
      out += parapet::detail::concat(out.empty() ? "" : ", ", '"', name_of(k), "\": ", static_cast<double>(scores[k].probability));
  return "{" + out + "}";
}

}  // namespace detail

/// The line of an entry, without its end.
inline std::string audit_line(audit_entry const& e, audit_options const& options) {
  using parapet::detail::concat;
  std::string out = concat("{\"time\": \"", detail::utc(e.time), "\", \"request\": ", detail::quote(e.request.substr(0, 128)), ", \"speaker\": \"", name(e.who),
                           "\", \"decision\": \"", name(e.decided.what), "\", \"reason\": \"", name(e.decided.reason), '"');
  if (!e.decided.subject.empty()) out += concat(", \"subject\": \"", e.decided.subject, '"');
  if (e.decided.score == e.decided.score) out += concat(", \"score\": ", static_cast<double>(e.decided.score));
  if (e.decided.threshold == e.decided.threshold) out += concat(", \"threshold\": ", static_cast<double>(e.decided.threshold));
  verdict const& v = e.answer;
  out += concat(", \"status\": \"", name(v.status), "\", \"tasks\": ", detail::scores_json(v.tasks, [](std::size_t k) { return name(all_tasks[k]); }),
                ", \"categories\": ", detail::scores_json(v.categories, [](std::size_t k) { return name(static_cast<category>(k)); }));
  if (!v.message.empty()) out += concat(", \"message\": ", detail::quote(v.message));
  if (v.cut()) out += concat(", \"cut\": ", v.cut_prompt + v.cut_response);
  if (!v.windows.empty()) out += concat(", \"windows\": ", v.windows.size());
  out += concat(", \"model\": \"", io::to_hex(v.model), "\", \"policy\": \"", e.policy_id, "\", \"text\": {\"hmac\": \"",
                io::to_hex(io::hmac_sha256(options.salt, e.text)), "\", \"bytes\": ", e.text.size());
  if (options.keep_texts) out += concat(", \"raw\": ", detail::quote(e.text));
  out += '}';
  if (!e.note.empty()) out += concat(", \"note\": ", detail::quote(e.note));
  return out + '}';
}

/// Decisions into a file of JSON lines. Threads may share it; one process may have it open.
class audit_log {
public:
  /// Throws argument_error for a salt that is too short to be a secret, io_error where the file cannot be opened.
  audit_log(std::string path, audit_options options) : options_(checked(std::move(options))), file_(std::move(path), options_.file) {}

  /// Throws io_error where the line cannot be written: a service that must leave a trace then answers nothing.
  void append(audit_entry const& entry) { file_.append(audit_line(entry, options_)); }

  io::line_log const& file() const { return file_; }

private:
  static audit_options checked(audit_options options) {
    if (options.salt.size() < 16) throw argument_error(parapet::detail::concat("audit_log: the salt has ", options.salt.size(), " bytes and needs 16"));
    return options;
  }

  audit_options options_;
  io::line_log file_;
};
static_assert(audit_sink<audit_log>);

}  // namespace parapet::inline PARAPET_ABI::guard
