#include <am/rpc/internal/transition_log.hpp>

#include <utility>

namespace am::rpc::internal {

bool TransitionLog::add(const Transition& transition) {
  if (transition.changes.empty() && transition.queue_tick == QueueTick{}) return false;
  LoggedTransition logged;
  logged.type = transition.type;
  logged.automatic = transition.automatic;
  logged.accepted = transition.accepted;
  logged.queue_tick = transition.queue_tick.value;
  logged.called.assign(transition.called.begin(), transition.called.end());
  logged.changes.reserve(transition.changes.size());
  for (const auto& change : transition.changes) {
    logged.changes.push_back({change.state, change.after.value});
  }
  const std::lock_guard lock(mutex_);
  if (lost_) return false;
  states_ += logged.called.size() + logged.changes.size();
  if (waiting_.size() >= max_waiting || states_ > max_states) return lose();
  waiting_.push_back(std::move(logged));
  return waiting_.size() == 1;
}

bool TransitionLog::tear() {
  const std::lock_guard lock(mutex_);
  return lose();
}

bool TransitionLog::lose() {
  const bool first = waiting_.empty() && !lost_;
  waiting_.clear();
  lost_ = true;
  return first;
}

void TransitionLog::want(bool wanted) {
  const std::lock_guard lock(mutex_);
  wanted_.store(wanted, std::memory_order_relaxed);
  begun_.store(false, std::memory_order_relaxed);
  waiting_.clear();
  states_ = 0;
  lost_ = false;
}

bool TransitionLog::take(std::vector<LoggedTransition>& out) {
  out.clear();
  const std::lock_guard lock(mutex_);
  out.swap(waiting_);
  states_ = 0;
  return !std::exchange(lost_, false);
}

bool apply(const LoggedTransition& transition, Clocks& clocks) noexcept {
  bool news = transition.queue_tick > clocks.queue_tick;
  if (news) clocks.queue_tick = transition.queue_tick;
  for (const auto& [index, after] : transition.changes) {
    if (index >= clocks.ticks.size() || after <= clocks.ticks[index]) continue;
    clocks.ticks[index] = after;
    news = true;
  }
  return news;
}

}  // namespace am::rpc::internal
