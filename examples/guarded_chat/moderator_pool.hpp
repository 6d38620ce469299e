// A few moderators for many threads: each judges one text at a time, who came first is first, and nobody waits longer than was agreed.
#pragma once

#include <parapet/guard/verdict.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
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

  /// Where no moderator is free in time the verdict is an error: the policy says what that means.
  parapet::guard::verdict classify(parapet::guard::exchange const& text) {
    std::unique_ptr<Moderator> mine = take();
    if (!mine) return parapet::guard::failed_verdict("no moderator was free in time");
    parapet::guard::verdict out = parapet::guard::ask(*mine, text);
    give_back(std::move(mine));
    return out;
  }
  /// A request with many texts queues again for each, so that it does not hold up the others.
  void classify(std::span<parapet::guard::exchange const> in, std::span<parapet::guard::verdict> out) { parapet::guard::classify_one_by_one(*this, in, out); }

private:
  struct waiter {
    std::unique_ptr<Moderator> given;
    std::condition_variable wakes;
  };

  std::unique_ptr<Moderator> take() {
    std::unique_lock lock(mutex_);
    if (!free_.empty()) {
      auto out = std::move(free_.back());
      free_.pop_back();
      return out;
    }
    waiter me;
    waiting_.push_back(&me);
    me.wakes.wait_for(lock, patience_, [&] { return me.given != nullptr; });
    if (!me.given) std::erase(waiting_, &me);
    return std::move(me.given);
  }

  void give_back(std::unique_ptr<Moderator> moderator) {
    std::lock_guard const lock(mutex_);
    if (waiting_.empty()) return free_.push_back(std::move(moderator));
    waiter& next = *waiting_.front();
    waiting_.pop_front();
    next.given = std::move(moderator);
    next.wakes.notify_one();  // under the lock: `next` is gone when its thread has seen `given`
  }

  std::mutex mutex_;
  std::deque<waiter*> waiting_;
  std::vector<std::unique_ptr<Moderator>> free_;  // none while somebody waits
  std::chrono::milliseconds patience_;
};

}  // namespace guarded_chat
