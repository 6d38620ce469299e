// What capture(be, step) returns, under one name: an object that keeps a recording need not know the backend's type for it.
#pragma once

#include <parapet/config.hpp>

#include <memory>
#include <utility>

namespace parapet::inline PARAPET_ABI::backend {

class any_recording {
public:
  any_recording() = default;
  template <class Captured>
  explicit any_recording(Captured captured) : held_(std::make_unique<of<Captured>>(std::move(captured))) {}

  explicit operator bool() const { return held_ != nullptr; }
  /// Requires a recording.
  void launch() { held_->launch(); }

private:
  struct any {
    virtual ~any() = default;
    virtual void launch() = 0;
  };
  template <class Captured>
  struct of final : any {
    Captured captured;
    explicit of(Captured&& c) : captured(std::move(c)) {}
    void launch() override { captured.launch(); }
  };
  std::unique_ptr<any> held_;
};

}  // namespace parapet::inline PARAPET_ABI::backend
