// A fixed set of threads that runs f(worker, task) for task = 0 .. count - 1 and waits.
//
// Owned by a backend object: no global state, nothing is left running when it is destroyed. The caller works too.
// Which worker takes which task is not fixed; callers make results independent of it. Dispatch does not allocate.
#pragma once

#include <parapet/config.hpp>
#include <parapet/core/error.hpp>

#include <atomic>
#include <exception>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace parapet::inline PARAPET_ABI::backend {

/// Number of threads the machine runs at once, at least 1.
inline int hardware_threads() {
  unsigned const n = std::thread::hardware_concurrency();
  return n == 0 ? 1 : static_cast<int>(n);
}

class thread_pool {
public:
  /// `threads` workers, the calling thread being one of them.
  explicit thread_pool(int threads) {
    if (threads < 1) throw argument_error(parapet::detail::concat("thread_pool: ", threads, " threads, expected at least 1"));
    workers_.reserve(static_cast<std::size_t>(threads - 1));
    try {
      for (int worker = 1; worker < threads; ++worker)
        workers_.emplace_back([this, worker] { serve(worker); });
    } catch (...) {  // the machine has no more threads
      stop();
      throw;
    }
  }
  thread_pool(thread_pool const&) = delete;
  thread_pool& operator=(thread_pool const&) = delete;
  ~thread_pool() { stop(); }

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls f(worker, task) once for every task in [0, count); worker is in [0, size()). Returns when all are done.
  /// The first exception thrown by a task is thrown again here, after the others have finished.
  template <class F>
  void run(index_t count, F&& f) {
    if (workers_.empty() || count <= 1) {
      for (index_t task = 0; task < count; ++task) f(0, task);
      return;
    }
    call_ = [](void* context, int worker, index_t task) { (*static_cast<std::remove_reference_t<F>*>(context))(worker, task); };
    context_ = const_cast<void*>(static_cast<void const*>(&f));
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    start_round();
    work(0);
    wait_while_busy();
    failed_.store(false, std::memory_order_relaxed);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

private:
  // Rounds of a training step follow each other within microseconds: a short spin before sleeping is faster than
  // the kernel's wake-up, and short enough not to steal from a busy machine.
  static constexpr int spins = 4000;
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  void stop() {
    stopping_ = true;
    start_round();
    for (std::thread& thread : workers_) thread.join();
  }

  void start_round() {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }

  void serve(int worker) {
    for (unsigned seen = 0;;) {
      for (int spin = 0; spin < spins && round_.load(std::memory_order_acquire) == seen; ++spin) pause();
      round_.wait(seen, std::memory_order_acquire);
      ++seen;
      if (stopping_) return;
      work(worker);
      if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
    }
  }

  void work(int worker) {
    for (index_t task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) {
      try {
        call_(context_, worker, task);
      } catch (...) {
        if (!failed_.exchange(true)) failure_ = std::current_exception();
      }
    }
  }

  void wait_while_busy() {
    for (int spin = 0; spin < spins && busy_.load(std::memory_order_acquire) != 0; ++spin) pause();
    for (int busy; (busy = busy_.load(std::memory_order_acquire)) != 0;) busy_.wait(busy, std::memory_order_acquire);
  }

  std::vector<std::thread> workers_;
  void (*call_)(void*, int, index_t) = nullptr;
  void* context_ = nullptr;
  index_t count_ = 0;
  std::atomic<index_t> next_{0};
  std::atomic<unsigned> round_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> failed_{false};
  bool stopping_ = false;
  std::exception_ptr failure_;
};

}  // namespace parapet::inline PARAPET_ABI::backend
