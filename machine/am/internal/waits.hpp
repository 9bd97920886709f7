// Subscriptions of one machine: waits on states, ticks and the queue, and state contexts.
#pragma once

#include <am/args.hpp>
#include <am/detail/clock_board.hpp>
#include <am/detail/signal.hpp>
#include <am/wait.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace am::detail {
class Core;
}

namespace am::internal {

/// What has to hold of one state.
struct WaitTerm {
  enum class Kind : std::uint8_t { active, inactive, tick };
  StateIndex state = 0;
  Kind kind = Kind::active;
  std::uint64_t tick = 0;  ///< Kind::tick: at least this
};

/// Waits that no list of a state or tick can find; they are looked at one by one.
enum class Bag : std::uint8_t { query, args, queue_end };

/// One wait. Reference counted by its handles and by the list it is in.
struct WaitState {
  std::atomic<std::uint32_t> references{1};
  std::atomic<std::uint32_t> handles{1};
  std::atomic<std::int8_t> ended{-1};
  detail::Signal signal;
  std::shared_ptr<detail::Core> core;

  // Guarded by the core's commit mutex.
  std::vector<WaitTerm> terms;   ///< all have to hold
  std::uint64_t queue_tick = 0;  ///< or: the queue has ended this tick
  std::optional<Bag> bag{};      ///< or: what one of these says
  std::function<bool(const Time&)> query{};
  std::function<bool(const Args&)> match{};
  enum class Place : std::uint8_t { none, active, inactive, tick, queue, bag } place = Place::none;
  StateIndex watched = 0;  ///< the state it is listed under, or whose arguments it waits for
  WaitState* previous = nullptr;
  WaitState* next = nullptr;
  std::multimap<std::uint64_t, WaitState*>::iterator position{};

  /// Ends the wait once; later calls do nothing. Wakes those who block on it, posts continuations.
  void end(Ended how);
  void drop_reference();
};

/// All waits and contexts of a machine. Every method is called under the board's commit mutex
/// unless it says otherwise.
///
/// A wait is listed under just one state: one whose term does not hold. When that term comes to
/// hold, it moves on to another that does not, or fires. So the cost of a transition follows the
/// waits that it moves, not the waits attached (the watched-literal scheme of SAT solvers).
class Waits {
 public:
  explicit Waits(const detail::ClockBoard& board) : board_(board) {}
  ~Waits();

  /// True when nothing has to be told of changes. Any thread; exact for the writer.
  bool idle() const noexcept { return attached_.load(std::memory_order_relaxed) == 0; }

  /// False when no wait is listed under any of `changed`. Any thread; exact for the writer once it
  /// has published them: what is attached after that is attached to the new clocks.
  bool may_fire(std::span<const StateIndex> changed) const noexcept {
    const auto listed = listed_.load(std::memory_order_relaxed);
    for (const auto s : changed) {
      if ((listed & group_of(s)) != 0) return true;
    }
    return false;
  }

  /// Attaches `wait` unless it holds already; returns whether it was attached.
  bool attach(WaitState& wait);
  /// Makes room for waits on the states of a schema with `states` of them.
  void grow(std::size_t states) {
    if (!lists_.empty()) lists_.resize(states);
  }
  /// Takes `wait` out of its list if it is in one.
  void detach(WaitState& wait);

  /// Waits that fire because the ticks of `changed` have changed, as a chain through `next`. End
  /// each with `finish` once the mutex is free.
  WaitState* fired(std::span<const StateIndex> changed);
  /// Notes that the mutation with queue tick `tick` has ended; true when somebody waits for one.
  /// Without the mutex, by the writer.
  bool queue_ended(std::uint64_t tick) noexcept {
    // Ordered against `attach`, which counts itself first and looks at the tick after that.
    queue_ended_.store(tick, std::memory_order_seq_cst);
    return queue_waits_.load(std::memory_order_seq_cst) != 0;
  }
  /// The same for a drainer that looks at `has_queue_waits` once it has released the queue.
  void queue_ends(std::uint64_t tick) noexcept {
    queue_ended_.store(tick, std::memory_order_release);
  }
  bool has_queue_waits() const noexcept {
    // Orders `queue_ends` against `attach`. On x86 the queue's release, a locked instruction, has.
#if !defined(__x86_64__)
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
    return queue_waits_.load(std::memory_order_seq_cst) != 0;
  }
  /// Waits on queue ticks that have ended, as a chain.
  WaitState* fired_by_queue();
  /// All waits, likewise.
  WaitState* take_all();
  /// The clocks are of another source from now on, whose queue tick is `queue_tick`: all waits for
  /// what cannot be compared with them (ticks, mutations, arguments, the end of the queue).
  WaitState* take_incomparable(std::uint64_t queue_tick);
  /// The clocks go back: all waits for ticks.
  WaitState* take_tick_waits();
  /// How many waits are in `bag`. Any thread; exact for the writer.
  std::size_t count(Bag bag) const noexcept {
    return (counts_.load(std::memory_order_seq_cst) / one_in(bag)) % one_in(Bag{1});
  }
  /// The waits in `bag`, each with a reference for the caller.
  std::vector<WaitState*> hold(Bag bag) const;
  /// Ends a chain. Without the mutex.
  static void finish(WaitState* chain, Ended how);

  /// A token for the present activation of `state`; a stopped one when it is inactive.
  std::stop_token context(StateIndex state);
  bool has_contexts() const noexcept { return contexts_in_use_.load(std::memory_order_relaxed); }
  /// Takes out the contexts of states whose ticks changed; stop them without the mutex.
  void take_contexts(std::span<const StateIndex> changed,
                     std::vector<std::pair<StateIndex, std::stop_source>>& out);
  void take_all_contexts(std::vector<std::stop_source>& out);

 private:
  struct StateLists {
    WaitState* active = nullptr;    ///< wait for it to become active
    WaitState* inactive = nullptr;  ///< wait for it to become inactive
    std::multimap<std::uint64_t, WaitState*> ticks;
  };

  // Waits keep their places in lists that move.
  static_assert(std::is_nothrow_move_constructible_v<StateLists>);

  static constexpr std::uint64_t one_in(Bag bag) noexcept {
    return std::uint64_t{1} << (21U * static_cast<unsigned>(bag));
  }
  /// States are told apart by their last bits: a machine has no room for a bit of each.
  static constexpr std::uint32_t group_of(StateIndex state) noexcept {
    return std::uint32_t{1} << (state % 32U);
  }
  void count_out() noexcept {
    if (attached_.fetch_sub(1, std::memory_order_relaxed) == 1) {
      listed_.store(0, std::memory_order_relaxed);
    }
  }
  bool holds(const WaitTerm& term) const noexcept;
  bool watch_unmet_term(WaitState& wait);
  void push(WaitState*& head, WaitState& wait);
  void unlink(WaitState& wait);
  void take(WaitState& wait, WaitState*& chain);
  template <class Wanted>
  void take_from(WaitState* list, WaitState*& chain, Wanted&& wanted);
  void move_on(WaitState*& list, WaitState*& chain);

  const detail::ClockBoard& board_;
  std::atomic<std::size_t> attached_{0};
  /// Groups of the states that waits are listed under, or were since there were none.
  std::atomic<std::uint32_t> listed_{0};
  std::atomic<bool> contexts_in_use_{false};
  std::atomic<std::uint64_t> queue_ended_{1};
  std::atomic<std::size_t> queue_waits_{0};
  std::vector<StateLists> lists_;  ///< made at the first wait
  std::multimap<std::uint64_t, WaitState*> queue_;
  std::map<StateIndex, std::stop_source> contexts_;
  WaitState* bagged_ = nullptr;           ///< of all bags: machines that have none stay small
  std::atomic<std::uint64_t> counts_{0};  ///< of each bag, in 21 bits
};

}  // namespace am::internal
