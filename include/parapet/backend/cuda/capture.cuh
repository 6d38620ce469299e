// A step recorded once as a CUDA graph and launched again and again: one call from the host instead of hundreds.
//
//     auto step = capture(be, [&] { learner.enqueue(); });
//     for (int i = 0; i < 1000; ++i) step.launch();
//
// Recording runs the host's part of the step and none of the device's. Pointers, sizes and numbers that the host passes are
// fixed in the graph; what changes from launch to launch must lie in device memory (a step counter, a batch). Run the step once
// before: that loads its kernels.
#pragma once

#include <parapet/config.hpp>
#include <parapet/backend/cuda/backend.cuh>

#include <utility>

namespace parapet::inline PARAPET_ABI::backend {

namespace cuda_detail {

/// Records while it lives; where it dies before finish(), by an exception, the recording is thrown away.
class recorder {
public:
  explicit recorder(cuda& be) : be_(be) {
    if (be.capturing()) throw argument_error("capture: a captured step cannot capture another");
    check_cuda(cudaStreamBeginCapture(be.stream(), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    be.set_capturing(true);
  }
  recorder(recorder const&) = delete;
  recorder& operator=(recorder const&) = delete;
  ~recorder() {
    if (be_.capturing()) static_cast<void>(end());
  }

  recorded_graph finish() {
    auto [status, recorded] = end();
    check_cuda(status, "cudaStreamEndCapture");
    return std::move(recorded);
  }

private:
  std::pair<cudaError_t, recorded_graph> end() {
    be_.set_capturing(false);
    cudaGraph_t recorded = nullptr;
    cudaError_t const status = cudaStreamEndCapture(be_.stream(), &recorded);
    forgive(status);
    return {status, recorded_graph(recorded)};
  }

  cuda& be_;
};

}  // namespace cuda_detail

/// A step ready to be launched. Must not outlive the backend, nor the memory that the step works on.
class captured_step {
public:
  /// Records step(). What step throws goes to the caller; then nothing is left. Throws cuda_error.
  template <class Step>
  captured_step(cuda& be, Step&& step) : be_(&be) {
    record(std::forward<Step>(step));
  }

  /// Queues the whole step.
  void launch() {
    be_->refuse_capture("launch of a captured step");
    check_cuda(cudaGraphLaunch(executable_, be_->stream()), "cudaGraphLaunch");
  }

  /// Records another step in place of this one; cheap where the kernels are the same and only what they are given has changed.
  template <class Step>
  void record(Step&& step) {
    cuda_detail::recorder recording(*be_);
    std::forward<Step>(step)();
    cuda_detail::recorded_graph next = recording.finish();
    if (!update_to(next)) {
      cudaGraphExec_t made = nullptr;
      check_cuda(cudaGraphInstantiate(&made, next, 0), "cudaGraphInstantiate");
      executable_ = cuda_detail::executable_graph(made);
    }
    graph_ = std::move(next);
    check_cuda(cudaGraphUpload(executable_, be_->stream()), "cudaGraphUpload");
  }

  /// Number of the graph's nodes: kernels, copies.
  index_t nodes() const {
    std::size_t count = 0;
    check_cuda(cudaGraphGetNodes(graph_, nullptr, &count), "cudaGraphGetNodes");
    return static_cast<index_t>(count);
  }

private:
  bool update_to(cudaGraph_t next) {
    if (executable_ == nullptr) return false;
    cudaGraphExecUpdateResultInfo info{};
    cudaError_t const status = cudaGraphExecUpdate(executable_, next, &info);
    cuda_detail::forgive(status);
    return status == cudaSuccess;
  }

  cuda* be_;
  cuda_detail::recorded_graph graph_;
  cuda_detail::executable_graph executable_;
};

/// Records step() for repeated launch.
template <class Step>
captured_step capture(cuda& be, Step&& step) {
  return captured_step(be, std::forward<Step>(step));
}

}  // namespace parapet::inline PARAPET_ABI::backend
