// The last transitions of a machine, kept as values.
#pragma once

#include <am/tracer.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace am {

/// A transition that is over, by names: nothing in it refers to the machine.
struct PastTransition {
  struct Change {
    std::string state{};
    Tick before{};
    Tick after{};
    friend bool operator==(const Change&, const Change&) = default;
  };

  std::uint64_t id = 0;  ///< `Transition::id`
  MutationType type = MutationType::add;
  bool automatic = false;  ///< made by the machine for its automatic states
  bool check = false;      ///< a dry run
  bool accepted = false;
  Reason reason = Reason::none;
  QueueTick queue_tick{};               ///< 0 for checks and automatic ones
  std::vector<std::string> called{};    ///< in call order
  std::vector<std::string> handlers{};  ///< that ran, in order
  std::vector<Change> changes{};        ///< by index
  std::string why{};                    ///< it was canceled; "" when it was not

  /// "add Open", "remove Door Open", "auto add Lit", "check add Open", and of a canceled one also
  /// the reason: "add Open canceled: OpenEnter refused", "add Locked canceled: Locked requires
  /// Closed".
  std::string text() const;
};

/// Keeps the last transitions of a machine, but for automatic ones that relations refuse: the
/// machine tries those after each change. For one machine at a time:
/// `auto history = std::make_shared<am::HistoryTracer>(); machine.trace(history);`. The methods
/// that read may be called from any thread, also while the machine runs; what runs at the moment is
/// not there yet.
class HistoryTracer final : public Tracer {
 public:
  /// `most`: how many are kept; older ones go. 0: none.
  explicit HistoryTracer(std::size_t most = 100) : most_(most) {}

  /// Those that are kept, the oldest first.
  std::vector<PastTransition> transitions() const;
  /// The last one; nothing when there was none.
  std::optional<PastTransition> last() const;
  /// Forgets them.
  void clear();

  void transition_init(const Transition& transition) override;
  void handler_end(const Transition& transition, const HandlerCall& call) override;
  void transition_end(const Transition& transition) override;

 private:
  const std::size_t most_;
  std::vector<std::string> handlers_{};  ///< of the running transition; by the draining thread
  mutable std::mutex mutex_;
  std::deque<PastTransition> kept_{};
};

}  // namespace am
