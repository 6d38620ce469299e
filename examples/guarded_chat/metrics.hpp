// Counters and a histogram in the text format of Prometheus.
#pragma once

#include <parapet/guard/policy.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>

namespace guarded_chat {

/// How a request ended.
enum class outcome { answered, refused, bad_request, busy, upstream_failed, not_judged, not_logged, reader_left };
inline constexpr char const* outcome_names[] = {"answered", "refused", "bad_request", "busy", "upstream_failed", "not_judged", "not_logged", "reader_left"};

class metrics {
public:
  void count(outcome o) { ++outcomes_[static_cast<std::size_t>(o)]; }
  void count(bool response, parapet::guard::decision const& d) {
    ++decisions_[response][static_cast<std::size_t>(d.what)];
    unavailable_ += d.reason == parapet::guard::decision_reason::unavailable;
  }
  void took(std::chrono::steady_clock::duration time) {
    double const seconds = std::chrono::duration<double>(time).count();
    ++calls_;  // before the buckets, and the wide ones before the narrow: who reads meanwhile, from narrow to wide, sees no count fall
    for (std::size_t k = bounds.size(); k-- > 0;) buckets_[k] += seconds <= bounds[k];
    microseconds_ += static_cast<std::uint64_t>(seconds * 1e6);
  }
  std::atomic<int> in_flight{0};
  std::atomic<bool> log_works{true};
  std::atomic<std::uint64_t> remembered{0};

  /// `policy` is the id of the one in use.
  std::string text(std::string const& policy) const {
    std::string out;
    auto const line = [&](char const* format, auto... values) {
      char buffer[200];
      std::snprintf(buffer, sizeof buffer, format, values...);
      out += buffer;
    };
    auto const head = [&](char const* name, char const* kind, char const* help) {
      line("# HELP guarded_chat_%s %s\n# TYPE guarded_chat_%s %s\n", name, help, name, kind);
    };
    auto const number = [](auto const& counter) { return static_cast<unsigned long long>(counter.load()); };
    head("requests_total", "counter", "Requests by how they ended.");
    for (std::size_t k = 0; k < outcomes_.size(); ++k) line("guarded_chat_requests_total{outcome=\"%s\"} %llu\n", outcome_names[k], number(outcomes_[k]));
    head("decisions_total", "counter", "Decisions of the policy about prompts and responses.");
    for (std::size_t side = 0; side < 2; ++side)
      for (std::size_t a = 0; a < 3; ++a)
        line("guarded_chat_decisions_total{text=\"%s\",decision=\"%s\"} %llu\n", side ? "response" : "prompt",
             parapet::guard::name(static_cast<parapet::guard::action>(a)).data(), number(decisions_[side][a]));
    head("unavailable_total", "counter", "Decisions for want of a score.");
    line("guarded_chat_unavailable_total %llu\n", number(unavailable_));
    head("remembered_total", "counter", "Verdicts of texts that the same client sent before, for which no moderator was asked.");
    line("guarded_chat_remembered_total %llu\n", number(remembered));
    head("moderation_seconds", "histogram", "Time of one verdict, with the wait for a moderator.");
    for (std::size_t k = 0; k < bounds.size(); ++k) line("guarded_chat_moderation_seconds_bucket{le=\"%g\"} %llu\n", bounds[k], number(buckets_[k]));
    line("guarded_chat_moderation_seconds_bucket{le=\"+Inf\"} %llu\n", number(calls_));
    line("guarded_chat_moderation_seconds_sum %.6f\n", static_cast<double>(microseconds_.load()) * 1e-6);
    line("guarded_chat_moderation_seconds_count %llu\n", number(calls_));
    head("in_flight", "gauge", "Requests under way.");
    line("guarded_chat_in_flight %d\n", in_flight.load());
    head("audit_log_works", "gauge", "Whether the last decision could be logged.");
    line("guarded_chat_audit_log_works %d\n", log_works.load() ? 1 : 0);
    head("policy_info", "gauge", "The policy in use: the hash of its JSON.");
    line("guarded_chat_policy_info{id=\"%s\"} 1\n", policy.c_str());
    return out;
  }

private:
  static constexpr std::array<double, 10> bounds{0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5};
  std::array<std::atomic<std::uint64_t>, std::size(outcome_names)> outcomes_{};
  std::array<std::array<std::atomic<std::uint64_t>, 3>, 2> decisions_{};
  std::array<std::atomic<std::uint64_t>, bounds.size()> buckets_{};
  std::atomic<std::uint64_t> calls_{0}, microseconds_{0}, unavailable_{0};
};

}  // namespace guarded_chat
