// What `then` returns.
#pragma once

#include <memory>
#include <utility>

namespace am {

namespace detail {
class ContinuationState;
}

/// A function that is attached to something that has not happened yet. Dropping the handle changes
/// nothing. All methods may be called from any thread.
class Continuation {
 public:
  /// Of nothing.
  Continuation() = default;
  explicit Continuation(std::shared_ptr<detail::ContinuationState> state)
      : state_(std::move(state)) {}

  /// Keeps the function from being run, and destroys it; false when it has begun, or was canceled
  /// before. Does not wait for one that has begun.
  bool cancel() const;

 private:
  std::shared_ptr<detail::ContinuationState> state_;
};

}  // namespace am
