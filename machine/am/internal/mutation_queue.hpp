// The queue of one machine: order, queue ticks, limit, de-duplication, and who drains it.
#pragma once

#include <am/args.hpp>
#include <am/detail/deadline.hpp>
#include <am/internal/completion.hpp>
#include <am/tick.hpp>
#include <am/transition.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace am::internal {

/// Where a mutation was made. Costs no allocation: for mutations made in handlers, `machine` is the
/// id in the core of the handler's machine, and keeps it.
struct Source {
  std::shared_ptr<const std::string> machine{};  ///< null for mutations made outside of machines
  std::uint64_t transition = 0;
  std::uint64_t time = 0;

  MutationSource view() const noexcept {
    return machine == nullptr ? MutationSource{} : MutationSource{*machine, transition, time};
  }
};

/// A mutation on its way to becoming a transition.
struct Mutation {
  MutationType type = MutationType::add;
  bool check = false;
  bool automatic = false;
  std::uint64_t queue_tick = 0;  ///< 0 for what is prepended: checks, automatic ones, own errors
  std::vector<StateIndex> called{};
  Args args{};
  std::shared_ptr<Completion> completion{};
  bool is_root = false;  ///< the completion follows this mutation itself, not an ancestor
  bool eval = false;     ///< no mutation: the completion is an Evaluation to be run; also a check
  Source source{};
  /// When its turn comes too late, by the machine's timers.
  std::chrono::steady_clock::time_point expires = detail::never;
};

/// Mutations in order, and one word that says whether somebody drains them.
///
/// The word, `gate_`, packs "drained now", "something is queued", "closed", and how many mutations
/// were ever appended, so that taking the claim on an idle machine and getting a queue tick is one
/// compare-and-swap, and appending to a busy one cannot race with its release: a mutation is either
/// seen by the drainer before it lets go, or its caller becomes the drainer. No wake-up is lost.
class MutationQueue {
 public:
  enum class Entry : std::uint8_t { claimed, busy, closed };

  /// Takes the drain claim when the machine is idle. `ticked`: the mutation counts as appended; its
  /// queue tick goes to `queue_tick`.
  Entry try_claim(bool ticked, std::uint64_t& queue_tick) noexcept;

  /// Appends to (checks: prepends to) a busy queue; may find it idle and take the claim after all.
  /// Its queue tick goes to `queue_tick`. Call with `mutex()` held. `mutation` is left as it is
  /// unless the answer is `busy`.
  Entry append(Mutation& mutation, std::uint64_t& queue_tick);

  /// Whether something waits. Any thread.
  bool empty() const noexcept { return (gate_.load(std::memory_order_acquire) & queued_bit) == 0; }

  /// Gives up the claim if nothing is queued; false when something is.
  bool try_release() noexcept;
  /// Takes the next mutation into `out`; false when there is none left. By the drainer. `left`: how
  /// many are queued after that.
  bool pop(Mutation& out, std::size_t& left);

  /// Moves what waits to `dropped`. With the mutex held, by the drainer or on its behalf.
  void clear(std::vector<Mutation>& dropped);
  /// Refuses all further mutations and moves what waits to `dropped`.
  void close(std::vector<Mutation>& dropped);
  bool closed() const noexcept { return (gate_.load(std::memory_order_acquire) & closed_bit) != 0; }
  bool draining() const noexcept {
    // Ordered against the release, for who counts itself as a waiter and then looks.
    return (gate_.load(std::memory_order_seq_cst) & draining_bit) != 0;
  }

  std::mutex& mutex() const noexcept { return mutex_; }
  /// Waits on this, with `mutex()`, for room or for the end of draining.
  std::condition_variable& changed() noexcept { return changed_; }
  void add_watcher() noexcept { watchers_.fetch_add(1, std::memory_order_seq_cst); }
  void remove_watcher() noexcept { watchers_.fetch_sub(1, std::memory_order_relaxed); }
  bool watched() const noexcept { return watchers_.load(std::memory_order_seq_cst) != 0; }
  /// Wakes the watchers. Without the mutex.
  void notify_watchers();

  // With the mutex held:
  std::size_t size() const noexcept { return count_ + prepended_.size(); }
  /// Calls `fn(mutation)` for each that waits, the next one first.
  template <class Fn>
  void for_each(Fn&& fn) const {
    for (auto it = prepended_.rbegin(); it != prepended_.rend(); ++it) fn(*it);
    for (std::size_t i = 0; i < count_; ++i) fn(at(i));
  }
  /// The queue tick of a pending mutation that makes this one superfluous (vectors rule 7), or 0.
  std::uint64_t duplicate_of(MutationType type, std::span<const StateIndex> called) const noexcept;

 private:
  static constexpr std::uint64_t draining_bit = 1;
  static constexpr std::uint64_t queued_bit = 2;
  static constexpr std::uint64_t closed_bit = 4;
  static constexpr std::uint64_t one_appended = 8;

  static std::uint64_t tick_of(std::uint64_t gate) noexcept { return 1 + gate / one_appended; }
  void push(Mutation& mutation);
  const Mutation& at(std::size_t i) const noexcept { return ring_[(head_ + i) % ring_.size()]; }

  std::atomic<std::uint64_t> gate_{0};
  std::atomic<std::uint32_t> watchers_{0};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Mutation> ring_;  ///< reused slots: no allocation in the steady state
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  std::vector<Mutation> prepended_;  ///< last one first
};

}  // namespace am::internal
