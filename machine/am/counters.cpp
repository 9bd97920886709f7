#include <am/counters.hpp>

namespace am {

namespace {

void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) noexcept {
  counter.fetch_add(by, std::memory_order_relaxed);
}

std::uint64_t read(const std::atomic<std::uint64_t>& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}

}  // namespace

Counters CountingTracer::counters() const noexcept {
  Counters counters{.transitions = read(transitions_),
                    .automatic = read(automatic_),
                    .checks = read(checks_),
                    .canceled = read(canceled_),
                    .changed_states = read(changed_states_),
                    .handler_calls = read(handler_calls_),
                    .errors = read(errors_),
                    .mutations_queued = read(mutations_queued_),
                    .mutations_waited = read(mutations_waited_),
                    .mutations_skipped = read(mutations_skipped_),
                    .longest_queue = read(longest_queue_),
                    .queue_ends = read(queue_ends_),
                    .restores = read(restores_)};
  for (std::size_t i = 0; i < Counters::reasons; ++i) {
    counters.canceled_by[i] = read(canceled_by_[i]);
  }
  return counters;
}

void CountingTracer::mutation_queued(const QueuedMutation& mutation) {
  count(mutations_queued_);
  if (mutation.waits) count(mutations_waited_);
  auto longest = read(longest_queue_);
  while (longest < mutation.queue_length &&
         !longest_queue_.compare_exchange_weak(longest, mutation.queue_length)) {
  }
}

void CountingTracer::mutation_skipped(const QueuedMutation&) { count(mutations_skipped_); }
void CountingTracer::queue_end() { count(queue_ends_); }
void CountingTracer::error_added(const ErrorInfo&) { count(errors_); }
void CountingTracer::handler_start(const Transition&, const HandlerCall&) { count(handler_calls_); }

void CountingTracer::restored(std::span<const TickChange> changes) {
  count(restores_);
  count(changed_states_, changes.size());
}

void CountingTracer::transition_end(const Transition& transition) {
  count(transitions_);
  if (transition.automatic) count(automatic_);
  if (transition.check) count(checks_);
  count(changed_states_, transition.changes.size());
  if (transition.accepted) return;
  count(canceled_);
  count(canceled_by_[static_cast<std::size_t>(transition.cancel.reason) % Counters::reasons]);
}

}  // namespace am
