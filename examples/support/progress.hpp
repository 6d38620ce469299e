// A progress bar for a terminal; elsewhere, one line when the work is done.
//
//     training  [=========>          ]  45%  6800/15000   612/s  13 s left   V_h 0.0003
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <unistd.h>
#include <utility>

namespace support {

class progress {
public:
  progress(std::string what, long total) : what_(std::move(what)), total_(total), live_(isatty(fileno(stdout)) != 0) {}
  progress(progress const&) = delete;
  progress& operator=(progress const&) = delete;
  ~progress() {
    if (live_ && drawn_) std::printf("\n");
  }

  /// `done` of the total; `note` is called for the text behind the bar only when the bar is drawn.
  template <class Note>
  void update(long done, Note&& note) {
    double const now = seconds();
    bool const last = done >= total_;
    if (!(last && !finished_) && (!live_ || now - drawn_at_ < 0.1)) return;
    drawn_at_ = now;
    finished_ = last;
    double const rate = static_cast<double>(done) / (now > 1e-9 ? now : 1e-9);
    std::string const text = note();
    int const decimals = rate < 10 ? 1 : 0;
    if (!live_) {
      std::printf("  %s: %ld in %.1f s (%.*f/s)%s%s\n", what_.c_str(), done, now, decimals, rate, text.empty() ? "" : "   ", text.c_str());
    } else {
      constexpr int width = 24;
      int const full = static_cast<int>(width * done / (total_ > 0 ? total_ : 1));
      std::string bar(static_cast<std::size_t>(full), '=');
      if (full < width) bar += '>';
      bar.resize(width, ' ');
      std::string const left = last ? std::to_string(static_cast<long>(now + 0.5)) + " s"
                                    : std::to_string(static_cast<long>(static_cast<double>(total_ - done) / rate + 0.5)) + " s left";
      std::printf("\r  %-22s [%s] %3ld%%  %6.*f/s  %s   %s\033[K", what_.c_str(), bar.c_str(), 100 * done / (total_ > 0 ? total_ : 1), decimals, rate,
                  left.c_str(), text.c_str());
      drawn_ = true;
    }
    std::fflush(stdout);
  }
  void update(long done) {
    update(done, [] { return std::string(); });
  }

private:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  std::string what_;
  long total_;
  bool live_, drawn_ = false, finished_ = false;
  double drawn_at_ = -1;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace support
