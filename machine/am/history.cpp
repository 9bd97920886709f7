#include <am/history.hpp>

#include <fmt/format.h>

#include <utility>

namespace am {

std::string PastTransition::text() const {
  auto words =
      fmt::format("{}{}{}", automatic ? "auto " : "", check ? "check " : "", to_string(type));
  for (const auto& name : called) words += " " + name;
  return accepted ? words : fmt::format("{} canceled: {}", words, why);
}

std::vector<PastTransition> HistoryTracer::transitions() const {
  const std::lock_guard lock(mutex_);
  return {kept_.begin(), kept_.end()};
}

std::optional<PastTransition> HistoryTracer::last() const {
  const std::lock_guard lock(mutex_);
  if (kept_.empty()) return std::nullopt;
  return kept_.back();
}

void HistoryTracer::clear() {
  const std::lock_guard lock(mutex_);
  kept_.clear();
}

void HistoryTracer::transition_init(const Transition&) { handlers_.clear(); }

void HistoryTracer::handler_end(const Transition&, const HandlerCall& call) {
  handlers_.emplace_back(call.name);
}

void HistoryTracer::transition_end(const Transition& t) {
  if (most_ == 0 || (t.automatic && !t.accepted && handlers_.empty())) return;
  PastTransition one{.id = t.id,
                     .type = t.type,
                     .automatic = t.automatic,
                     .check = t.check,
                     .accepted = t.accepted,
                     .reason = t.cancel.reason,
                     .queue_tick = t.queue_tick,
                     .handlers = std::exchange(handlers_, {}),
                     .why = t.why()};
  for (const auto state : t.called) one.called.emplace_back(t.name(state));
  for (const auto& change : t.changes) {
    one.changes.push_back({std::string(t.name(change.state)), change.before, change.after});
  }
  PastTransition oldest;  // goes without the lock
  const std::lock_guard lock(mutex_);
  if (kept_.size() == most_) {
    oldest = std::move(kept_.front());
    kept_.pop_front();
  }
  kept_.push_back(std::move(one));
}

}  // namespace am
