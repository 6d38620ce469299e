// The chat completions API as a guard reads it: which texts of a request or an answer are to be judged, and what a refusal looks like.
//
// What comes from outside is read by io::parse_json, which refuses what two programs could read in two ways (a key twice, text behind
// the end), and is handed on as the bytes that it came as: what is forwarded is what was judged. Replies of our own are written by nlohmann.
#pragma once

#include <parapet/guard/policy.hpp>
#include <parapet/io/json.hpp>

#include <nlohmann/json.hpp>

#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guarded_chat {

namespace guard = parapet::guard;
namespace io = parapet::io;

struct judged_text {
  guard::speaker who;
  std::string text;
  bool unread = false;  ///< it has parts that are no text: images, sound
};

/// A request to POST /v1/chat/completions.
struct chat_request {
  std::vector<judged_text> texts;  ///< in the order of the conversation
  std::string prompt;              ///< what an answer is an answer to: the last text of the user
  std::string model = "unknown";
  bool stream = false;
};

/// Appends all strings of a value, but for what names its parts.
inline void collect(io::json_value const& value, std::string& out) {
  using kind = io::json_value::kind;
  if (value.type() == kind::string) {
    out += value.string();
  } else if (value.type() == kind::array) {
    for (auto const& item : value.items()) collect(item, out);
  } else if (value.type() == kind::object) {
    for (std::size_t k = 0; k < value.keys().size(); ++k) {
      std::string const& key = value.keys()[k];
      if (key == "role" || key == "type" || key == "id" || key == "tool_call_id") continue;
      if (!out.empty() && out.back() != '\n' && value.keys().size() > 1 && value.items()[k].type() != kind::null) out += '\n';
      collect(value.items()[k], out);
    }
  }
}

/// Throws io_error, with the byte of the request, where it is not what the API asks for.
inline chat_request read_request(std::string_view body) {
  using kind = io::json_value::kind;
  auto const json = io::parse_json(body, "request");
  chat_request out;
  if (auto const* stream = json.find("stream"); stream != nullptr && stream->type() != kind::null) out.stream = stream->boolean();
  if (auto const* model = json.find("model")) out.model = model->string();
  auto const& messages = json.at("messages");
  if (messages.type() != kind::array || messages.items().empty()) messages.fail("expected an array of messages");
  for (auto const& message : messages.items()) {
    std::string const& role = message.at("role").string();
    judged_text text{guard::speaker::user, {}};
    if (role == "system" || role == "developer") text.who = guard::speaker::system;
    else if (role == "tool" || role == "function") text.who = guard::speaker::tool;
    else if (role != "user" && role != "assistant") message.fail("unknown role");  // an earlier "assistant" is the client's word: its user's
    if (auto const* content = message.find("content"); content != nullptr && content->type() == kind::array)
      for (auto const& part : content->items()) {
        std::string const& type = part.at("type").string();
        text.unread = text.unread || (type != "text" && type != "refusal");
      }
    collect(message, text.text);
    if (role == "user") out.prompt = text.text;
    out.texts.push_back(std::move(text));
  }
  // What several messages say together, and what the tools are said to be.
  judged_text all{guard::speaker::user, {}};
  int of_user = 0;
  for (auto const& text : out.texts)
    if (text.who == guard::speaker::user) all.text += text.text + "\n", ++of_user;
  if (of_user > 1) out.texts.push_back(std::move(all));
  for (char const* key : {"tools", "functions"})
    if (auto const* tools = json.find(key)) {
      judged_text text{guard::speaker::system, {}};
      collect(*tools, text.text);
      out.texts.push_back(std::move(text));
    }
  return out;
}

/// The text of each choice of an answer. Throws io_error for anything else.
inline std::vector<std::string> read_answer(std::string_view body) {
  auto const json = io::parse_json(body, "answer");
  auto const& choices = json.at("choices");
  if (choices.type() != io::json_value::kind::array) choices.fail("expected an array");
  std::vector<std::string> out;
  for (auto const& choice : choices.items()) collect(choice.at("message"), out.emplace_back());
  return out;
}

/// One event of a streamed answer: what it adds to which choice.
inline std::vector<std::pair<parapet::index_t, std::string>> read_event(std::string_view data) {
  auto const json = io::parse_json(data, "event");
  auto const& choices = json.at("choices");
  if (choices.type() != io::json_value::kind::array) choices.fail("expected an array");
  std::vector<std::pair<parapet::index_t, std::string>> out;
  for (auto const& choice : choices.items()) {
    out.emplace_back(choice.at("index").integer(), std::string());
    if (auto const* delta = choice.find("delta")) collect(*delta, out.back().second);
    for (auto const* key : {"text", "message"})  // which a chat's stream does not have
      if (choice.find(key) != nullptr) choice.fail("unknown key");
  }
  return out;
}

// --- what we say ourselves

inline constexpr char const* refusal_text = "I can't help with that. This request or its answer was stopped by a content policy.";

inline std::string error_body(char const* type, std::string const& message) {
  return nlohmann::json{{"error", {{"message", message}, {"type", type}, {"param", nullptr}, {"code", type}}}}.dump(-1, ' ', false,
                                                                                                                    nlohmann::json::error_handler_t::replace);
}

inline std::string refusal_body(std::string const& request, std::string const& model) {
  nlohmann::json const message{{"role", "assistant"}, {"content", refusal_text}, {"refusal", refusal_text}};
  nlohmann::json const choice{{"index", 0}, {"message", message}, {"logprobs", nullptr}, {"finish_reason", "content_filter"}};
  return nlohmann::json{{"id", request}, {"object", "chat.completion"}, {"created", std::time(nullptr)}, {"model", model}, {"choices", {choice}},
                        {"usage", {{"prompt_tokens", 0}, {"completion_tokens", 0}, {"total_tokens", 0}}}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The event that ends a choice of a stream. What came before it was judged and stays; where nothing did, it says why.
inline std::string refusal_event(std::string const& request, std::string const& model, parapet::index_t choice, bool first) {
  nlohmann::json delta = nlohmann::json::object();
  if (first) delta = {{"role", "assistant"}, {"content", refusal_text}};
  nlohmann::json const end{{"index", choice}, {"delta", delta}, {"logprobs", nullptr}, {"finish_reason", "content_filter"}};
  return nlohmann::json{{"id", request}, {"object", "chat.completion.chunk"}, {"created", std::time(nullptr)}, {"model", model}, {"choices", {end}}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Server-sent events out of bytes that come in pieces: calls on_data(text) for each event's data. An event may have `most` bytes.
class event_reader {
public:
  explicit event_reader(std::size_t most) : most_(most) {}

  /// Whether to go on: false where on_data says so, or an event is too long.
  template <class F>
  bool feed(std::string_view bytes, F on_data) {
    for (char const c : bytes) {
      if (c == '\n' && last_ == '\r') {
        last_ = c;
        continue;
      }
      last_ = c;
      if (c != '\n' && c != '\r') {
        line_ += c;
        if (line_.size() + data_.size() > most_) return false;
        continue;
      }
      if (line_.empty() && has_data_) {
        if (!on_data(std::string_view(data_))) return false;
        data_.clear();
        has_data_ = false;
      } else if (line_.starts_with("data:")) {
        if (has_data_) data_ += '\n';
        data_ += line_.substr(line_.size() > 5 && line_[5] == ' ' ? 6 : 5);
        has_data_ = true;
      }  // comments and other fields say nothing to a chat
      line_.clear();
    }
    return true;
  }

private:
  std::size_t most_;
  std::string line_, data_;
  bool has_data_ = false;
  char last_ = 0;
};

}  // namespace guarded_chat
