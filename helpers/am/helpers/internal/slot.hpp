// The place that a task takes up while it runs.
#pragma once

#include <exception>
#include <functional>
#include <utility>

namespace am::internal {

/// Shared by all copies of a task's callback, and ended once: by the task, or, when an executor
/// drops what it was given, with the last copy. Ended by one thread.
class Slot {
 public:
  using Ended = std::function<void(std::exception_ptr)>;

  /// `ended` gets what the task has thrown. When it was dropped, that is `dropped`.
  explicit Slot(Ended ended, std::exception_ptr dropped = nullptr)
      : ended_(std::move(ended)), dropped_(std::move(dropped)) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { end(dropped_); }

  void end(std::exception_ptr failure) {
    if (const auto ended = std::exchange(ended_, nullptr)) ended(std::move(failure));
  }

 private:
  Ended ended_;
  std::exception_ptr dropped_;
};

}  // namespace am::internal
