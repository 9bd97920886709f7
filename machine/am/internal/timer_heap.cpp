#include <am/internal/timer_heap.hpp>

#include <algorithm>
#include <utility>

namespace am::internal {

TimerId TimerHeap::push(Time due, std::function<void()> fn, std::shared_ptr<Executor> executor) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const auto index = free_.back();
  auto& slot = slots_[index];
  const TimerId id{(static_cast<std::uint64_t>(slot.uses) << 32U) | index};
  heap_.push_back({due, ++order_, id});
  std::ranges::push_heap(heap_, later);
  free_.pop_back();
  slot.armed = true;
  slot.due = {std::move(fn), std::move(executor)};
  ++armed_;
  return id;
}

TimerHeap::Slot* TimerHeap::find(TimerId id) noexcept {
  const auto index = static_cast<std::uint32_t>(id.value);
  if (index >= slots_.size()) return nullptr;
  auto& slot = slots_[index];
  return slot.armed && slot.uses == id.value >> 32U ? &slot : nullptr;
}

std::optional<TimerHeap::Due> TimerHeap::take(TimerId id) {
  auto* const slot = find(id);
  if (slot == nullptr) return std::nullopt;
  auto due = std::exchange(slot->due, {});
  slot->armed = false;
  ++slot->uses;
  free_.push_back(static_cast<std::uint32_t>(id.value));
  --armed_;
  sweep();
  return due;
}

void TimerHeap::drop_stale() {
  while (!heap_.empty() && find(heap_.front().id) == nullptr) {
    std::ranges::pop_heap(heap_, later);
    heap_.pop_back();
  }
}

void TimerHeap::sweep() {
  constexpr std::size_t few = 64;
  if (heap_.size() <= 2 * armed_ + few) return;
  std::erase_if(heap_, [&](const Entry& entry) { return find(entry.id) == nullptr; });
  std::ranges::make_heap(heap_, later);
}

std::optional<TimerHeap::Time> TimerHeap::first() {
  drop_stale();
  return heap_.empty() ? std::nullopt : std::optional(heap_.front().due);
}

std::optional<TimerHeap::Due> TimerHeap::pop(Time now) {
  const auto due = first();
  if (!due || *due > now) return std::nullopt;
  return take(heap_.front().id);
}

}  // namespace am::internal
