// A guard in front of a chat service: an OpenAI-compatible reverse proxy that judges prompts and answers, streamed ones while they come.
//
//   guarded_chat --upstream http://127.0.0.1:8000 --model guard --policy policy.json --log audit.jsonl --salt-file salt
//
// The moderator is a folder that train_guard wrote (--model), phrases (--rules, guard/phrase_rules.hpp), or both: then what a phrase
// stops is not asked of the model. Texts are read clearly before (guard/evasion.hpp).
//
// POST /v1/chat/completions   judged, forwarded, judged; a refusal has finish_reason "content_filter"
// GET  /healthz, /metrics     for the service's own people: bind --port to an address that others do not reach, or filter the paths
//
// SIGHUP reads the policy file again. SIGTERM and SIGINT end the service when the requests under way have their answers; a second one ends it
// at once. What the moderator cannot answer, or what cannot be logged, does not pass. The moderator is a template argument of everything here:
// serve() takes a pool of any.
#include "guarded_chat/moderator_pool.hpp"
#include "guarded_chat/proxy.hpp"
#include "guarded_chat/server.hpp"
#include "guarded_chat/trained_guard.hpp"
#include "support/arguments.hpp"

#include <parapet/guard/audit_log.hpp>
#include <parapet/guard/evasion.hpp>
#include <parapet/guard/phrase_rules.hpp>
#include <parapet/guard/policy.hpp>
#include <parapet/io/file.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace parapet;

namespace {

/// What is asked where no --policy is given: block from 0.9 on, look at it from 0.5 on.
guard::policy default_policy() {
  guard::policy p;
  p.name = "default";
  for (auto const who : {guard::speaker::user, guard::speaker::system, guard::speaker::tool}) p[who][guard::task::prompt_harm] = {0.5f, 0.9f};
  p[guard::speaker::assistant][guard::task::response_harm] = {0.5f, 0.9f};
  return p;
}

/// Says on stderr whose texts it has no rules for: they pass.
guard::policy read_policy(std::string const& path) {
  guard::policy const out = path.empty() ? default_policy() : guard::parse_policy(io::read_file(path, 1 << 20), path);
  std::string free;
  for (int s = 0; s < guard::speaker_count; ++s)
    if (auto const who = static_cast<guard::speaker>(s); out[who] == guard::speaker_rules{}) free.append(free.empty() ? "" : ", ").append(guard::name(who));
  if (!free.empty()) std::fprintf(stderr, "guarded_chat: policy '%s' lets all texts pass of: %s\n", out.name.c_str(), free.c_str());
  return out;
}

/// The chat service's address. What httplib does not understand it takes for the name of a host.
std::string const& address(support::arguments& given) {
  std::string const& text = given.text("upstream");
  std::string_view host = text;
  for (std::string_view const scheme : {"http://", "https://"})
    if (text.starts_with(scheme)) host.remove_prefix(scheme.size());
  bool good = host.size() < text.size() && !host.empty() && host.find_first_of("/?#@") == host.npos;
  if (std::size_t const colon = host.rfind(':'); good && colon != host.npos && host.back() != ']') {
    int port = 0;
    auto const [end, failure] = std::from_chars(host.data() + colon + 1, host.data() + host.size(), port);
    good = failure == std::errc() && end == host.data() + host.size() && port > 0 && port < 65536;
  }
  if (!good || !httplib::Client(text).is_valid())
    throw std::invalid_argument("--upstream is '" + text + "', expected http://host:port or https://host:port; paths are those of the requests");
  return text;
}

/// One of the words that an option may be.
bool is_first(support::arguments& given, std::string const& option, std::string const& first, std::string const& second) {
  std::string const& word = given.text(option);
  if (word != first && word != second) throw std::invalid_argument("--" + option + " is '" + word + "', expected " + first + " or " + second);
  return word == first;
}

/// A moderator whose texts are read clearly before, unless they are to come as they are.
template <guard::moderator Moderator>
class behind_reader {
public:
  template <class... Arguments>
  explicit behind_reader(bool clear, Arguments const&... arguments) : clear_(clear), model_(arguments...), reader_(model_) {}
  behind_reader(behind_reader const&) = delete;
  guard::verdict classify(guard::exchange const& text) { return clear_ ? reader_.classify(text) : model_.classify(text); }
  void classify(std::span<guard::exchange const> in, std::span<guard::verdict> out) { clear_ ? reader_.classify(in, out) : model_.classify(in, out); }

  Moderator const& model() const { return model_; }

private:
  bool clear_;
  Moderator model_;
  guard::clear_reader<Moderator> reader_;
};

template <guard::moderator Moderator, class... Arguments>
auto make_moderators(support::arguments& given, Arguments const&... arguments) {
  bool const clear = is_first(given, "clear", "yes", "no");
  std::vector<std::unique_ptr<behind_reader<Moderator>>> out(static_cast<std::size_t>(given.number("moderators", 1, 64)));
  for (auto& moderator : out) moderator = std::make_unique<behind_reader<Moderator>>(clear, arguments...);
  return out;
}

/// `room`: characters that the moderator reads at once.
guarded_chat::proxy_options options_of(support::arguments& given, long room) {
  guarded_chat::proxy_options out;
  out.upstream.address = address(given);
  out.upstream.stall = std::chrono::seconds(given.number("stall-s", 1, 3600));
  out.upstream.deadline = std::chrono::seconds(given.number("deadline-s", 1, 86400));
  out.most_request_bytes = static_cast<std::size_t>(given.number("request-kb", 1, 1 << 20)) << 10;
  out.most_in_flight = static_cast<int>(given.number("in-flight", 1, 400));
  out.cache_bytes = static_cast<std::size_t>(given.number("cache-mb", 0, 1 << 16)) << 20;
  out.stream.first = given.number("first", 1, 1'000'000);
  out.stream.every = given.number("every", 1, 1'000'000);
  out.stream.context = given.text("context").empty() ? std::max<index_t>(room - out.stream.every, 0) : given.number("context", 0, 1'000'000);
  out.prompt_characters = room / 2;
  out.part_characters = room;
  return out;
}

template <guard::moderator Moderator>
int serve(std::vector<std::unique_ptr<Moderator>> moderators, guarded_chat::proxy_options const& options, support::arguments& given) {
  guarded_chat::moderator_pool<Moderator> pool(std::move(moderators), std::chrono::milliseconds(given.number("patience-ms", 1, 600'000)));
  std::string const policy_path = given.text("policy");
  guard::policy_holder policies(read_policy(policy_path));
  bool const to_disk = is_first(given, "durable", "disk", "process");
  guard::audit_log log(given.text("log"), {.salt = io::read_file(given.text("salt-file"), 4096),
                                           .file = {.durability = to_disk ? io::line_durability::disk : io::line_durability::process,
                                                    .rotate_bytes = given.number("rotate-mb", 1, 1'000'000) << 20}});
  if (log.file().repaired_bytes() > 0)
    std::fprintf(stderr, "guarded_chat: cut an unfinished line of %lld bytes from the log\n", static_cast<long long>(log.file().repaired_bytes()));
  guarded_chat::proxy proxy(pool, policies, log, options);

  // Signals are waited for by one thread, before any other begins.
  sigset_t signals;
  sigemptyset(&signals);
  for (int const s : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (int const s : {SIGPIPE, SIGXFSZ}) std::signal(s, SIG_IGN);  // a reader that left and a full disk are errors of calls

  httplib::Server server;
  proxy.install(server);
  guarded_chat::server_options where;
  where.host = given.text("host");
  where.port = static_cast<int>(given.number("port", 0, 65535));
  where.threads = static_cast<std::size_t>(options.most_in_flight) + 32;  // some to say "busy", and for /healthz
  where.most_request_bytes = options.most_request_bytes;
  errno = 0;
  int const port = guarded_chat::bind(server, where);
  if (port < 0) throw io_error("cannot listen at " + where.host + ":" + given.text("port") + (errno != 0 ? std::string(": ") + std::strerror(errno) : ""));
  std::printf("listening on %s:%d for %s, policy '%s' %s, log %s\n", where.host.c_str(), port, options.upstream.address.c_str(),
              policies.get()->rules.name.c_str(), policies.get()->id.c_str(), given.text("log").c_str());
  std::fflush(stdout);

  std::atomic<bool> done{false};
  std::thread waits([&] {
    bool ending = false;
    for (int signal = 0; sigwait(&signals, &signal) == 0 && !done;) {
      if (signal == SIGHUP) {
        try {
          policies.set(read_policy(policy_path));
          std::fprintf(stderr, "guarded_chat: policy '%s' %s\n", policies.get()->rules.name.c_str(), policies.get()->id.c_str());
        } catch (error const& failure) {
          std::fprintf(stderr, "guarded_chat: the policy stays: %s\n", failure.what());
        }
        continue;
      }
      if (ending) std::_Exit(1);  // as kill -9, which the log survives
      ending = true;
      std::fprintf(stderr, "guarded_chat: ends after %d requests under way\n", proxy.in_flight());
      server.stop();
    }
  });
  bool const served = server.listen_after_bind();
  done = true;
  kill(getpid(), SIGTERM);
  waits.join();
  return served ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  support::arguments given(argc, argv, "A guard in front of a chat service.",
                           {{"upstream", "http://127.0.0.1:8000", "the chat service: scheme, host and port"},
                            {"host", "127.0.0.1", "address to listen at"},
                            {"port", "8080", "port to listen at, 0 for any"},
                            {"model", "", "folder of a trained guard (train_guard --out)"},
                            {"rules", "", "JSON of phrases with their probabilities (guard/phrase_rules.hpp); with --model: what they stop is not asked of it"},
                            {"clear", "yes", "undo disguises of texts before they are judged: yes or no"},
                            {"policy", "", "JSON of the policy (guard/policy.hpp); without one: review from 0.5, block from 0.9"},
                            {"log", "audit.jsonl", "audit log"},
                            {"salt-file", "", "file with the secret for the log's hashes, 16 bytes or more"},
                            {"durable", "process", "what a logged line survives: process (kill -9) or disk (loss of power)"},
                            {"rotate-mb", "100", "MiB at which a log is closed and the next begun"},
                            {"in-flight", "256", "requests under way; more get 503"},
                            {"request-kb", "1024", "KiB of the longest request"},
                            {"moderators", "2", "texts judged at once: as many as there are cores"},
                            {"patience-ms", "2000", "milliseconds to wait for a free moderator"},
                            {"cache-mb", "16", "MiB for verdicts of texts that come again, 0 for none"},
                            {"stall-s", "30", "seconds of the longest silence of the chat service"},
                            {"deadline-s", "300", "seconds of its longest answer"},
                            {"first", "200", "characters of a stream before its first judgement"},
                            {"every", "200", "characters between judgements"},
                            {"context", "", "characters before them that are read again; without it: what --model has room for, 800 for --rules alone"}});
  std::string const model = given.text("model"), rules = given.text("rules");
  if ((model.empty() && rules.empty()) || given.text("salt-file").empty()) throw std::invalid_argument("--salt-file and one of --model and --rules are needed");
  if (model.empty()) return serve(make_moderators<guard::phrase_rules>(given, io::read_file(rules, 1 << 24), rules), options_of(given, 1000), given);
  auto moderators = make_moderators<guarded_chat::trained_guard>(given, model, rules);
  long const room = 3 * moderators[0]->model().tokens();  // of English a token is some four characters; the prompt needs its part
  return serve(std::move(moderators), options_of(given, room), given);
} catch (std::exception const& failure) {
  std::fprintf(stderr, "guarded_chat: %s\n", failure.what());
  return 1;
}
