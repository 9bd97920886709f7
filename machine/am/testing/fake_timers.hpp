// Time that passes when a test says so.
#pragma once

#include <am/detail/deadline.hpp>
#include <am/timers.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace am {

/// Timers whose time passes only when a test says so. What goes off runs on the thread that
/// advances, unless it was given another executor. All methods may be called from any thread.
///
///     const auto timers = std::make_shared<am::FakeTimers>();
///     am::Machine m{schema, {.timers = timers}};
///     m.add_after(5s, "Nudge");
///     timers->advance(5s);
class FakeTimers final : public Timers {
 public:
  Clock::time_point now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  TimerId at(Clock::time_point due, std::function<void()> fn,
             std::shared_ptr<Executor> executor = nullptr) override {
    if (executor == nullptr) executor = inline_executor();
    {
      const std::lock_guard lock(mutex_);
      if (due > now_) {
        const TimerId id{++last_};
        armed_.emplace(std::pair(due, id.value), Armed{std::move(fn), std::move(executor)});
        return id;
      }
    }
    executor->post(std::move(fn));
    return {};
  }

  bool cancel(TimerId id) override {
    Armed canceled;  // destroyed without the lock
    const std::lock_guard lock(mutex_);
    for (auto it = armed_.begin(); it != armed_.end(); ++it) {
      if (it->first.second != id.value) continue;
      canceled = std::move(it->second);
      armed_.erase(it);
      return true;
    }
    return false;
  }

  /// Lets `duration` pass: timers go off in order, each at its own time, also those that are armed
  /// on the way. Returns how many went off.
  std::size_t advance(Clock::duration duration) {
    const auto end = detail::deadline_after(now(), duration);
    std::size_t count = 0;
    while (go_off(end)) ++count;
    const std::lock_guard lock(mutex_);
    if (now_ < end) now_ = end;
    return count;
  }

  /// Lets time pass until no timer is left, or `limit` have gone off: repeated ones never end.
  /// Returns how many went off.
  std::size_t run_until_idle(std::size_t limit = 1000) {
    std::size_t count = 0;
    while (count < limit && go_off(Clock::time_point::max())) ++count;
    return count;
  }

  /// Timers that have not gone off.
  std::size_t pending() const {
    const std::lock_guard lock(mutex_);
    return armed_.size();
  }

 private:
  struct Armed {
    std::function<void()> fn{};
    std::shared_ptr<Executor> executor{};
  };

  bool go_off(Clock::time_point end) {
    Armed due;
    {
      const std::lock_guard lock(mutex_);
      if (armed_.empty() || armed_.begin()->first.first > end) return false;
      now_ = armed_.begin()->first.first;
      due = std::move(armed_.begin()->second);
      armed_.erase(armed_.begin());
    }
    due.executor->post(std::move(due.fn));
    return true;
  }

  mutable std::mutex mutex_;
  Clock::time_point now_{};
  std::uint64_t last_ = 0;
  std::map<std::pair<Clock::time_point, std::uint64_t>, Armed> armed_;
};

}  // namespace am
