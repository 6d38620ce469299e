// httplib's server with bounds: so many threads, so many connections that wait for one, and a signal that ends it in good order.
#pragma once

#include <httplib.h>

#include <sys/socket.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace guarded_chat {

/// Threads for connections. Where all are busy and the queue is full the server accepts no more: clients then wait in the kernel's queue.
class bounded_threads : public httplib::TaskQueue {
public:
  bounded_threads(std::size_t threads, std::size_t most_waiting) : most_waiting_(most_waiting) {
    for (std::size_t k = 0; k < threads; ++k) threads_.emplace_back([this] { work(); });
  }
  void enqueue(std::function<void()> task) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.size() < most_waiting_ || ending_; });
    waiting_.push_back(std::move(task));
    lock.unlock();
    changed_.notify_all();
  }
  void shutdown() override {
    {
      std::lock_guard const lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

private:
  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !waiting_.empty() || ending_; });
      if (waiting_.empty()) return;
      auto const task = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      changed_.notify_all();
      task();
    }
  }

  std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  bool ending_ = false;
};

struct server_options {
  std::string host = "127.0.0.1";
  int port = 8080;  ///< 0: any that is free
  std::size_t threads = 288, most_waiting = 64;
  std::size_t most_request_bytes = 4 << 20;
  int seconds_to_read = 10;
};

/// Binds and returns the port, or -1. Then server.listen_after_bind() serves.
inline int bind(httplib::Server& server, server_options const& options) {
  server.new_task_queue = [options]() -> httplib::TaskQueue* { return new bounded_threads(options.threads, options.most_waiting); };
  server.set_payload_max_length(options.most_request_bytes);
  server.set_read_timeout(options.seconds_to_read);
  server.set_write_timeout(options.seconds_to_read);
  server.set_keep_alive_max_count(100);
  server.set_tcp_nodelay(true);
  int listening = -1;
  server.set_socket_options([&listening](int socket) {
    int const yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    listening = socket;
  });
  int port = options.port;
  if (port == 0) port = server.bind_to_any_port(options.host);
  else if (!server.bind_to_port(options.host, port)) port = -1;
  if (port > 0) ::listen(listening, 1024);  // httplib asks for a queue of five
  server.set_socket_options([](int) {});
  return port;
}

}  // namespace guarded_chat
