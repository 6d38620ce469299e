// The chat completions API as a guard reads it: which texts of a request or an answer are to be judged, and what a refusal looks like.
//
// What comes from outside is read by io::parse_json, which refuses what two programs could read in two ways (a key twice, text behind
// the end), and is handed on as the bytes that it came as: what is forwarded is what was judged. Replies of our own are written by nlohmann.
#pragma once

#include <parapet/guard/policy.hpp>
#include <parapet/io/json.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guarded_chat {

namespace guard = parapet::guard;
namespace io = parapet::io;

/// A value takes some hundred bytes of memory, however short it is.
inline constexpr io::json_limits json_bounds{.max_depth = 64, .max_values = 20'000};
inline constexpr std::size_t most_messages = 512, most_choices = 16;

struct judged_text {
  guard::speaker who;
  std::string text;
  bool unread = false;  ///< it has parts that are no text: images, sound
};

/// A request to POST /v1/chat/completions.
struct chat_request {
  std::vector<judged_text> texts;  ///< in the order of the conversation
  std::string together;            ///< what several messages of the user say together
  std::string prompt;              ///< what an answer is an answer to: the last text of the user
  std::string model = "unknown";
  bool stream = false;
};

template <std::size_t N>
constexpr bool is_one_of(std::string_view text, std::string_view const (&list)[N]) {
  return std::ranges::find(list, text) != std::end(list);
}

enum class reading {
  strings,        ///< of a message
  keys_too,       ///< of a schema, whose names a model reads as well
  without_media,  ///< of an image or a sound: but not the bytes of it
};

/// Appends the strings of a value, each on a line of its own, but for those that only name a part of the message.
inline void collect(io::json_value const& value, std::string& out, reading how = reading::strings) {
  using kind = io::json_value::kind;
  constexpr std::string_view names[] = {"role", "type", "id", "tool_call_id"};
  constexpr std::string_view words_of_schemas[] = {"additionalProperties", "description", "enum",   "format", "function", "items", "json_schema",
                                                   "name",                 "parameters",  "properties", "required", "schema", "strict"};
  auto const is_word = [](std::string const& text) { return text.size() <= 64 && text.find_first_of(" \t\n\r") == text.npos; };
  auto const add = [&](std::string const& text) {
    if (how == reading::without_media && text.size() > 1024 && text.find(' ') == text.npos) return;
    if (!text.empty() && !out.empty() && out.back() != '\n') out += '\n';
    out += text;
  };
  if (value.type() == kind::string) return add(value.string());
  if (value.type() == kind::array)
    for (auto const& item : value.items()) collect(item, out, how);
  if (value.type() == kind::object)
    for (std::size_t k = 0; k < value.keys().size(); ++k) {
      std::string const& key = value.keys()[k];
      io::json_value const& item = value.items()[k];
      bool const is_name = is_one_of(key, names);
      if (is_name && item.type() == kind::string && is_word(item.string())) continue;
      if (how == reading::keys_too && !is_name && !is_one_of(key, words_of_schemas)) add(key);
      collect(item, out, how);
    }
}

/// Whether there is nothing in a value: null, false, 0, "", or only such in it.
inline bool is_empty(io::json_value const& value) {
  using kind = io::json_value::kind;
  switch (value.type()) {
    case kind::null: return true;
    case kind::boolean: return !value.boolean();
    case kind::number: return value.literal() == "0";
    case kind::string: return value.string().empty();
    default: return std::ranges::all_of(value.items(), is_empty);
  }
}

inline judged_text read_message(io::json_value const& message) {
  using kind = io::json_value::kind;
  std::string const& role = message.at("role").string();
  judged_text out{guard::speaker::user, {}};
  if (role == "system" || role == "developer") out.who = guard::speaker::system;
  else if (role == "tool" || role == "function") out.who = guard::speaker::tool;
  else if (role != "user" && role != "assistant") message.fail("unknown role");  // an earlier "assistant" is the client's word: its user's
  if (auto const* content = message.find("content"); content != nullptr && content->type() == kind::array)
    for (auto const& part : content->items()) {
      std::string const& type = part.at("type").string();
      out.unread = out.unread || (type != "text" && type != "refusal");
    }
  collect(message, out.text, out.unread ? reading::without_media : reading::strings);
  return out;
}

/// Throws io_error, with the byte of the request, where it is not what the API asks for or asks for what cannot be judged.
inline chat_request read_request(std::string_view body) {
  using kind = io::json_value::kind;
  // Fields that no model reads as text. All others are judged, those too that one server has of its own (templates, documents, grammars).
  constexpr std::string_view settings[] = {"function_call",    "messages",          "metadata",     "modalities", "model",
                                           "prompt_cache_key", "reasoning_effort",  "service_tier", "stop",       "stream_options",
                                           "tool_choice",      "safety_identifier", "user",         "verbosity"};
  constexpr std::string_view instructions[] = {"functions", "response_format", "tools"};
  auto const json = io::parse_json(body, "request", json_bounds);
  chat_request out;
  if (auto const* stream = json.find("stream"); stream != nullptr && stream->type() != kind::null) out.stream = stream->boolean();
  if (auto const* model = json.find("model")) out.model = model->string();
  for (char const* key : {"logprobs", "top_logprobs", "prompt_logprobs"})
    if (auto const* wanted = json.find(key); wanted != nullptr && !is_empty(*wanted))
      wanted->fail(parapet::detail::concat("this guard does not serve '", key, "': log-probabilities show words that it has not judged"));

  auto const& messages = json.at("messages");
  if (messages.type() != kind::array || messages.items().empty()) messages.fail("expected an array of messages");
  if (messages.items().size() > most_messages) messages.fail(parapet::detail::concat("more than ", most_messages, " messages"));
  int of_user = 0;
  for (auto const& message : messages.items()) {
    judged_text text = read_message(message);
    if (message.at("role").string() == "user") out.prompt = text.text;
    if (text.who == guard::speaker::user) out.together += text.text + "\n", ++of_user;
    out.texts.push_back(std::move(text));
  }
  if (of_user < 2) out.together.clear();
  for (std::size_t k = 0; k < json.keys().size(); ++k) {
    std::string const& key = json.keys()[k];
    if (is_one_of(key, settings)) continue;
    judged_text text{is_one_of(key, instructions) ? guard::speaker::system : guard::speaker::user, {}};
    collect(json.items()[k], text.text, reading::keys_too);
    if (!text.text.empty()) out.texts.push_back(std::move(text));
  }
  return out;
}

/// What a choice adds under `part`. Throws io_error where it has more than that.
inline std::string read_choice(io::json_value const& choice, std::string_view part) {
  for (char const* key : {"message", "delta", "text", "logprobs"})
    if (auto const* other = choice.find(key); other != nullptr && key != part && !is_empty(*other))
      other->fail(parapet::detail::concat("a choice has '", key, "', which is not judged"));
  std::string out;
  if (auto const* text = choice.find(part)) collect(*text, out);
  return out;
}

inline std::vector<io::json_value> const& choices_of(io::json_value const& json) {
  auto const& choices = json.at("choices");
  if (choices.type() != io::json_value::kind::array) choices.fail("expected an array");
  if (choices.items().size() > most_choices) choices.fail(parapet::detail::concat("more than ", most_choices, " choices"));
  return choices.items();
}

/// The text of each choice of an answer, of which there is one at least. Throws io_error for anything else.
inline std::vector<std::string> read_answer(std::string_view body) {
  auto const json = io::parse_json(body, "answer", json_bounds);
  std::vector<std::string> out;
  for (auto const& choice : choices_of(json)) {
    choice.at("message");
    out.push_back(read_choice(choice, "message"));
  }
  if (out.empty()) json.fail("no choices");
  return out;
}

/// One event of a streamed answer: what it adds to which choice. The event with the usage has none.
inline std::vector<std::pair<parapet::index_t, std::string>> read_event(std::string_view data) {
  auto const json = io::parse_json(data, "event", json_bounds);
  std::vector<std::pair<parapet::index_t, std::string>> out;
  for (auto const& choice : choices_of(json)) out.emplace_back(choice.at("index").integer(), read_choice(choice, "delta"));
  return out;
}

/// The end of a text of UTF-8, of at most so many characters.
inline std::string last_characters(std::string_view text, parapet::index_t characters) {
  std::size_t at = text.size();
  while (at > 0 && characters > 0)
    if ((text[--at] & 0xC0) != 0x80) --characters;
  return std::string(text.substr(at));
}

/// The place so many characters of UTF-8 behind `at`, or the end.
inline std::size_t after_characters(std::string_view text, std::size_t at, parapet::index_t characters) {
  for (; at < text.size(); ++at)
    if ((text[at] & 0xC0) != 0x80 && characters-- == 0) break;
  return at;
}

/// A text in parts of so many characters, of which neighbours share a quarter. Where the text goes on, all parts but the last stay what they were.
inline std::vector<std::string_view> parts_of(std::string_view text, parapet::index_t characters) {
  std::vector<std::string_view> out;
  for (std::size_t begin = 0, end = 0; end < text.size(); begin = after_characters(text, begin, characters - characters / 4)) {
    end = after_characters(text, begin, characters);
    out.push_back(text.substr(begin, end - begin));
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
