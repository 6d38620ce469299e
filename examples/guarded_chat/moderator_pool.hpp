// A few moderators for many threads: each judges for one thread at a time, and nobody waits for one longer than was agreed.
#pragma once

#include <parapet/guard/verdict.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace guarded_chat {

template <parapet::guard::moderator Moderator>
class moderator_pool {
public:
  moderator_pool(std::vector<std::unique_ptr<Moderator>> moderators, std::chrono::milliseconds patience) : free_(std::move(moderators)), patience_(patience) {}

  parapet::guard::verdict classify(parapet::guard::exchange const& text) {
    parapet::guard::verdict out;
    classify({&text, 1}, {&out, 1});
    return out;
  }

  /// Where no moderator is free in time, all verdicts are errors: the policy says what that means.
  void classify(std::span<parapet::guard::exchange const> in, std::span<parapet::guard::verdict> out) {
    std::unique_ptr<Moderator> mine;
    {
      std::unique_lock lock(mutex_);
      if (!some_free_.wait_for(lock, patience_, [&] { return !free_.empty(); })) {
        for (auto& v : out) v = parapet::guard::failed_verdict("no moderator was free in time");
        return;
      }
      mine = std::move(free_.back());
      free_.pop_back();
    }
    try {
      mine->classify(in, out);
    } catch (std::exception const& failure) {
      for (auto& v : out) v = parapet::guard::failed_verdict(failure.what());
    }
    {
      std::lock_guard const lock(mutex_);
      free_.push_back(std::move(mine));
    }
    some_free_.notify_one();
  }

private:
  std::mutex mutex_;
  std::condition_variable some_free_;
  std::vector<std::unique_ptr<Moderator>> free_;
  std::chrono::milliseconds patience_;
};

}  // namespace guarded_chat
