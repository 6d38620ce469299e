#include <parapet/guard/audit_log.hpp>

#include "support/throws.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

using namespace parapet;
using namespace parapet::guard;

namespace {

verdict some_verdict() {
  verdict v;
  v.status = verdict_status::ok;
  v[task::prompt_harm] = {0.75f, true};
  v[category::cyberattack] = {0.5f, false};
  v.model = io::sha256("weights");
  return v;
}

audit_options with_salt() { return {.salt = "sixteen bytes ok"}; }

}  // namespace

TEST_CASE("an entry is one JSON object that says what was decided, and not of what") {
  verdict const v = some_verdict();
  policy p;
  p[speaker::user][task::prompt_harm].block = 0.5f;
  std::string const id = policy_id(p), secret = "the text of the user\nwith \"quotes\"";
  audit_entry const e{.request = "id \"7\"\xFF", .who = speaker::user, .text = secret, .answer = v, .decided = decide(v, p, speaker::user), .policy_id = id,
                      .note = "stream", .time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1234567890123))};
  std::string const line = audit_line(e, with_salt());
  CHECK(line.find('\n') == line.npos);
  CHECK(!support::contains(line, "user\\n"));
  CHECK(!support::contains(line, "quotes"));
  auto const json = io::parse_json(line, "line");
  CHECK(json.at("time").string() == "2009-02-13T23:31:30.123Z");
  CHECK(json.at("request").string() == "id \"7\"\xEF\xBF\xBD");
  CHECK(json.at("decision").string() == "block");
  CHECK(json.at("reason").string() == "threshold");
  CHECK(json.at("subject").string() == "prompt_harm");
  CHECK(json.at("score").number() == 0.75);
  CHECK(json.at("threshold").number() == 0.5);
  CHECK(json.at("status").string() == "ok");
  CHECK(json.at("tasks").keys() == std::vector<std::string>{"prompt_harm"});
  CHECK(json.at("categories").at("cyberattack").number() == 0.5);
  CHECK(json.at("model").string() == io::to_hex(io::sha256("weights")));
  CHECK(json.at("policy").string() == id);
  CHECK(json.at("note").string() == "stream");
  CHECK(json.at("text").at("hmac").string() == io::to_hex(io::hmac_sha256("sixteen bytes ok", secret)));
  CHECK(json.at("text").at("bytes").integer() == static_cast<index_t>(secret.size()));
  CHECK(json.at("text").find("raw") == nullptr);

  audit_options raw = with_salt();
  raw.keep_texts = true;
  CHECK(io::parse_json(audit_line(e, raw), "line").at("text").at("raw").string() == secret);
}

TEST_CASE("a failure is told too") {
  verdict const v = failed_verdict("no memory\x01");
  policy p;
  p[speaker::assistant][task::response_harm].block = 0.5f;
  audit_entry const e{.request = "r", .who = speaker::assistant, .text = "", .answer = v, .decided = decide(v, p, speaker::assistant), .policy_id = "x"};
  auto const json = io::parse_json(audit_line(e, with_salt()), "line");
  CHECK(json.at("status").string() == "error");
  CHECK(json.at("message").string() == "no memory\x01");
  CHECK(json.at("reason").string() == "unavailable");
  CHECK(json.find("score") == nullptr);
}

TEST_CASE("the file") {
  char folder[] = "/tmp/parapet_audit_XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  std::string const path = std::string(folder) + "/audit.jsonl";
  verdict const v = some_verdict();
  {
    audit_log log(path, with_salt());
    for (int k = 0; k < 3; ++k) log.append({.request = "r", .text = "t", .answer = v, .decided = {}, .policy_id = "p"});
    CHECK_THROWS_AS(audit_log(path, with_salt()), io_error);
  }
  std::string const text = io::read_file(path);
  CHECK(std::count(text.begin(), text.end(), '\n') == 3);
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::others_all) == std::filesystem::perms::none);
  CHECK(support::contains(support::message_of<argument_error>([&] { audit_log(path, {.salt = "short"}); }), "needs 16"));
  std::filesystem::remove_all(folder);
}
