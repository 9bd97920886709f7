// Functions that a program gives a machine instead of a tracer.
#pragma once

#include <am/tracer.hpp>

#include <functional>
#include <utility>

namespace am::internal {

class ErrorCallback final : public Tracer {
 public:
  explicit ErrorCallback(std::function<void(const ErrorInfo&)> fn) : fn_(std::move(fn)) {}
  void error_added(const ErrorInfo& error) override { fn_(error); }

 private:
  const std::function<void(const ErrorInfo&)> fn_;
};

class ChangeCallback final : public Tracer {
 public:
  explicit ChangeCallback(std::function<void(const Time&, const Time&)> fn) : fn_(std::move(fn)) {}
  void transition_end(const Transition& transition) override {
    if (transition.check) return;
    const auto before = transition.time_before();
    auto after = before;
    for (const auto& change : transition.changes) after.ticks[change.state] = change.after;
    fn_(before, after);
  }

 private:
  const std::function<void(const Time&, const Time&)> fn_;
};

}  // namespace am::internal
