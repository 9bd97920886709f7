// Something that happens once, and those who wait for it.
#pragma once

#include <am/executor.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

namespace am::detail {

class Signal;

/// A function attached to a signal. Whoever takes it first, to run it or to cancel it, owns it.
class ContinuationState : public std::enable_shared_from_this<ContinuationState> {
 public:
  ContinuationState(Signal& signal, std::shared_ptr<Executor> executor, std::function<void()> run)
      : signal_(signal), executor_(std::move(executor)), run_(std::move(run)) {}

  void post();
  bool cancel();

 private:
  Signal& signal_;
  std::shared_ptr<Executor> executor_;
  std::atomic<bool> taken_{false};
  std::function<void()> run_;
};

/// Fires once. Wakes those who block, and posts continuations to their executors. Any thread.
class Signal {
 public:
  bool fired() const noexcept { return fired_.load(std::memory_order_acquire); }
  /// Later calls do nothing. The signal may be gone when this returns.
  void fire();

  enum class Outcome : std::uint8_t { fired, timeout, stopped };
  /// Blocks; `time_point::max()` is no deadline.
  Outcome wait(std::chrono::steady_clock::time_point deadline, std::stop_token token);

  /// Has `run` posted once fired, or now. `run` must keep the signal alive.
  std::shared_ptr<ContinuationState> then(std::shared_ptr<Executor> executor,
                                          std::function<void()> run);
  /// Forgets a continuation that was canceled.
  void forget(const ContinuationState& continuation);

 private:
  std::atomic<bool> fired_{false};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::shared_ptr<ContinuationState>> continuations_;
};

}  // namespace am::detail
