#include <am/internal/mutation_queue.hpp>

#include <algorithm>
#include <utility>

namespace am::internal {

MutationQueue::Entry MutationQueue::append(Mutation& mutation, std::uint64_t& queue_tick) {
  const bool ticked = !mutation.check;
  auto gate = gate_.load(std::memory_order_relaxed);
  while (true) {
    if ((gate & closed_bit) != 0) return Entry::closed;
    const bool idle = (gate & (draining_bit | queued_bit)) == 0;
    const auto next = (gate + (ticked ? one_appended : 0)) | (idle ? draining_bit : queued_bit);
    // Acquire for the claim; release is given by the mutex, which the drainer takes to pop.
    if (!gate_.compare_exchange_weak(gate, next, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      continue;
    }
    queue_tick = mutation.queue_tick = ticked ? tick_of(next) : 0;
    if (idle) return Entry::claimed;
    push(mutation);
    return Entry::busy;
  }
}

void MutationQueue::push(Mutation& mutation) {
  if (mutation.check) {
    recall();  // runs before what was copied
    prepended_.push_back(std::move(mutation));
    return;
  }
  auto& slot = slots_.push();
  slot.queue_tick = mutation.queue_tick;
  slot.type = mutation.type;
  const auto states = mutation.called.size();
  const bool fits = states != 0 && states <= Slot::most_states && mutation.args.empty() &&
                    mutation.completion == nullptr && mutation.source.machine == nullptr &&
                    mutation.expires == detail::never;
  slot.count = fits ? static_cast<std::uint8_t>(states) : std::uint8_t{0};
  if (fits) {
    std::ranges::copy(mutation.called, slot.called.begin());
  } else {
    std::swap(whole_.push(), mutation);
  }
}

/// Into a mutation without arguments, completion and source.
void MutationQueue::fill(Mutation& mutation, const Slot& slot) {
  mutation.type = slot.type;
  mutation.check = mutation.automatic = mutation.is_root = mutation.eval = false;
  mutation.queue_tick = slot.queue_tick;
  mutation.called.assign(slot.called.begin(), slot.called.begin() + slot.count);
  mutation.expires = detail::never;
}

/// Takes what was copied and not started from the drainer, and what was started out of the queue.
/// Returns how many were started.
std::size_t MutationQueue::recall() noexcept {
  if (batched_ == 0) return 0;
  if (started() < batched_) {
    // Before the drainer loses them, lest it find the queue empty. It may be through by now and
    // gone: then nothing is left here that anybody would have to come for.
    static_cast<void>(hold_drainer());
  }
  const auto gone = std::min(started_.exchange(recalled, std::memory_order_acq_rel), batched_);
  slots_.drop(gone);
  batched_ = 0;
  return gone;
}

bool MutationQueue::hold_drainer() noexcept {
  auto gate = gate_.load(std::memory_order_relaxed);
  while ((gate & draining_bit) != 0) {
    // The drainer takes the bit away with the mutex held, when it has looked.
    if (gate_.compare_exchange_weak(gate, gate | queued_bit, std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool MutationQueue::take(Batch& batch, std::size_t most, Mutation& out, std::size_t& left) {
  const std::lock_guard lock(mutex_);
  slots_.drop(std::exchange(batched_, 0));  // all of them were started
  bool found = true;
  bool empty = false;
  batch.size = batch.next = 0;
  if (!prepended_.empty()) {
    out = std::move(prepended_.back());
    prepended_.pop_back();
    empty = prepended_.empty() && slots_.empty();
  } else if (slots_.empty()) {
    found = false;
    empty = true;
  } else if (slots_[0].count == 0) {
    std::swap(out, whole_[0]);
    whole_.drop(1);
    slots_.drop(1);
    empty = slots_.empty();
  } else {
    const auto end = std::min({slots_.size(), most, Batch::most});
    fill(out, slots_[0]);
    for (batch.size = 1; batch.size < end && slots_[batch.size].count != 0; ++batch.size) {
      batch.slots[batch.size] = slots_[batch.size];
    }
    batch.next = 1;
    if (batch.size == 1) {
      slots_.drop(1);
      empty = slots_.empty();
    } else {
      batched_ = static_cast<std::uint32_t>(batch.size);
      started_.store(1, std::memory_order_release);
      empty = slots_.size() == batch.size;
    }
  }
  // Under the mutex, as every append is: the bit says whether there is more than the drainer has.
  left = size();
  if (empty) gate_.fetch_and(~queued_bit, std::memory_order_acq_rel);
  return found;
}

void MutationQueue::clear(std::vector<Mutation>& dropped) {
  recall();
  while (!prepended_.empty()) {
    dropped.push_back(std::move(prepended_.back()));
    prepended_.pop_back();
  }
  for (; !slots_.empty(); slots_.drop(1)) {
    auto& mutation = dropped.emplace_back();
    if (slots_[0].count == 0) {
      mutation = std::move(whole_[0]);
      whole_.drop(1);
    } else {
      fill(mutation, slots_[0]);
    }
  }
  gate_.fetch_and(~queued_bit, std::memory_order_acq_rel);
}

void MutationQueue::close(std::vector<Mutation>& dropped) {
  const std::lock_guard lock(mutex_);
  gate_.fetch_or(closed_bit, std::memory_order_acq_rel);
  clear(dropped);
  changed_.notify_all();
}

void MutationQueue::notify_a_watcher() {
  const std::lock_guard lock(mutex_);
  changed_.notify_one();
}

void MutationQueue::notify_watchers() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

namespace {

bool has(std::span<const StateIndex> states, StateIndex state) noexcept {
  return std::ranges::find(states, state) != states.end();
}

}  // namespace

std::uint64_t MutationQueue::duplicate_of(MutationType type,
                                          std::span<const StateIndex> called) noexcept {
  auto whole = whole_.size();
  for (std::size_t i = slots_.size(); i-- > 0;) {
    const auto& slot = slots_[i];
    const auto* const other = slot.count == 0 ? &whole_[--whole] : nullptr;
    const auto pending = other == nullptr ? slot.states() : std::span(other->called);
    const bool shares = std::ranges::any_of(called, [&](StateIndex s) { return has(pending, s); });
    const bool same =
        slot.type == type && pending.size() == called.size() &&
        std::ranges::all_of(called, [&](StateIndex s) { return has(pending, s); }) &&
        (other == nullptr || (other->args.empty() && other->expires == detail::never));
    if (same) {
      const auto tick = slot.queue_tick;
      // What the drainer has started is not pending.
      return i < batched_ && i < recall() ? 0 : tick;
    }
    if (shares || type == MutationType::set || slot.type == MutationType::set) return 0;
  }
  return 0;
}

}  // namespace am::internal
