// Functions that a program gives a machine instead of a tracer.
#pragma once

#include <am/detail/core.hpp>
#include <am/tracer.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

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
  /// Of the machine behind `core`, which keeps this.
  ChangeCallback(const detail::Core& core, std::function<void(const Time&, const Time&)> fn)
      : core_(core), fn_(std::move(fn)) {}
  void transition_end(const Transition& transition) override {
    if (transition.check) return;
    const auto before = transition.time_before();
    auto after = before;
    for (const auto& change : transition.changes) after.ticks[change.state] = change.after;
    fn_(before, after);
  }
  void restored(std::span<const TickChange> changes) override {
    std::vector<std::uint64_t> ticks;
    core_.board().snapshot(ticks);
    Time after;
    for (const auto tick : ticks) after.ticks.emplace_back(tick);
    auto before = after;
    for (const auto& change : changes) before.ticks[change.state] = change.before;
    fn_(before, after);
  }

 private:
  const detail::Core& core_;
  const std::function<void(const Time&, const Time&)> fn_;
};

}  // namespace am::internal
