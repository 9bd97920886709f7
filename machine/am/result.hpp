// What a mutation came to.
#pragma once

#include <am/tick.hpp>

#include <cstdint>

namespace am {

/// Why a mutation did not run to its end. `none` for executed and queued ones.
enum class Reason : std::uint8_t {
  none,
  relation,     ///< a relation keeps a called state out, or removed it again
  requirement,  ///< a state that a called state requires is missing
  handler,      ///< a negotiation handler refused
  error,        ///< a handler threw
  timeout,      ///< a handler overran, or a call's deadline passed
  queue_full,   ///< the queue was at its limit
  disposed,     ///< the machine is gone
  link,         ///< remote: no usable link
  denied,       ///< MachineOptions::validate refused, or, remote, the source (unknown state, no
                ///< access, bad arguments)
  expired,      ///< its ttl had passed when its turn came
  backoff,      ///< the machine recovers from a handler that it had to abandon
};

/// Result of a mutation: a kind, why, and the queue tick that belongs to it. A 16-byte value.
class Result {
 public:
  enum class Kind : std::uint8_t {
    executed,  ///< the transition was accepted and applied
    canceled,  ///< the transition was refused; nothing changed (or was rolled back)
    queued,    ///< will run later, at `queue_tick()`; says nothing about success
    not_sent,  ///< remote: provably never reached the source's queue
    unknown,   ///< remote: may have run
  };
  // Results compare with the bare kinds: `m.add("A") == am::Result::executed`.
  static constexpr Kind executed = Kind::executed;
  static constexpr Kind canceled = Kind::canceled;
  static constexpr Kind queued = Kind::queued;
  static constexpr Kind not_sent = Kind::not_sent;
  static constexpr Kind unknown = Kind::unknown;

  constexpr Result() = default;
  constexpr Result(Kind kind, Reason reason = Reason::none, QueueTick tick = QueueTick{})
      : tick_(tick), kind_(kind), reason_(reason) {}

  constexpr Kind kind() const noexcept { return kind_; }
  constexpr Reason reason() const noexcept { return reason_; }
  /// For a queued mutation: the queue tick at which it runs. 0 where there is none.
  constexpr QueueTick queue_tick() const noexcept { return tick_; }

  friend constexpr bool operator==(Result a, Result b) noexcept {
    return a.kind_ == b.kind_ && a.reason_ == b.reason_ && a.tick_ == b.tick_;
  }
  friend constexpr bool operator==(Result a, Kind b) noexcept { return a.kind_ == b; }

 private:
  QueueTick tick_{};
  Kind kind_ = Kind::canceled;
  Reason reason_ = Reason::none;
};

static_assert(sizeof(Result) == 16);

const char* to_string(Result::Kind kind) noexcept;
const char* to_string(Reason reason) noexcept;

}  // namespace am
