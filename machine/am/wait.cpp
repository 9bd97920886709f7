#include <am/wait.hpp>

#include <am/detail/core.hpp>
#include <am/internal/waits.hpp>

#include <utility>

namespace am {

const char* to_string(Ended ended) noexcept {
  switch (ended) {
    case Ended::fired: return "fired";
    case Ended::timeout: return "timeout";
    case Ended::stopped: return "stopped";
    case Ended::disposed: return "disposed";
    case Ended::epoch_changed: return "epoch_changed";
    case Ended::unknown: return "unknown";
  }
  return "?";
}

Wait::Wait(const Wait& other) noexcept : state_(other.state_) {
  if (state_ == nullptr) return;
  state_->references.fetch_add(1, std::memory_order_relaxed);
  state_->handles.fetch_add(1, std::memory_order_relaxed);
}

Wait::~Wait() {
  if (state_ == nullptr) return;
  if (state_->handles.fetch_sub(1, std::memory_order_acq_rel) == 1 && !done()) {
    state_->core->detach(*state_);
  }
  state_->drop_reference();
}

bool Wait::done() const noexcept { return ended().has_value(); }

std::optional<Ended> Wait::ended() const noexcept {
  if (state_ == nullptr) return Ended::disposed;
  const auto ended = state_->ended.load(std::memory_order_acquire);
  if (ended < 0) return std::nullopt;
  return static_cast<Ended>(ended);
}

Ended Wait::wait() const { return wait_until(std::chrono::steady_clock::time_point::max()); }

Ended Wait::wait(std::stop_token token) const {
  return wait_until(std::chrono::steady_clock::time_point::max(), std::move(token));
}

Ended Wait::wait_until(std::chrono::steady_clock::time_point deadline,
                       std::stop_token token) const {
  if (const auto how = ended()) return *how;
  state_->core->check_may_block();
  switch (state_->signal.wait(deadline, std::move(token))) {
    case detail::Signal::Outcome::timeout: return Ended::timeout;
    case detail::Signal::Outcome::stopped: return Ended::stopped;
    case detail::Signal::Outcome::fired: break;
  }
  return *ended();
}

std::shared_ptr<detail::Core> Wait::core() const noexcept {
  return state_ == nullptr ? nullptr : state_->core;
}

Continuation Wait::attach(std::shared_ptr<Executor> executor, std::function<void(Ended)> fn) const {
  if (state_ == nullptr) {
    executor->post([fn = std::move(fn)] { fn(Ended::disposed); });
    return {};
  }
  if (executor == inline_executor()) executor = state_->core->completions();
  return Continuation(state_->signal.then(
      std::move(executor), [wait = *this, fn = std::move(fn)] { fn(*wait.ended()); }));
}

}  // namespace am
