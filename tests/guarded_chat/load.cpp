// guarded_chat under load, on this machine: many clients, a chat service that misbehaves, kill -9, a full disk.
//
//   test_guarded_chat <scripted_upstream> <guarded_chat> [clients] [seconds a phase] [--rows FILE options of guarded_chat ...]
//
// What is asked are a harmless and a marked text, which stands for an unsafe one and is mild, with phrases as the moderator; or, for a moderator
// that the options name (--model FOLDER), the rows of a file with the columns of WildGuardMix. Each is asked once alone, and under load its
// answer must be the same: what was let through and what was refused, to the letter.
// Prints a table and fails where it is not, where the proxy ends or leaks files, loses or tears a line of its log, or answers what it could
// not judge or log. Times are told, not judged.
#include "client.hpp"

#include <parapet/guard/moderation_data.hpp>
#include <parapet/io/file.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace guarded_chat_test;
using steady = std::chrono::steady_clock;

namespace {

constexpr char const* harmless = "Water boils at one hundred degrees at sea level, and earlier on a mountain, where the air is thin. Bring a lid and patience.";
constexpr char const* marked = "First find a quiet place, then take what you need, and now the purple plum goes in with the rest of it, as always.";
constexpr char const* rules = R"({"rules": [{"phrase": "purple plum", "response_harm": 0.95}, {"phrase": "green pear", "prompt_harm": 0.95}]})";

int failures = 0;
void expect(bool good, std::string const& what) {
  if (good) return;
  if (++failures <= 20) std::printf("FAILED: %s\n", what.c_str());
}

struct tally {
  std::mutex mutex;
  std::vector<double> milliseconds;
  std::map<int, int> statuses;  // 0: the connection ended
  std::map<std::string, int> odd;
  std::set<std::string> acknowledged;  // requests whose answers came whole
  int refusals = 0;

  void add(answer const& a, double ms) {
    std::lock_guard const lock(mutex);
    milliseconds.push_back(ms);
    ++statuses[a.status];
    refusals += refused(a);
    if (a.status != 0 && !a.header("X-Request-Id").empty()) acknowledged.insert(a.header("X-Request-Id"));
  }
  std::size_t answered() {
    std::lock_guard const lock(mutex);
    return acknowledged.size();
  }
  double quantile(double q) {
    if (milliseconds.empty()) return 0;
    std::sort(milliseconds.begin(), milliseconds.end());
    return milliseconds[static_cast<std::size_t>(q * static_cast<double>(milliseconds.size() - 1))];
  }
  void print(char const* phase, double seconds) {
    std::string seen;
    for (auto const& [status, count] : statuses)
      seen += (seen.empty() ? "" : ", ") + std::to_string(count) + " x " + (status == 0 ? "ended" : std::to_string(status));
    std::printf("| %-28s | %6zu | %7.0f | %6.1f | %6.1f | %6.1f | %s; %d refused |\n", phase, milliseconds.size(),
                static_cast<double>(milliseconds.size()) / seconds, quantile(0.5), quantile(0.99), quantile(1), seen.c_str(), refusals);
    std::fflush(stdout);
  }
};

/// One request, and what its answer was when it was asked alone.
struct trial {
  std::string prompt, script;
  bool stream = false;
  std::string text = {};
  bool is_refused = false;

  std::string request() const { return request_of(prompt, script, stream); }
};

/// A harmless and a marked text, answered and asked for; of 16 requests 6 are to be refused.
std::vector<trial> phrase_trials() {
  std::vector<trial> out;
  for (int n = 0; n < 16; ++n)
    out.push_back({n % 8 == 6 ? "where is the G.R.E.E.N pear?" : "how do I boil water?", std::string("say ") + (n % 4 == 3 ? marked : harmless), n % 2 == 0});
  return out;
}

/// All prompts with an answer of some row, every second one streamed. The answers are the stand-in's, line by line.
std::vector<trial> row_trials(std::string const& path, std::string& answers) {
  auto const rows = parapet::guard::read_moderation_data(path).rows;
  std::vector<trial> out;
  int lines = 0;
  for (auto const& row : rows)
    if (row.response) answers += "{\"answer\": " + parapet::io::json_quote(*row.response) + "}\n", ++lines;
  if (lines == 0) throw std::runtime_error("the rows have no responses");
  for (auto const& row : rows) {
    auto const n = static_cast<int>(out.size());
    out.push_back({row.prompt, "answer " + std::to_string(n % lines), n % 2 == 0});
  }
  return out;
}

/// `clients` threads that ask one thing after the other until the time is over or `enough` says so. ask(client, number of the request) -> answer.
template <class Ask>
double run(tally& t, int port, int clients, double seconds, Ask ask, std::atomic<bool>* enough = nullptr) {
  std::vector<std::thread> threads;
  auto const begin = steady::now();
  for (int c = 0; c < clients; ++c)
    threads.emplace_back([&, c] {
      client connection(port);
      for (int n = c; std::chrono::duration<double>(steady::now() - begin).count() < seconds && !(enough != nullptr && *enough);
           n += 37) {  // all kinds in turn
        auto const start = steady::now();
        answer const a = ask(connection, n);
        t.add(a, std::chrono::duration<double, std::milli>(steady::now() - start).count());
        if (a.status == 0 && enough == nullptr) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  for (auto& thread : threads) thread.join();
  return std::chrono::duration<double>(steady::now() - begin).count();
}

/// The requests that the log's lines are of. Every line must be JSON, and the last one whole.
std::set<std::string> logged(std::string const& path, int& lines) {
  std::set<std::string> out;
  std::string const text = parapet::io::read_file(path);
  expect(text.empty() || text.back() == '\n', "the log ends within a line");
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    try {
      out.insert(parapet::io::parse_json(std::string_view(text).substr(at, end - at), "log").at("request").string());
      ++lines;
    } catch (parapet::error const& failure) {
      expect(false, std::string("a torn line: ") + failure.what());
    }
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3)
    throw std::runtime_error("usage: test_guarded_chat <scripted_upstream> <guarded_chat> [clients] [seconds] [--rows FILE options of guarded_chat]");
  int const clients = argc > 3 ? std::atoi(argv[3]) : 50;
  double const seconds = argc > 4 ? std::atof(argv[4]) : 0.5;
  bool const own_rows = argc > 6 && std::string(argv[5]) == "--rows";
  scratch_folder const tmp;
  std::string answers = "{\"answer\": \"none\"}\n";
  std::vector<trial> trials = own_rows ? row_trials(argv[6], answers = "") : phrase_trials();
  std::vector<std::string> moderator(argv + (own_rows ? 7 : argc), argv + argc);
  if (moderator.empty()) moderator = {"--rules", tmp.file("rules.json", rules), "--first", "30", "--every", "30", "--context", "60"};
  program upstream({argv[1], "--port", "0", "--stall-s", "3", "--answers", tmp.file("answers.jsonl", answers)});
  auto const proxy = [&](std::string const& log, std::vector<std::string> const& more = {}) {
    std::vector<std::string> out{argv[2], "--upstream", "http://127.0.0.1:" + std::to_string(upstream.port()), "--port", "0", "--log", log};
    std::vector<std::string> const bounds{"--salt-file", tmp.file("salt", "a salt for tests only"), "--stall-s", "1", "--deadline-s", "4"};
    out.insert(out.end(), bounds.begin(), bounds.end());
    out.insert(out.end(), moderator.begin(), moderator.end());
    out.insert(out.end(), more.begin(), more.end());
    return out;
  };

  // Alone.
  int refusals = 0;
  {
    program guard(proxy(tmp.file("alone.jsonl")));
    client c(guard.port());
    for (trial& t : trials) {
      answer const a = c.post(t.request());
      expect(a.status == 200, "alone: status " + std::to_string(a.status) + ": " + a.body);
      t.text = text_of(a);
      t.is_refused = refused(a);
      refusals += t.is_refused;
      if (own_rows) continue;
      bool const unsafe = t.prompt.find("G.R.E.E.N") != t.prompt.npos || t.script.find("plum") != t.script.npos;
      expect(a.body.find("plum") == a.body.npos, "a marked text came through");
      expect(t.is_refused == unsafe && (unsafe || t.text == harmless), "refused is not what is marked: " + a.body);
    }
  }
  expect(refusals > 0 && refusals < static_cast<int>(trials.size()), "the trials are all of one kind");
  std::printf("%zu requests, of which %d are refused\n\n", trials.size(), refusals);
  trial const passing = *std::find_if(trials.begin(), trials.end(), [](trial const& t) { return !t.is_refused && t.text.size() > 20; });
  std::printf("| phase, %3d clients            |    all |   per s | p50 ms | p99 ms | max ms | answers |\n|---|---|---|---|---|---|---|\n", clients);

  std::mutex checking;
  auto const same = [&](answer const& a, trial const& t, char const* phase) {
    std::lock_guard const lock(checking);
    expect(a.status == 200 && refused(a) == t.is_refused && text_of(a) == t.text,
           std::string(phase) + ": not the answer as it was alone: " + std::to_string(a.status) + " " + a.body);
  };
  auto const told = [&](answer const& a, char const* phase) {
    std::lock_guard const lock(checking);
    expect(a.status != 0 && a.body.find("\"error\"") != a.body.npos && a.body.find("[DONE]") == a.body.npos, std::string(phase) + ": a failure was not told");
  };
  auto const at = [&](int n) -> trial const& { return trials[static_cast<std::size_t>(n) % trials.size()]; };

  {  // without a guard, for comparison
    tally t;
    double const took = run(t, upstream.port(), clients, seconds, [&](client& c, int n) { return c.post(at(n).request()); });
    t.print("no guard", took);
  }
  std::string const log = tmp.file("audit.jsonl");
  {
    program guard(proxy(log));
    tally t;
    double took = run(t, guard.port(), clients, seconds, [&](client& c, int n) {
      answer a = c.post(at(n).request());
      same(a, at(n), "usual");
      return a;
    });
    t.print("usual", took);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    int const files = guard.files();
    double const memory = guard.memory();

    tally odd;
    std::vector<std::string> const scripts{"close", "garbage", "badjson", "silent", "status 500", "huge", "stall"};
    took = run(odd, guard.port(), clients, seconds, [&](client& c, int n) {
      if (n % 2 == 0) {
        answer a = c.post(at(n / 2).request());
        same(a, at(n / 2), "misbehaving");
        return a;
      }
      // A stall takes a second of its client and comes less often.
      std::size_t const which = static_cast<std::size_t>(n / 2) % (n % 16 < 2 ? scripts.size() : scripts.size() - 2);
      answer a = c.post(request_of(passing.prompt, scripts[which], n % 3 == 0));
      told(a, "misbehaving");
      return a;
    });
    odd.print("half of the answers broken", took);

    tally leave;
    took = run(leave, guard.port(), clients, seconds / 2, [&](client& c, int) { return c.post(request_of(passing.prompt, "drip", true)); });
    leave.print("slow words", took);
    client probe(guard.port());
    expect(probe.get("/healthz").status == 200, "healthz after load");
    expect(guard.alive(), "the proxy ended");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    std::printf("\nfiles open %d, then %d; memory %.1f MiB, then %.1f MiB\n", files, guard.files(), memory, guard.memory());
    expect(guard.files() <= files + 2, "files stay open");
    std::string const metrics = probe.get("/metrics").body;
    auto const number = [&](std::string const& name) {
      std::size_t const found = metrics.find("\n" + name + " ");
      return found == metrics.npos ? 0.0 : std::atof(metrics.c_str() + found + name.size() + 2);
    };
    double const judged = number("guarded_chat_moderation_seconds_count");
    expect(judged > 0, "metrics");
    std::printf("%.0f texts judged, %.2f ms each with the wait for a moderator\n", judged, 1e3 * number("guarded_chat_moderation_seconds_sum") / judged);

    int lines = 0;
    auto const found = logged(log, lines);
    int missing = 0;
    for (tally* of : {&t, &odd, &leave})
      for (auto const& id : of->acknowledged) missing += found.count(id) == 0;
    expect(missing == 0, std::to_string(missing) + " answered requests are not in the log");
    std::printf("log: %d lines, %d missing\n", lines, missing);
    expect(guard.end(SIGTERM) == 0, "the proxy did not end in good order");
  }
  {  // more clients than it takes
    program guard(proxy(tmp.file("busy.jsonl"), {"--in-flight", "4"}));
    tally t;
    double const took = run(t, guard.port(), clients, seconds / 2, [&](client& c, int n) {
      answer a = c.post(at(n).request());
      if (a.status != 503) same(a, at(n), "busy");
      else told(a, "busy");
      return a;
    });
    t.print("4 at once, the others 503", took);
    expect(t.statuses.count(503) == 1 || clients <= 4, "nobody was told that it is busy");
  }
  {  // a moderator for whom nobody waits long enough
    program guard(proxy(tmp.file("late.jsonl"), {"--moderators", "1", "--patience-ms", "1"}));
    tally t;
    double const took = run(t, guard.port(), clients, seconds / 2, [&](client& c, int n) {
      answer a = c.post(at(n).request());
      if (a.status != 503 && a.body.find("guard_unavailable") == a.body.npos) same(a, at(n), "late");
      else told(a, "late");
      return a;
    });
    t.print("1 moderator, 1 ms of patience", took);
  }
  {  // kill -9 under load, again and again, on one log
    std::string const path = tmp.file("killed.jsonl");
    std::set<std::string> acknowledged;
    int kills = 0, cut = 0;
    auto const begin = steady::now();
    while (std::chrono::duration<double>(steady::now() - begin).count() < seconds || kills < 3) {
      if (kills > 0 && !parapet::io::read_file(path).ends_with('\n')) ++cut;
      program guard(proxy(path));
      tally t;
      std::atomic<bool> enough{false};
      std::thread killer([&] {
        for (int k = 0; k < 3000 && t.answered() < 10; ++k) std::this_thread::sleep_for(std::chrono::milliseconds(10));  // however slow it is
        std::this_thread::sleep_for(std::chrono::milliseconds(7 * kills % 60));
        guard.end(SIGKILL);
        enough = true;
      });
      run(t, guard.port(), clients, 60, [&](client& c, int n) { return c.post(at(n).request()); }, &enough);
      killer.join();
      ++kills;
      acknowledged.insert(t.acknowledged.begin(), t.acknowledged.end());
    }
    program guard(proxy(path));  // repairs the log
    int lines = 0, missing = 0;
    auto const found = logged(path, lines);
    for (auto const& id : acknowledged) missing += found.count(id) == 0;
    expect(missing == 0, std::to_string(missing) + " acknowledged requests are not in the log after kill -9");
    expect(!acknowledged.empty(), "no request was acknowledged before kill -9");
    std::printf("\nkill -9, %d times: %zu requests acknowledged, %d log lines, %d missing, %d torn ends repaired\n", kills, acknowledged.size(), lines, missing,
                cut);
  }
  {  // a log that takes no more
    program guard(proxy(tmp.file("full.jsonl")), 64 << 10);
    client c(guard.port());
    int answered = 0, closed = 0, after = 0;
    for (int n = 0; n < 120; ++n) {
      answer const a = c.post(passing.request());
      bool const passed = a.status == 200 && text_of(a) == passing.text;
      (passed ? answered : closed) += 1;
      after += passed && closed > 1;  // the prompt's line may fit and the answer's not
    }
    std::printf("full disk: %d answered, %d refused for want of a log\n", answered, closed);
    expect(answered > 10 && closed > 10 && after <= 1, "answers without a trace");
    int health = 0;
    for (int n = 0; n < 10 && health != 503; ++n) health = c.get("/healthz").status;  // which may find room for a short line
    expect(health == 503, "healthz with a full disk");
    guard.give_room();
    expect(c.get("/healthz").status == 200 && text_of(c.post(passing.request())) == passing.text, "it does not go on when there is room again");
  }
  if (!own_rows) {  // a policy that asks for a score which the moderator has not, and then is changed
    std::string const policy = tmp.file("policy.json", R"({"rules": {"user": {"sexual_content": {"block": 0.9}}}})");
    program guard(proxy(tmp.file("policy.jsonl"), {"--policy", policy}));
    client c(guard.port());
    auto const ask = [&] { return c.post(passing.request()); };
    answer const a = ask();
    expect(a.status == 503 && a.header("Retry-After") == "1" && a.body.find("guard_unavailable") != a.body.npos, "a rule without a score must fail closed");
    tmp.file("policy.json", R"({"rules": {"user": {"prompt_harm": {"block": 0.9}}}})");
    guard.signal(SIGHUP);
    bool passes = false;
    for (int k = 0; k < 100 && !passes; ++k) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      passes = ask().status == 200;
    }
    expect(passes, "the policy was not read again");
    tmp.file("policy.json", "{\"rules\": {\"users\": {}}}");
    guard.signal(SIGHUP);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    expect(ask().status == 200, "a policy that cannot be read must not replace one that works");
  }
  std::printf(failures == 0 ? "all as it should be\n" : "%d FAILED\n", failures);
  return failures == 0 ? 0 : 1;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "test_guarded_chat: %s\n", failure.what());
  return 1;
}
