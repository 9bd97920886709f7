// How much a machine does, as numbers.
#pragma once

#include <am/tracer.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace am {

/// What a machine has done since it is counted. A value, to be compared, added up and printed.
struct Counters {
  /// Room for all of `Reason`.
  static constexpr std::size_t reasons = 16;

  std::uint64_t transitions = 0;  ///< all, canceled ones and checks too
  std::uint64_t automatic = 0;    ///< of those: made by the machine for its automatic states
  std::uint64_t checks = 0;       ///< of those: dry runs
  std::uint64_t canceled = 0;     ///< of those: refused or failed
  /// The canceled ones by `static_cast<std::size_t>(Reason)`.
  std::array<std::uint64_t, reasons> canceled_by{};
  std::uint64_t changed_states = 0;  ///< state ticks that moved
  std::uint64_t handler_calls = 0;
  std::uint64_t errors = 0;             ///< added by the program, and thrown by handlers
  std::uint64_t mutations_queued = 0;   ///< all that got in, at once or behind others
  std::uint64_t mutations_waited = 0;   ///< of those: behind others
  std::uint64_t mutations_skipped = 0;  ///< an equal one was waiting already
  std::uint64_t longest_queue = 0;      ///< at its longest, the one to run next included
  std::uint64_t queue_ends = 0;
  std::uint64_t restores = 0;  ///< clocks taken over from a snapshot; what moved counts above

  std::uint64_t canceled_for(Reason reason) const noexcept {
    return canceled_by[static_cast<std::size_t>(reason)];
  }
  friend bool operator==(const Counters&, const Counters&) = default;
};

/// Counts what its machines do: `auto counting = std::make_shared<am::CountingTracer>();
/// machine.trace(counting);`. One may serve several machines.
class CountingTracer final : public Tracer {
 public:
  /// The counts as of about now. Any thread; exact while the machines are at rest.
  Counters counters() const noexcept;

  void mutation_queued(const QueuedMutation& mutation) override;
  void mutation_skipped(const QueuedMutation& mutation) override;
  void queue_end() override;
  void error_added(const ErrorInfo& error) override;
  void handler_start(const Transition& transition, const HandlerCall& call) override;
  void transition_end(const Transition& transition) override;
  void restored(std::span<const TickChange> changes) override;

 private:
  using Count = std::atomic<std::uint64_t>;

  Count transitions_{0}, automatic_{0}, checks_{0}, canceled_{0};
  std::array<Count, Counters::reasons> canceled_by_{};
  Count changed_states_{0}, handler_calls_{0}, errors_{0};
  Count mutations_queued_{0}, mutations_waited_{0}, mutations_skipped_{0}, longest_queue_{0};
  Count queue_ends_{0}, restores_{0};
};

}  // namespace am
