#include <am/internal/mutation_queue.hpp>

#include <algorithm>
#include <utility>

namespace am::internal {

MutationQueue::Entry MutationQueue::try_claim(bool ticked, std::uint64_t& queue_tick) noexcept {
  auto gate = gate_.load(std::memory_order_relaxed);
  while (true) {
    if ((gate & closed_bit) != 0) return Entry::closed;
    if ((gate & (draining_bit | queued_bit)) != 0) return Entry::busy;
    const auto claimed = (gate + (ticked ? one_appended : 0)) | draining_bit;
    if (gate_.compare_exchange_weak(gate, claimed, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      queue_tick = ticked ? tick_of(claimed) : 0;
      return Entry::claimed;
    }
  }
}

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
    prepended_.push_back(std::move(mutation));
    return;
  }
  if (count_ == ring_.size()) {
    std::vector<Mutation> larger(std::max<std::size_t>(4, ring_.size() * 2));
    for (std::size_t i = 0; i < count_; ++i)
      larger[i] = std::move(ring_[(head_ + i) % ring_.size()]);
    ring_ = std::move(larger);
    head_ = 0;
  }
  std::swap(ring_[(head_ + count_) % ring_.size()], mutation);
  ++count_;
}

bool MutationQueue::try_release() noexcept {
  auto gate = gate_.load(std::memory_order_relaxed);
  while ((gate & queued_bit) == 0) {
    if (gate_.compare_exchange_weak(gate, gate & ~draining_bit, std::memory_order_seq_cst,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool MutationQueue::pop(Mutation& out, std::size_t& left) {
  const std::lock_guard lock(mutex_);
  bool found = true;
  if (!prepended_.empty()) {
    out = std::move(prepended_.back());
    prepended_.pop_back();
  } else if (count_ != 0) {
    std::swap(out, ring_[head_]);
    head_ = (head_ + 1) % ring_.size();
    --count_;
  } else {
    found = false;
  }
  // Under the mutex, as every append is: the bit says what the queue holds.
  left = size();
  if (left == 0) gate_.fetch_and(~queued_bit, std::memory_order_acq_rel);
  return found;
}

void MutationQueue::clear(std::vector<Mutation>& dropped) {
  while (!prepended_.empty()) {
    dropped.push_back(std::move(prepended_.back()));
    prepended_.pop_back();
  }
  for (; count_ != 0; --count_) {
    dropped.push_back(std::move(ring_[head_]));
    head_ = (head_ + 1) % ring_.size();
  }
  gate_.fetch_and(~queued_bit, std::memory_order_acq_rel);
}

void MutationQueue::close(std::vector<Mutation>& dropped) {
  const std::lock_guard lock(mutex_);
  gate_.fetch_or(closed_bit, std::memory_order_acq_rel);
  clear(dropped);
  changed_.notify_all();
}

void MutationQueue::notify_watchers() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

std::uint64_t MutationQueue::duplicate_of(MutationType type,
                                          std::span<const StateIndex> called) const noexcept {
  for (std::size_t i = count_; i-- > 0;) {
    const auto& pending = at(i);
    const bool shares = std::ranges::any_of(called, [&](StateIndex s) {
      return std::ranges::find(pending.called, s) != pending.called.end();
    });
    const bool same = pending.type == type && pending.args.empty() &&
                      pending.expires == detail::never && pending.called.size() == called.size() &&
                      std::ranges::all_of(called, [&](StateIndex s) {
                        return std::ranges::find(pending.called, s) != pending.called.end();
                      });
    if (same) return pending.queue_tick;
    if (shares || type == MutationType::set || pending.type == MutationType::set) return 0;
  }
  return 0;
}

}  // namespace am::internal
