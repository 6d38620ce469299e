// What was remembered changes no answer: verdict_cache.hpp by itself, and guarded_chat with it beside guarded_chat without.
//
//   guarded_chat_cache <scripted_upstream> <guarded_chat>
#include "client.hpp"

#include "guarded_chat/verdict_cache.hpp"

#include <parapet/guard/audit_log.hpp>
#include <parapet/io/file.hpp>
#include <parapet/io/json.hpp>

#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace guarded_chat_test;
namespace guard = parapet::guard;

namespace {

int failures = 0, checks = 0;
void expect(bool good, std::string const& what) {
  ++checks;
  if (good) return;
  ++failures;
  std::printf("FAILED: %s\n", what.c_str());
}

/// Some verdict of the text's own; of one in seven texts a failure.
guard::verdict judge(std::string const& text) {
  auto const hash = parapet::io::sha256(text);
  if (hash[0] % 7 == 0) return guard::failed_verdict("no");
  guard::verdict v;
  v.status = guard::verdict_status::ok;
  v.model = hash;
  v[guard::task::prompt_harm] = {static_cast<float>(hash[1]) / 256, true};
  v.windows.resize(hash[2] % 50, {guard::side::prompt, hash[3], text.size(), v.tasks});
  return v;
}
std::string line_of(guard::verdict const& v) {
  std::string out = guard::audit_line({.request = "", .text = "", .answer = v, .decided = {}, .policy_id = "", .note = "", .time = {}},
                                      {.salt = "0123456789abcdef", .keep_texts = false, .file = {}});
  for (auto const& w : v.windows) out += " " + std::to_string(w.begin) + "-" + std::to_string(w.end);
  return out;
}

/// Four threads of two clients ask for texts again and again. Returns how many of the verdicts were remembered.
int ask_often(guarded_chat::verdict_cache& cache, std::size_t most_bytes) {
  std::atomic<int> wrong{0}, remembered{0}, failed{0};
  std::atomic<bool> bounded{true};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int n = 0; n < 3000; ++n) {
        std::string const text = "text " + std::to_string(random() % 300);
        auto const key = cache.key_of(t % 2 ? "one" : "two", text);
        auto const known = cache.find(key);
        remembered += known.has_value();
        failed += known && known->status != guard::verdict_status::ok;
        if (known) wrong += line_of(*known) != line_of(judge(text));
        else cache.keep(key, judge(text));
        if (cache.bytes() > most_bytes) bounded = false;
      }
    });
  for (auto& thread : threads) thread.join();
  expect(wrong == 0, "a verdict of another text");
  expect(failed == 0, "a failure that was remembered");
  expect(bounded, "more memory than was given");
  return remembered;
}

/// The text without what differs from run to run: the digits behind `name`.
std::string without(std::string text, std::string_view name) {
  for (std::size_t at = 0; (at = text.find(name, at)) != text.npos;) {
    at += name.size();
    text.erase(at, text.find_first_not_of("0123456789-:.TZ", at) - at);
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: guarded_chat_cache <scripted_upstream> <guarded_chat>");
  for (std::size_t const bytes : {0u, 1000u, 20'000u, 10'000'000u}) {
    guarded_chat::verdict_cache cache(bytes);
    int const remembered = ask_often(cache, bytes);
    if (bytes == 0) expect(remembered == 0, "no memory remembers");
    if (bytes == 10'000'000) expect(remembered > 9000, "of 12,000 some 10,000 come again, of which a seventh fails: remembered " + std::to_string(remembered));
    auto const mine = cache.key_of("a client", "text"), theirs = cache.key_of("another", "text");
    expect(mine == cache.key_of("a client", "text") && mine != theirs && mine != guarded_chat::verdict_cache(bytes).key_of("a client", "text"),
           "keys are of the text, of the client and of the cache");
  }

  scratch_folder const tmp;
  program upstream({argv[1], "--port", "0"});
  std::string const policy = tmp.file("policy.json", R"({"rules": {"user": {"prompt_harm": {"review": 0.3, "block": 0.9}},
    "system": {"prompt_harm": {"block": 0.4}}, "assistant": {"response_harm": {"block": 0.9}}}})");
  auto const options = [&](std::string const& log, std::string const& megabytes) {
    return std::vector<std::string>{argv[2], "--upstream", "http://127.0.0.1:" + std::to_string(upstream.port()), "--port", "0", "--policy", policy, "--rules",
                                    tmp.file("rules.json", R"({"rules": [{"phrase": "plum", "prompt_harm": 0.95, "response_harm": 0.95},
                                                                         {"phrase": "pear", "prompt_harm": 0.5, "response_harm": 0.5}]})"),
                                    "--salt-file", tmp.file("salt", "a salt for tests only"), "--log", log, "--cache-mb", megabytes};
  };
  std::string const log_with = tmp.file("with.jsonl"), log_without = tmp.file("without.jsonl");
  program with(options(log_with, "1")), plain(options(log_without, "0"));
  client asks_with(with.port()), asks_plain(plain.port());
  std::mt19937 random(1);
  std::vector<std::string> words{"a pear", "a plum", "p l u m"};  // one text of seven
  for (int n = 0; n < 18; ++n) words.push_back("apple " + std::to_string(n));
  auto const word = [&]() -> std::string const& { return words[random() % words.size()]; };
  int refusals = 0, answers = 0;
  for (int chat = 0; chat < 60; ++chat) {
    if (chat == 30) {  // the same texts under another policy
      tmp.file("policy.json", R"({"rules": {"user": {"prompt_harm": {"block": 0.4}}, "assistant": {"response_harm": {"block": 0.4}}}})");
      for (program* const p : {&with, &plain}) p->signal(SIGHUP);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    std::string messages = R"({"role": "system", "content": )" + parapet::io::json_quote(random() % 4 ? "be brief" : word()) + "}";
    std::string const client_header = random() % 2 ? "Authorization: Bearer " + std::to_string(random() % 3) + "\r\n" : "";
    for (int turn = 0; turn < 5; ++turn) {
      messages += R"(, {"role": "user", "content": )" + parapet::io::json_quote(word()) + "}";
      std::string const answer_text = word();
      std::string const body = R"({"model": "scripted", "stream": )" + std::string(random() % 2 ? "true" : "false") + R"(, "user": )" +
                               parapet::io::json_quote("say " + answer_text) + R"(, "messages": [)" + messages + "]}";
      std::string const request = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + client_header +
                                  "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      answer const a = asks_with.ask(request), b = asks_plain.ask(request);
      auto const said = [](answer const& of) { return without(without(of.body, "\"id\":\"chatcmpl-"), "\"created\":"); };
      expect(a.status == 200 && a.status == b.status && said(a) == said(b), "another answer than without: " + a.body + " and " + b.body);
      (refused(a) ? refusals : answers) += 1;
      messages += R"(, {"role": "assistant", "content": )" + parapet::io::json_quote(answer_text) + "}";
    }
  }
  expect(refusals > 50 && answers > 50, "the requests are all of one kind");
  auto const lines = [&](std::string const& path) { return without(without(parapet::io::read_file(path), "\"request\": \"chatcmpl-"), "\"time\": \""); };
  expect(lines(log_with) == lines(log_without), "another log than without");
  auto const remembered = [](client& c) {
    std::string const text = c.get("/metrics").body, name = "\nguarded_chat_remembered_total ";
    return std::atoi(text.c_str() + text.find(name) + name.size());
  };
  expect(remembered(asks_with) > 300 && remembered(asks_plain) == 0, "remembered: " + std::to_string(remembered(asks_with)));
  std::printf(failures == 0 ? "%d checks passed, %d refused, %d answered, %d verdicts remembered\n" : "%d checks, of which FAILED: %d\n", checks,
              failures == 0 ? refusals : failures, answers, remembered(asks_with));
  return failures == 0 ? 0 : 1;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "guarded_chat_cache: %s\n", failure.what());
  return 1;
}
