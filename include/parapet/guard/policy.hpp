// From probabilities to a decision: allow, have somebody review, or block.
//
// A policy is plain data. For each speaker and each task or category it has two thresholds of the probability p:
//
//     allow   while p < review          review   while review <= p < block          block   from p >= block on
//
// and the strongest rule wins. A rule that cannot be applied, because the classifier failed, was not asked or gave no such score, is
// answered by `when_unavailable`: block fails closed, allow fails open. decide() reads nothing but its arguments.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>
#include <parapet/guard/labels.hpp>
#include <parapet/guard/verdict.hpp>
#include <parapet/io/json.hpp>
#include <parapet/io/sha256.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace parapet::inline PARAPET_ABI::guard {

/// In the order of strength.
enum class action : std::uint8_t { allow, review, block };
/// Who wrote the text that is judged: the roles of a chat.
enum class speaker : std::uint8_t { user, assistant, system, tool };
inline constexpr int speaker_count = 4;

namespace detail {
inline constexpr std::string_view action_names[] = {"allow", "review", "block"};
inline constexpr std::string_view speaker_names[speaker_count] = {"user", "assistant", "system", "tool"};
}  // namespace detail

constexpr std::string_view name(action a) { return detail::action_names[static_cast<int>(a)]; }
constexpr std::optional<action> parse_action(std::string_view text) { return detail::find_name<action>(detail::action_names, text); }
constexpr std::string_view name(speaker s) { return detail::speaker_names[static_cast<int>(s)]; }
constexpr std::optional<speaker> parse_speaker(std::string_view text) { return detail::find_name<speaker>(detail::speaker_names, text); }

/// The thresholds of one probability; infinity is never.
struct bands {
  float review = std::numeric_limits<float>::infinity();
  float block = std::numeric_limits<float>::infinity();

  constexpr bool used() const { return review <= 1 || block <= 1; }
  friend constexpr bool operator==(bands const&, bands const&) = default;
};

/// The rules for the texts of one speaker.
struct speaker_rules {
  std::array<bands, task_count> tasks{};
  std::array<bands, category_count> categories{};

  bands& operator[](task t) { return tasks[static_cast<std::size_t>(t)]; }
  bands& operator[](category c) { return categories[static_cast<std::size_t>(c)]; }
  friend constexpr bool operator==(speaker_rules const&, speaker_rules const&) = default;
};

struct policy {
  std::string name = "unnamed";
  std::array<speaker_rules, speaker_count> rules{};
  action when_unavailable = action::block;  ///< a rule has no score
  action when_cut = action::review;         ///< the classifier did not read all of the text
  bool needs_calibration = false;           ///< a score that no calibrator has seen counts as none

  speaker_rules& operator[](speaker s) { return rules[static_cast<std::size_t>(s)]; }
  speaker_rules const& operator[](speaker s) const { return rules[static_cast<std::size_t>(s)]; }
  friend bool operator==(policy const&, policy const&) = default;
};

enum class decision_reason : std::uint8_t {
  nothing,      ///< no rule spoke
  threshold,    ///< the score of `subject` reached `threshold`
  unavailable,  ///< a rule of `subject` has no score
  cut,          ///< a part of the text was not read
};

constexpr std::string_view name(decision_reason r) {
  constexpr std::string_view names[] = {"nothing", "threshold", "unavailable", "cut"};
  return names[static_cast<int>(r)];
}

struct decision {
  action what = action::allow;
  decision_reason reason = decision_reason::nothing;
  std::string_view subject = {};  ///< name of the task or category; a constant of the program
  float score = std::numeric_limits<float>::quiet_NaN();
  float threshold = std::numeric_limits<float>::quiet_NaN();

  bool allowed() const { return what == action::allow; }
};

/// What to do with the text of `who`. The strongest action wins; of rules that ask for the same, the one whose score is furthest beyond
/// its threshold is named. Without rules for the speaker everything is allowed.
inline decision decide(verdict const& v, policy const& p, speaker who) noexcept {
  decision out;
  auto const stronger = [&](decision const& d) {
    bool const says_more = out.reason == decision_reason::nothing || d.score - d.threshold > out.score - out.threshold;
    if (d.what > out.what || (d.what == out.what && says_more)) out = d;
  };
  bool any_rule = false;
  auto const apply = [&](bands const& b, score const& s, std::string_view subject) {
    if (!b.used()) return;
    any_rule = true;
    if (v.status != verdict_status::ok || !s.known() || (p.needs_calibration && !s.calibrated))
      return stronger({p.when_unavailable, decision_reason::unavailable, subject, s.probability});
    if (s.probability >= b.block) stronger({action::block, decision_reason::threshold, subject, s.probability, b.block});
    else if (s.probability >= b.review) stronger({action::review, decision_reason::threshold, subject, s.probability, b.review});
  };
  for (task const t : all_tasks) apply(p[who].tasks[static_cast<std::size_t>(t)], v[t], guard::name(t));
  for (int c = 0; c < category_count; ++c)
    apply(p[who].categories[static_cast<std::size_t>(c)], v[static_cast<category>(c)], guard::name(static_cast<category>(c)));
  if (any_rule && v.cut()) stronger({p.when_cut, decision_reason::cut});
  return out;
}

/// The policy as JSON, the same bytes for the same policy: thresholds that are never reached are left out.
inline std::string to_json(policy const& p) {
  using parapet::detail::concat;
  std::string out = concat("{\"name\": ", io::json_quote(p.name), ",\n \"when_unavailable\": \"", name(p.when_unavailable), "\",\n \"when_cut\": \"",
                           name(p.when_cut), "\",\n \"needs_calibration\": ", p.needs_calibration ? "true" : "false", ",\n \"rules\": {");
  bool first_speaker = true;
  for (int s = 0; s < speaker_count; ++s) {
    speaker_rules const& rules = p.rules[static_cast<std::size_t>(s)];
    std::string inside;
    auto const add = [&](bands const& b, std::string_view subject) {
      if (!b.used()) return;
      inside += concat(inside.empty() ? "\n" : ",\n", "    \"", subject, "\": {");
      if (b.review <= 1) inside += concat("\"review\": ", static_cast<double>(b.review), b.block <= 1 ? ", " : "");
      if (b.block <= 1) inside += concat("\"block\": ", static_cast<double>(b.block));
      inside += '}';
    };
    for (task const t : all_tasks) add(rules.tasks[static_cast<std::size_t>(t)], name(t));
    for (int c = 0; c < category_count; ++c) add(rules.categories[static_cast<std::size_t>(c)], name(static_cast<category>(c)));
    if (inside.empty()) continue;
    out += concat(first_speaker ? "\n" : ",\n", "   \"", name(static_cast<speaker>(s)), "\": {", inside, "}");
    first_speaker = false;
  }
  return out + "}}\n";
}

/// A hash of the policy's JSON: what the audit log knows it by.
inline std::string policy_id(policy const& p) { return io::to_hex(io::sha256(to_json(p))); }

namespace detail {

inline action action_of(io::json_value const& value) {
  if (auto const a = parse_action(value.string())) return *a;
  value.fail("is none of \"allow\", \"review\", \"block\"");
}

inline bands bands_of(io::json_value const& object) {
  bands out;
  for (std::size_t k = 0; k < object.keys().size(); ++k) {
    std::string const& key = object.keys()[k];
    io::json_value const& value = object.items()[k];
    if (key != "review" && key != "block") value.fail(parapet::detail::concat("unknown key '", key, "': thresholds are \"review\" and \"block\""));
    double const threshold = value.number();
    if (!(threshold >= 0 && threshold <= 1)) value.fail("a threshold is a probability from 0 to 1; leave it out for never");
    (key == "review" ? out.review : out.block) = static_cast<float>(threshold);
  }
  if (!out.used()) object.fail("a rule has a threshold \"review\", or \"block\", or both");
  if (out.block <= 1 && out.review <= 1 && out.review > out.block) object.fail("\"review\" is above \"block\"");
  return out;
}

}  // namespace detail

/// Reads what to_json writes. Every key is checked: an unknown one, which may be a misspelt rule, is an io_error that names the byte of
/// `source`. What is left out has the value of a new policy.
inline policy parse_policy(std::string_view text, std::string source) {
  using parapet::detail::concat;
  auto const json = io::parse_json(text, std::move(source));
  policy out;
  for (std::size_t k = 0; k < json.keys().size(); ++k) {
    std::string const& key = json.keys()[k];
    io::json_value const& value = json.items()[k];
    if (key == "name") out.name = value.string();
    else if (key == "when_unavailable") out.when_unavailable = detail::action_of(value);
    else if (key == "when_cut") out.when_cut = detail::action_of(value);
    else if (key == "needs_calibration") out.needs_calibration = value.boolean();
    else if (key != "rules") value.fail(concat("unknown key '", key, "' of a policy"));
    else {
      for (std::size_t s = 0; s < value.keys().size(); ++s) {
        io::json_value const& rules = value.items()[s];
        auto const who = parse_speaker(value.keys()[s]);
        if (!who) rules.fail(concat("unknown speaker '", value.keys()[s], "': user, assistant, system, tool"));
        for (std::size_t r = 0; r < rules.keys().size(); ++r) {
          std::string const& subject = rules.keys()[r];
          io::json_value const& thresholds = rules.items()[r];
          if (auto const t = parse_task(subject)) out[*who][*t] = detail::bands_of(thresholds);
          else if (auto const c = parse_category(subject)) out[*who][*c] = detail::bands_of(thresholds);
          else thresholds.fail(concat("unknown rule '", subject, "': it is neither a task nor a category of guard/labels.hpp"));
        }
      }
    }
  }
  return out;
}

/// A policy that runs, and the name that it is logged under.
struct active_policy {
  policy rules;
  std::string id;
};

/// The policy of a running service, exchanged under its feet: get() is one look for one request, which then keeps to that policy.
/// A mutex and not std::atomic<std::shared_ptr>, whose version in libstdc++ 12 takes a lock too, one that thread sanitizer cannot see.
class policy_holder {
public:
  explicit policy_holder(policy p) { set(std::move(p)); }

  std::shared_ptr<active_policy const> get() const {
    std::lock_guard const lock(mutex_);
    return current_;
  }
  void set(policy p) {
    std::string id = policy_id(p);
    auto next = std::make_shared<active_policy const>(active_policy{std::move(p), std::move(id)});
    std::lock_guard const lock(mutex_);
    current_.swap(next);  // the old one goes after the lock
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<active_policy const> current_;
};

}  // namespace parapet::inline PARAPET_ABI::guard
