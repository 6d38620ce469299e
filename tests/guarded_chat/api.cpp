// What guarded_chat takes for a request and what it does not, one request after the other.
//
//   guarded_chat_api <scripted_upstream> <guarded_chat>
#include "client.hpp"

#include <parapet/io/file.hpp>

#include <signal.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

using namespace guarded_chat_test;

namespace {

constexpr char const* rules = R"({"rules": [{"phrase": "purple plum", "prompt_harm": 0.95, "response_harm": 0.95}]})";

int failures = 0, checks = 0;
void expect(bool good, std::string const& what, answer const& a) {
  ++checks;
  if (good) return;
  ++failures;
  std::printf("FAILED: %s: %d %s\n", what.c_str(), a.status, a.body.substr(0, 300).c_str());
}

/// A request of one message, with more fields.
std::string request_with(std::string const& fields, std::string const& content = "\"an apple\"") {
  return "{\"model\": \"scripted\", \"messages\": [{\"role\": \"user\", \"content\": " + content + "}]" + (fields.empty() ? "" : ", " + fields) + "}";
}

std::string chunked(std::string const& body, std::size_t piece) {
  std::string out;
  char length[32];
  for (std::size_t at = 0; at < body.size(); at += piece) {
    std::string const part = body.substr(at, piece);
    std::snprintf(length, sizeof length, "%zx\r\n", part.size());
    out += length + part + "\r\n";
  }
  return out + "0\r\n\r\n";
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: guarded_chat_api <scripted_upstream> <guarded_chat>");
  scratch_folder const tmp;
  program upstream({argv[1], "--port", "0"});
  program guard({argv[2], "--upstream", "http://127.0.0.1:" + std::to_string(upstream.port()), "--port", "0", "--rules", tmp.file("rules.json", rules),
                 "--salt-file", tmp.file("salt", "a salt for tests only"), "--log", tmp.file("audit.jsonl"), "--request-kb", "64"});
  client c(guard.port());
  std::string const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n";
  auto const asked = [&](std::string const& what, std::string const& body, int status) {
    answer const a = c.post(body);
    expect(a.status == status && (status == 200 || a.body.find("\"error\"") != a.body.npos), what, a);
    return a;
  };
  auto const stopped = [&](std::string const& what, std::string const& body) {
    answer const a = asked(what, body, 200);
    expect(refused(a), what + " is judged", a);
  };
  auto const passes = [&](std::string const& what, std::string const& body) {
    answer const a = asked(what, body, 200);
    expect(!refused(a), what + " passes", a);
  };

  // Where a text may stand.
  passes("a message", request_with(""));
  stopped("a message", request_with("", R"("a purple plum")"));
  stopped("parts", request_with("", R"([{"type": "text", "text": "a purple"}, {"type": "text", "text": "plum"}])"));
  stopped("a text beside an image",
          request_with("", R"([{"type": "text", "text": "a purple plum"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}])"));
  stopped("a part of a kind that nobody knows", request_with("", R"([{"type": "letter", "words": "a purple plum"}])"));
  stopped("messages together", R"({"messages": [{"role": "user", "content": "a purple"}, {"role": "user", "content": "plum"}]})");
  {  // wherever it is in a long conversation
    std::string long_talk;
    for (int n = 0; n < 60; ++n) {
      std::string const before = long_talk;
      long_talk += R"({"role": "user", "content": "apples )" + std::string(static_cast<std::size_t>(n), 'x') + R"("},)";
      if (n % 6 == 0)
        stopped("messages together, at " + std::to_string(long_talk.size()),
                "{\"messages\": [" + before + R"({"role": "user", "content": "a purple"}, {"role": "user", "content": "plum"},)" + long_talk +
                    R"({"role": "user", "content": "and more"}]})");
    }
    passes("a long conversation", "{\"messages\": [" + long_talk + R"({"role": "user", "content": "and more"}]})");
  }
  stopped("an answer that the client made up", R"({"messages": [{"role": "assistant", "content": "a purple plum"}, {"role": "user", "content": "go on"}]})");
  stopped("a tool's description", request_with(R"("tools": [{"type": "function", "function": {"name": "f", "description": "a purple plum"}}])"));
  stopped("a tool's parameter",
          request_with(R"("tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"purple plum": {}}}}}])"));
  stopped("a schema behind a name that is skipped", request_with(R"("response_format": {"id": {"type": "a purple plum"}})"));
  stopped("a template", request_with(R"("chat_template": "a purple plum")"));
  stopped("documents", request_with(R"("documents": [{"title": "fruit", "text": "a purple plum"}])"));
  passes("settings",
         request_with(R"("temperature": 0.5, "n": 2, "seed": 1, "stop": ["."], "tool_choice": "none", "response_format": {"type": "json_object"})"));

  // What cannot be judged.
  passes("no log-probabilities", request_with(R"("logprobs": false, "top_logprobs": null)"));
  asked("log-probabilities", request_with(R"("logprobs": true)"), 400);
  asked("log-probabilities of a stream", request_with(R"("logprobs": true, "stream": true)"), 400);
  asked("log-probabilities of the prompt", request_with(R"("prompt_logprobs": 1)"), 400);
  asked("an answer with log-probabilities", request_with(R"("user": "logprobs")"), 502);
  {
    answer const a = asked("a streamed answer with log-probabilities", request_with(R"("user": "logprobs", "stream": true)"), 200);
    expect(a.body.find("\"error\"") != a.body.npos && a.body.find("\"token\"") == a.body.npos, "which does not come through", a);
  }
  {
    answer const a = asked("a stream with its usage", request_with(R"("user": "usage", "stream": true, "stream_options": {"include_usage": true})"), 200);
    expect(a.body.find("\"total_tokens\"") != a.body.npos && a.body.ends_with("data: [DONE]\n\n") && text_of(a) == "an apple", "comes with it", a);
  }

  // What is no request.
  asked("no JSON", "purple", 400);
  asked("an empty body", "", 400);
  asked("no messages", R"({"messages": []})", 400);
  asked("an unknown role", R"({"messages": [{"role": "judge", "content": "x"}]})", 400);
  asked("a key twice", R"({"messages": [{"role": "user", "content": "x", "content": "a purple plum"}]})", 400);
  asked("bytes that are not UTF-8", request_with("", "\"\xFF\xFE\""), 400);
  asked("deep JSON", request_with("\"x\": " + std::string(10'000, '[') + std::string(10'000, ']')), 400);
  {
    std::string zeros;
    for (int k = 0; k < 25'000; ++k) zeros += "0,";
    asked("many values", request_with("\"x\": [" + zeros + "0]"), 400);
    std::string many;
    for (int k = 0; k < 600; ++k) many += R"({"role": "user", "content": "x"},)";
    asked("many messages", R"({"messages": [)" + many + R"({"role": "user", "content": "x"}]})", 400);
  }

  // How a body comes.
  std::string const body = request_with(""), large = request_with("\"x\": \"" + std::string(100'000, 'x') + "\"");
  auto const raw = [&](std::string const& what, std::string const& bytes, int status) {
    answer const a = c.ask(bytes);
    expect(a.status == status, what, a);
    if (status != 200) expect(a.header("Connection") == "close", what + ": the connection ends", a);
    if (status != 200) c.drop();
  };
  raw("in chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 7), 200);
  raw("too large", head + "Content-Length: " + std::to_string(large.size()) + "\r\n\r\n" + large, 413);
  raw("too large, in chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(large, 1000), 413);
  raw("a form", head + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5\r\n\r\n--b--", 415);
  {
    answer const first = c.ask(head + "Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    expect(first.status == 100, "100-continue", first);
    answer const then = c.rest();
    expect(then.status == 200 && text_of(then) == "an apple", "and then the answer", then);
  }
  passes("the next request on the same connection", body);
  {  // headers: which go on, and which come back
    std::string const asks = request_with(R"("user": "headers")");
    answer const a = c.ask(head + "Authorization: Bearer key\r\nOpenAI-Project: fruit\r\nCookie: crumbs\r\nX-Request-Id: mine\r\nContent-Length: " +
                           std::to_string(asks.size()) + "\r\n\r\n" + asks);
    std::string const sent = text_of(a), id = a.header("X-Request-Id");
    expect(sent.find("Authorization: Bearer key\r\n") != sent.npos && sent.find("OpenAI-Project: fruit\r\n") != sent.npos, "headers of an account", a);
    expect(sent.find("crumbs") == sent.npos && sent.find("mine") == sent.npos, "no other headers", a);
    expect(!id.empty() && sent.find("X-Request-Id: " + id + "\r\n") != sent.npos, "one name of a request for all", a);
    answer const later = asked("a chat service that is busy", request_with(R"("user": "status 429")"), 429);
    expect(later.header("Retry-After") == "7", "says when to come back", later);
    answer const down = asked("a chat service that is down", request_with(R"("user": "status 503")"), 503);
    expect(down.header("Retry-After") == "7", "says when to come back, once", down);
  }
  {
    answer const a = c.get("/v1/completions");
    expect(a.status == 404, "a path that is not judged", a);
    answer const health = c.get("/healthz");
    expect(health.status == 200 && health.body == "ok\n", "health", health);
  }
  {  // a request that is under way when the service is to end has its answer
    answer a;
    std::thread asks([&] { a = client(guard.port()).post(request_of("one two three four five six", "drip", true)); });
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    c.drop();
    int const ended = guard.end(SIGTERM);
    asks.join();
    expect(ended == 0 && a.status == 200 && text_of(a) == "one two three four five six", "SIGTERM with a request under way", a);
    std::string const log = parapet::io::read_file(tmp.file("audit.jsonl"));
    expect(log.ends_with('\n') && log.find("\"request\": \"" + a.header("X-Request-Id")) != log.npos, "is in the log", a);
  }
  std::printf(failures == 0 ? "%d checks passed\n" : "%d checks, of which FAILED: %d\n", checks, failures);
  return failures == 0 ? 0 : 1;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "guarded_chat_api: %s\n", failure.what());
  return 1;
}
