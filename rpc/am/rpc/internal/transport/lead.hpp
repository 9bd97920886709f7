// Which of a loop's threads leads, and whether another one may take that over.
#pragma once

#include <atomic>
#include <cstdint>

namespace am::rpc::internal {

/// One word: the thread that leads, what it is at, and a number that grows with each piece of work.
/// Only the leader changes it, except that any thread may take over from one that is inside a piece
/// of work; everything that the leader wrote before it went inside is then visible to the new one.
class Lead {
 public:
  using Word = std::uint64_t;
  enum class Phase : std::uint8_t {
    turning,  ///< turns, or sleeps until there is something to do
    between,  ///< about to begin a piece of work, or done with one
    inside,   ///< of a piece of work, which may take as long as it likes
  };

  Word look() const noexcept { return word_.load(std::memory_order_seq_cst); }
  static Phase phase(Word word) noexcept { return static_cast<Phase>(word & phase_mask); }
  static unsigned leader(Word word) noexcept {
    return static_cast<unsigned>(word >> leader_shift) & leader_mask;
  }
  bool leads(unsigned thread) const noexcept { return leader(look()) == thread; }

  // -- by the leader -----------------------------------------------------------------------------

  void turning() noexcept { set(Phase::turning); }
  void between() noexcept { set(Phase::between); }
  /// From here on the lead may be lost, until `leave`.
  void inside() noexcept { set(Phase::inside); }
  /// After a piece of work: true when `thread` still leads.
  bool leave(unsigned thread) noexcept {
    Word word = look();
    if (leader(word) != thread) return false;
    if (phase(word) != Phase::inside) return true;
    const Word next = ((word & ~phase_mask) | static_cast<Word>(Phase::between)) + one_piece;
    return word_.compare_exchange_strong(word, next, std::memory_order_seq_cst);
  }

  // -- by others ---------------------------------------------------------------------------------

  /// Makes `thread` the leader if the one of `seen` is still inside the same piece of work.
  bool take_over(Word seen, unsigned thread) noexcept {
    if (phase(seen) != Phase::inside) return false;
    const Word next = ((seen >> piece_shift << piece_shift) | (Word{thread} << leader_shift) |
                       static_cast<Word>(Phase::turning)) +
                      one_piece;
    return word_.compare_exchange_strong(seen, next, std::memory_order_seq_cst);
  }

  /// Thread numbers are below this.
  static constexpr unsigned most_threads = 64;

 private:
  static constexpr Word phase_mask = 3;
  static constexpr unsigned leader_shift = 2;
  static constexpr unsigned leader_mask = most_threads - 1;
  static constexpr unsigned piece_shift = 8;
  static constexpr Word one_piece = Word{1} << piece_shift;

  void set(Phase phase) noexcept {
    const auto word = word_.load(std::memory_order_relaxed);
    word_.store((word & ~phase_mask) | static_cast<Word>(phase), std::memory_order_release);
  }

  std::atomic<Word> word_{0};  // thread 0 leads at first
};

}  // namespace am::rpc::internal
