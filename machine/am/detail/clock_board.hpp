// The clocks of one machine as everyone reads them: activity and ticks, published atomically.
#pragma once

#include <am/detail/commit_mutex.hpp>
#include <am/schema.hpp>
#include <am/state_id.hpp>
#include <am/tick.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace am::detail {

/// The clocks of one schema. One block of memory: this, then the active set as words, then the
/// ticks.
struct ClockStorage {
  CompiledSchema schema;
  std::size_t size;
  std::size_t words_size;
  ClockStorage* former = nullptr;

  std::atomic<std::uint64_t>* words() noexcept {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(this + 1);
  }
  const std::atomic<std::uint64_t>* words() const noexcept {
    return reinterpret_cast<const std::atomic<std::uint64_t>*>(this + 1);
  }
  std::atomic<std::uint64_t>* ticks() noexcept { return words() + words_size; }
  const std::atomic<std::uint64_t>* ticks() const noexcept { return words() + words_size; }
  bool is(StateIndex i) const noexcept {
    return ((words()[i / 64].load(std::memory_order_acquire) >> (i % 64)) & 1U) != 0;
  }
};

/// Ticks of all states, the active set, the queue tick and the machine tick. One writer at a time,
/// any number of readers. Reading one state, or several within one 64-bit word, is wait-free; more
/// is a sequence lock with bounded retries that falls back to the commit mutex. The same class
/// serves the local machine and its remote proxies, so both answer `is` at the same cost.
///
/// The schema may grow: clocks then move to larger storage, published by one pointer. Readers that
/// are in the former storage finish there with clocks as of the growth; it is kept as long as the
/// board, and with it what `schema()` returned.
class ClockBoard {
 public:
  explicit ClockBoard(CompiledSchema schema);
  ~ClockBoard();
  ClockBoard(const ClockBoard&) = delete;
  ClockBoard& operator=(const ClockBoard&) = delete;

  // -- reading, from any thread ---------------------------------------------

  std::size_t size() const noexcept { return storage().size; }
  /// The schema as it is now. The reference lives as long as the board, also when the schema grows.
  const CompiledSchema& schema() const noexcept { return storage().schema; }

  /// Position of `id` in this machine's order. Throws `Error` (unknown_state) for an invalid id and
  /// for a set with a state that this machine does not have.
  StateIndex index_of(StateId id) const {
    if (id.set() == native_ && id.serial() == native_serial_ && id.index() < native_size_)
        [[likely]] {
      return id.index();
    }
    return map_foreign(id);
  }
  /// Position of a state given by id or name. Throws `Error` (unknown_state).
  StateIndex index_of(StateRef ref) const;
  /// Positions of `list`, each once, first occurrence first. Throws `Error` (unknown_state).
  void indexes_of(const StateList& list, std::vector<StateIndex>& out) const {
    const auto* const only = list.only();
    if (only == nullptr || !only->by_id()) return look_up(list, out);
    out.clear();
    out.push_back(index_of(only->id()));
  }

  bool is(StateIndex i) const noexcept { return storage().is(i); }
  std::uint64_t tick(StateIndex i) const noexcept {
    return storage().ticks()[i].load(std::memory_order_acquire);
  }
  std::uint64_t queue_tick() const noexcept { return queue_tick_.load(std::memory_order_acquire); }
  std::uint32_t machine_tick() const noexcept {
    return machine_tick_.load(std::memory_order_acquire);
  }

  /// How the states of `list` stand at one instant.
  struct Tally {
    std::size_t active = 0;
    std::size_t inactive = 0;
  };
  Tally tally(const StateList& list) const;
  /// The first of `list` that is active, at one instant.
  std::optional<StateIndex> first_active(const StateList& list) const;
  /// Copies all ticks (and counters) as of one instant.
  void snapshot(std::vector<std::uint64_t>& ticks, std::uint64_t* queue_tick = nullptr,
                std::uint32_t* machine_tick = nullptr) const;

  // -- writing: under `commit_mutex()`, by the machine's one writer ------------

  CommitMutex& commit_mutex() const noexcept { return commit_mutex_; }

  /// Makes readers of several words wait or retry while ticks change together.
  class Write {
   public:
    explicit Write(ClockBoard& board)
        : board_(board), words_(board.storage().words()), ticks_(board.storage().ticks()) {
      seq_ = board_.seq_.load(std::memory_order_relaxed) + 1;
      board_.seq_.store(seq_, std::memory_order_relaxed);
    }
    ~Write() {
      flush();
      board_.seq_.store(seq_ + 1, std::memory_order_release);
    }
    Write(const Write&) = delete;
    Write& operator=(const Write&) = delete;

    /// Sets one tick and the activity that follows from it. Call in ascending order of states, so
    /// that each word of activity is stored once and reads as of one instant.
    void tick(StateIndex i, std::uint64_t value) noexcept {
      // Data is stored with release order: a reader that sees it also sees the odd sequence.
      ticks_[i].store(value, std::memory_order_release);
      if (i / 64 != word_) {
        flush();
        word_ = i / 64;
        bits_ = words_[word_].load(std::memory_order_relaxed);
      }
      const auto bit = std::uint64_t{1} << (i % 64);
      bits_ = (value & 1U) != 0 ? bits_ | bit : bits_ & ~bit;
    }
    void queue_tick(std::uint64_t value) noexcept {
      board_.queue_tick_.store(value, std::memory_order_release);
    }
    void machine_tick(std::uint32_t value) noexcept {
      board_.machine_tick_.store(value, std::memory_order_release);
    }

   private:
    static constexpr std::size_t no_word = ~std::size_t{0};

    void flush() noexcept {
      if (word_ != no_word) words_[word_].store(bits_, std::memory_order_release);
    }

    ClockBoard& board_;
    std::atomic<std::uint64_t>* words_;
    std::atomic<std::uint64_t>* ticks_;
    std::uint32_t seq_;
    std::size_t word_ = no_word;
    std::uint64_t bits_ = 0;
  };

  /// The active set as words, for the writer only.
  std::uint64_t word(std::size_t w) const noexcept {
    return storage().words()[w].load(std::memory_order_relaxed);
  }
  /// Sets the queue tick outside of a transition's commit; for the writer only.
  void store_queue_tick(std::uint64_t value) noexcept {
    queue_tick_.store(value, std::memory_order_release);
  }

  // -- growth: by the machine's one writer ---------------------------------------

  using Storage = ClockStorage;
  struct Destroy {
    void operator()(Storage* storage) const noexcept;
  };
  using NewStorage = std::unique_ptr<Storage, Destroy>;
  /// Storage for `schema`, which has the states of the present one at the same places. Nothing
  /// changes yet.
  static NewStorage make_storage(CompiledSchema schema);
  /// Moves the clocks into `larger`; new states start inactive at tick 0. Under `commit_mutex()`.
  void grow(NewStorage larger) noexcept;

 private:
  struct Mapping;

  const Storage& storage() const noexcept { return *storage_.load(std::memory_order_acquire); }
  Storage& storage() noexcept { return *storage_.load(std::memory_order_relaxed); }
  template <class Read>
  void consistent(Read&& read) const;
  StateIndex map_foreign(StateId id) const;
  void look_up(const StateList& list, std::vector<StateIndex>& out) const;
  std::optional<StateIndex> find_own(StateId id) const noexcept;

  // Of the first schema: ids of its set are the machine's own whatever it grows to.
  const StateSet* native_;
  std::uint32_t native_serial_;
  std::uint32_t native_size_;
  std::atomic<Storage*> storage_;  ///< owned, with all former ones
  mutable std::atomic<Mapping*> mappings_{nullptr};
  // Below is what each transition writes, after the mutex's own, seldom used memory.
  mutable CommitMutex commit_mutex_;
  std::atomic<std::uint32_t> seq_{0};
  std::atomic<std::uint32_t> machine_tick_{0};
  std::atomic<std::uint64_t> queue_tick_{1};
};

}  // namespace am::detail
