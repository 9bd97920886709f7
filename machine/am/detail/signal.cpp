#include <am/detail/signal.hpp>

#include <am/continuation.hpp>
#include <am/error.hpp>

#include <exception>
#include <utility>

namespace am {

bool Continuation::cancel() const { return state_ != nullptr && state_->cancel(); }

namespace detail {

void ContinuationState::post() {
  const auto run = [self = shared_from_this()] {
    if (self->taken_.exchange(true, std::memory_order_acq_rel)) return;
    const auto function = std::move(self->run_);
    function();
  };
  try {
    executor_->post(run);
  } catch (...) {
    // What the function itself throws ends the program, as everywhere.
    if (taken_.load(std::memory_order_acquire)) std::terminate();
    // Whoever fires this has a transition to finish and others to wake, and the function must run.
    completion_executor()->post(run);
  }
}

bool ContinuationState::cancel() {
  if (taken_.exchange(true, std::memory_order_acq_rel)) return false;
  const auto run = std::move(run_);  // keeps the signal until it has forgotten this
  signal_.forget(*this);
  return true;
}

void Signal::fire() {
  std::vector<std::shared_ptr<ContinuationState>> continuations;
  {
    const std::lock_guard lock(mutex_);
    fired_.store(true, std::memory_order_release);
    continuations.swap(continuations_);
    changed_.notify_all();
  }
  for (const auto& continuation : continuations) continuation->post();
}

Signal::Outcome Signal::wait(std::chrono::steady_clock::time_point deadline,
                             std::stop_token token) {
  std::unique_lock lock(mutex_);
  const auto over = [&] { return fired(); };
  if (deadline == std::chrono::steady_clock::time_point::max()) {
    return changed_.wait(lock, token, over) ? Outcome::fired : Outcome::stopped;
  }
  if (changed_.wait_until(lock, token, deadline, over)) return Outcome::fired;
  return token.stop_requested() ? Outcome::stopped : Outcome::timeout;
}

std::shared_ptr<ContinuationState> Signal::then(std::shared_ptr<Executor> executor,
                                                std::function<void()> run) {
  if (executor == nullptr) {
    throw Error(Errc::invalid_argument, "a continuation needs an executor; null was passed");
  }
  auto continuation =
      std::make_shared<ContinuationState>(*this, std::move(executor), std::move(run));
  {
    const std::lock_guard lock(mutex_);
    if (!fired()) {
      continuations_.push_back(continuation);
      return continuation;
    }
  }
  continuation->post();
  return continuation;
}

void Signal::forget(const ContinuationState& continuation) {
  std::shared_ptr<ContinuationState> forgotten;
  const std::lock_guard lock(mutex_);
  for (auto& candidate : continuations_) {
    if (candidate.get() != &continuation) continue;
    forgotten = std::move(candidate);
    candidate = std::move(continuations_.back());
    continuations_.pop_back();
    return;
  }
}

}  // namespace detail
}  // namespace am
