// Two parts of a step at once, on two streams; in a captured step, two branches of its graph.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/backend.cuh>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

/// Lets a second stream branch off from a backend's, and join it again when this dies.
class branch {
public:
  branch(cuda& from, cuda& to) : from_(from), to_(to) {
    to.crossing().order(from.stream(), to.stream());
    to.set_capturing(from.capturing());
  }
  branch(branch const&) = delete;
  branch& operator=(branch const&) = delete;
  /// The join, whose errors are thrown.
  void join() {
    to_.set_capturing(false);
    joined_ = true;
    to_.crossing().order(to_.stream(), from_.stream());
  }
  ~branch() {  // after an exception
    if (joined_) return;
    try {
      join();
    } catch (error const&) {  // that exception tells of it
    }
  }

private:
  cuda &from_, &to_;
  bool joined_ = false;
};

}  // namespace cuda_detail

/// first(be) and second(another backend object) at once, on two streams: they write nothing that the other reads or writes. What
/// follows on `be` waits for both.
template <class First, class Second>
void concurrently(cuda& be, First const& first, Second const& second) {
  cuda& aside = be.aside();
  cuda_detail::branch side(be, aside);
  second(aside);
  first(be);
  side.join();
}

}  // namespace parapet::inline PARAPET_ABI::backend
