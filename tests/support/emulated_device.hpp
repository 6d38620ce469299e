// A backend that behaves as a GPU does, on the CPU: what would go wrong there goes wrong here.
//
//   * Its memory cannot be touched from the host: the pages are locked but while operations run. A host that looks is killed.
//   * Operations are put off until `synchronize`, and counted: a launch each.
//   * `capture` records operations without running them, and a launch replays them with the arguments that they were recorded
//     with: a number of the host's that should change from step to step shows as a wrong result.
//   * While recording, what needs the host (a sum's value, a copy) throws.
//
// The arithmetic is that of support/serial_backend.hpp.
#pragma once

#include <parapet/backend/backend.hpp>
#include <parapet/core/buffer.hpp>

#include "support/serial_backend.hpp"

#include <sys/mman.h>

#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace support {

using namespace parapet;

/// A region of address space, handed out once, never reused.
struct emulated_space {
  static constexpr std::size_t reserved = std::size_t{1} << 32;

  static void* allocate(index_t bytes) {
    std::size_t const begin = used();
    used() += (static_cast<std::size_t>(bytes) + 255) / 256 * 256;
    if (used() > reserved) throw std::bad_alloc();
    return region() + begin;
  }
  static void deallocate(void*) noexcept {}

  /// Protection of all that has been handed out.
  static void protect(int how) {
    if (used() != 0 && mprotect(region(), (used() + 4095) / 4096 * 4096, how) != 0)
      throw std::runtime_error("emulated_device: the protection of its memory cannot be changed");
  }

private:
  static char* region() {
    static void* const all = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    return static_cast<char*>(all);
  }
  static std::size_t& used() {
    static std::size_t bytes = 0;
    return bytes;
  }
};

class emulated_device {
public:
  using space = emulated_space;
  using operation = std::function<void()>;

  long launches = 0;  ///< operations run so far
  long waits = 0;     ///< times that the host waited

  void enqueue(operation what) { (recording_ != nullptr ? *recording_ : queue_).push_back(std::move(what)); }
  void run() {
    refuse_while_recording("waits");
    ++waits;
    emulated_space::protect(PROT_READ | PROT_WRITE);
    for (operation const& what : queue_) what();
    launches += static_cast<long>(queue_.size());
    emulated_space::protect(PROT_NONE);
    queue_.clear();
  }
  /// The value of f(), which reads memory of the device.
  template <class F>
  auto read(F const& f) {
    run();
    emulated_space::protect(PROT_READ);
    auto const value = f();
    emulated_space::protect(PROT_NONE);
    return value;
  }
  template <class Step>
  std::vector<operation> record(Step const& step) {
    std::vector<operation> operations;
    struct until_end {  // also where the step throws
      std::vector<operation>*& recording;
      ~until_end() { recording = nullptr; }
    } const end{recording_};
    recording_ = &operations;
    step();
    return operations;
  }
  void refuse_while_recording(char const* what) const {
    if (recording_ != nullptr) throw std::logic_error(std::string("emulated_device: a step that is recorded ") + what);
  }

private:
  std::vector<operation> queue_;
  std::vector<operation>* recording_ = nullptr;
};

namespace detail {
/// The same view for the serial backend.
template <class T, int Rank>
tensor_view<T, Rank> there(tensor_view<T, Rank, emulated_space> const& x) { return {x.data(), x.shape(), x.strides()}; }
inline mine::serial& serial() {
  static mine::serial be;
  return be;
}
}  // namespace detail

template <int Rank, class F>
void for_each_index(emulated_device& be, extents<Rank> const& shape, F const& f) {
  be.enqueue([=] { for_each_index(detail::serial(), shape, f); });
}
template <class F, class T, int Rank, class... Ts>
void map(emulated_device& be, F const& f, tensor_view<T, Rank, emulated_space> const& first, tensor_view<Ts, Rank, emulated_space> const&... others) {
  (check_shape("map: an argument", others.shape(), first.shape()), ...);
  be.enqueue([=] { map(detail::serial(), f, detail::there(first), detail::there(others)...); });
}
template <class T, class U, int Rank>
void copy(emulated_device& be, tensor_view<U, Rank, emulated_space> const& from, tensor_view<T, Rank, emulated_space> const& to) {
  check_shape("copy: source", from.shape(), to.shape());
  be.enqueue([=] { copy(detail::serial(), detail::there(from), detail::there(to)); });
}
template <class T, class U, int Rank>
void copy(emulated_device& be, tensor_view<U, Rank> const& from, tensor_view<T, Rank, emulated_space> const& to) {
  check_shape("copy: source", from.shape(), to.shape());
  be.refuse_while_recording("copies from the host");
  auto const kept = std::make_shared<buffer<T>>(from.size());  // the source may go at once
  tensor_view<T, Rank> const staged(kept->data(), from.shape());
  copy(detail::serial(), from, staged);
  be.enqueue([=] { copy(detail::serial(), tensor_view<T const, Rank>(kept->data(), to.shape()), detail::there(to)); });
}
template <class T, class U, int Rank>
void copy(emulated_device& be, tensor_view<U, Rank, emulated_space> const& from, tensor_view<T, Rank> const& to) {
  check_shape("copy: source", from.shape(), to.shape());
  be.refuse_while_recording("copies to the host");
  be.enqueue([=] { copy(detail::serial(), detail::there(from), to); });
}
template <class T, int Rank>
void fill(emulated_device& be, tensor_view<T, Rank, emulated_space> const& out, std::type_identity_t<T> value) {
  be.enqueue([=] { fill(detail::serial(), detail::there(out), value); });
}
template <class T, class U, int Rank>
void gather(emulated_device& be, tensor_view<U, Rank, emulated_space> const& from, vector_view<index_t const, emulated_space> const& indices,
            tensor_view<T, Rank, emulated_space> const& to) {
  be.enqueue([=] { gather(detail::serial(), detail::there(from), detail::there(indices), detail::there(to)); });
}

template <class T, class A, class B>
void gemm(emulated_device& be, matrix_view<A, emulated_space> const& a, matrix_view<B, emulated_space> const& b,
          matrix_view<T, emulated_space> const& c, bool accumulate = false,
          vector_view<std::type_identity_t<T> const, emulated_space> const& bias = {}) {
  be.enqueue([=] { gemm(detail::serial(), detail::there(a), detail::there(b), detail::there(c), accumulate, detail::there(bias)); });
}
template <class T, class A, class B>
void gemm(emulated_device& be, tensor_view<A, 3, emulated_space> const& a, tensor_view<B, 3, emulated_space> const& b,
          tensor_view<T, 3, emulated_space> const& c, bool accumulate = false,
          matrix_view<std::type_identity_t<T> const, emulated_space> const& bias = {}) {
  be.enqueue([=] { gemm(detail::serial(), detail::there(a), detail::there(b), detail::there(c), accumulate, detail::there(bias)); });
}

template <class T, class Op, class F = math::identity>
std::remove_const_t<T> reduce(emulated_device& be, vector_view<T, emulated_space> const& x, Op const& op, std::remove_const_t<T> initial,
                              F const& f = {}) {
  return be.read([&] { return reduce(detail::serial(), detail::there(x), op, initial, f); });
}
template <class T, class F = math::identity>
std::remove_const_t<T> sum(emulated_device& be, vector_view<T, emulated_space> const& x, F const& f = {}) {
  return be.read([&] { return sum(detail::serial(), detail::there(x), f); });
}
template <class T>
index_t argmin(emulated_device& be, vector_view<T, emulated_space> const& x) {
  return be.read([&] { return argmin(detail::serial(), detail::there(x)); });
}
template <class T>
index_t argmax(emulated_device& be, vector_view<T, emulated_space> const& x) {
  return be.read([&] { return argmax(detail::serial(), detail::there(x)); });
}
template <class T, class U>
void reduce_rows(emulated_device& be, matrix_view<U, emulated_space> const& x, vector_view<T, emulated_space> const& out) {
  be.enqueue([=] { reduce_rows(detail::serial(), detail::there(x), detail::there(out)); });
}
template <class T, class U>
void reduce_columns(emulated_device& be, matrix_view<U, emulated_space> const& x, vector_view<T, emulated_space> const& out,
                    bool accumulate = false) {
  be.enqueue([=] { reduce_columns(detail::serial(), detail::there(x), detail::there(out), accumulate); });
}
template <class T, class U>
void inclusive_scan(emulated_device& be, vector_view<U, emulated_space> const& x, vector_view<T, emulated_space> const& out) {
  be.enqueue([=] { inclusive_scan(detail::serial(), detail::there(x), detail::there(out)); });
}
template <class Key, class Value>
void sort_by_key(emulated_device& be, vector_view<Key, emulated_space> const& keys, vector_view<Value, emulated_space> const& values) {
  be.enqueue([=] { sort_by_key(detail::serial(), detail::there(keys), detail::there(values)); });
}

template <class T>
void fill_uniform(emulated_device& be, vector_view<T, emulated_space> const& out, philox_stream const& stream, index_t first = 0) {
  be.enqueue([=] { fill_uniform(detail::serial(), detail::there(out), stream, first); });
}
template <class T>
void fill_normal(emulated_device& be, vector_view<T, emulated_space> const& out, philox_stream const& stream, index_t first = 0) {
  be.enqueue([=] { fill_normal(detail::serial(), detail::there(out), stream, first); });
}
inline void fill_below(emulated_device& be, vector_view<index_t, emulated_space> const& out, index_t n, philox_stream const& stream,
                       index_t first = 0) {
  be.enqueue([=] { fill_below(detail::serial(), detail::there(out), n, stream, first); });
}

// Of stacks, a launch each, as the CUDA backend has them.
template <class T, class U>
void reduce_columns(emulated_device& be, tensor_view<U, 3, emulated_space> const& x, matrix_view<T, emulated_space> const& out,
                    bool accumulate = false) {
  be.enqueue([=] { backend::reduce_columns(detail::serial(), detail::there(x), detail::there(out), accumulate); });
}
template <class T>
void layer_norm_forward(emulated_device& be, tensor_view<T const, 3, emulated_space> const& x, matrix_view<T const, emulated_space> const& scale,
                        matrix_view<T const, emulated_space> const& shift, std::type_identity_t<T> epsilon,
                        tensor_view<T, 3, emulated_space> const& y, tensor_view<T, 3, emulated_space> const& normalized,
                        matrix_view<T, emulated_space> const& inverse_deviation) {
  using detail::there;
  be.enqueue([=] {
    backend::layer_norm_forward(detail::serial(), there(x), there(scale), there(shift), epsilon, there(y), there(normalized),
                                there(inverse_deviation));
  });
}
template <class T>
void layer_norm_backward(emulated_device& be, matrix_view<T const, emulated_space> const& scale,
                         tensor_view<T const, 3, emulated_space> const& normalized, matrix_view<T const, emulated_space> const& inverse_deviation,
                         tensor_view<T const, 3, emulated_space> const& dy, tensor_view<T, 3, emulated_space> const& dx,
                         matrix_view<T, emulated_space> const& dscale, matrix_view<T, emulated_space> const& dshift) {
  using detail::there;
  be.enqueue([=] {
    backend::layer_norm_backward(detail::serial(), there(scale), there(normalized), there(inverse_deviation), there(dy), there(dx), there(dscale),
                                 there(dshift));
  });
}

template <class F>
void for_each_shard(emulated_device& be, index_t count, F&& f) {
  for (index_t shard = 0; shard < count; ++shard) f(be, shard);
}
inline void synchronize(emulated_device& be) { be.run(); }

struct emulated_recording {
  emulated_device* be;
  std::vector<emulated_device::operation> operations;
  void launch() {
    for (auto const& what : operations) be->enqueue(what);
  }
};
template <class Step>
emulated_recording capture(emulated_device& be, Step step) {
  return {&be, be.record(step)};
}

static_assert(backend::check_backend<emulated_device>());

}  // namespace support
