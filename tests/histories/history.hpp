// What several threads did to one machine, and what the machine did, as plain data.
#pragma once

#include <am/machine.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace histories {

using Indexes = std::vector<am::StateIndex>;
using Ticks = std::vector<std::uint64_t>;

/// Marks the mutation of one call; travels as its argument.
struct Nonce {
  std::uint64_t value = 0;
};

/// A transition as a tracer saw it.
struct Step {
  std::uint64_t id = 0;
  am::MutationType type = am::MutationType::add;
  bool automatic = false;
  bool check = false;
  std::uint64_t queue_tick = 0;
  std::uint64_t nonce = 0;  ///< 0 when it had no arguments
  bool accepted = false;
  am::Reason reason = am::Reason::none;
  Indexes called{};
  Indexes before{};  ///< active order
  Indexes after{};   ///< active order
  Indexes exits{};
  Indexes enters{};
  Ticks at_finals{};  ///< of all states when final handlers began; empty when they did not
  Ticks at_end{};     ///< of all states
};

/// The clocks were replaced by earlier ones of the machine, between two steps.
struct Restored {
  std::uint64_t after = 0;  ///< how many steps had ended
  Ticks ticks{};
  bool back = false;  ///< a tick went back
};

enum class Operation : std::uint8_t { add, remove, set, toggle, can_add, can_remove };

/// One call of the machine. Points in time are counts of transitions that had ended.
struct Call {
  Operation operation = Operation::add;
  bool async = false;
  Indexes called{};
  std::uint64_t nonce = 0;
  std::uint64_t within = 0;  ///< id of the transition whose handler called; 0 outside of handlers
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  ///< of asynchronous ones: when the outcome was seen
  am::Result result{};
  bool appended = false;   ///< the calling thread saw `mutation_queued`
  std::uint64_t own = 0;   ///< id of the first transition that the call ran on its own thread
  bool unfinished = true;  ///< no result came
};

/// Clocks that a reader got.
struct Snapshot {
  int reader = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  Ticks ticks{};
};

struct Waiting {
  enum class For : std::uint8_t { active, inactive, tick, queue_tick };
  For what = For::active;
  Indexes states{};
  std::uint64_t tick = 0;
  std::uint64_t begin = 0;              ///< before it was attached
  std::uint64_t end = 0;                ///< after
  std::optional<std::uint64_t> seen{};  ///< when it was first seen to have ended
  bool new_epoch = false;               ///< it ended as `epoch_changed`
};

/// A token of `while_active`, taken while the state's clock stood at `tick`.
struct Activation {
  am::StateIndex state = 0;
  std::uint64_t tick = 0;
  std::uint64_t begin = 0;  ///< before it was taken
  std::uint64_t end = 0;    ///< after
  bool stopped = false;     ///< at the very end
};

struct History {
  std::uint64_t seed = 0;
  am::Schema schema{};
  std::vector<Step> steps{};
  std::vector<Restored> restores{};
  std::vector<Call> calls{};
  std::vector<Snapshot> snapshots{};
  std::vector<Waiting> waits{};
  std::vector<Activation> activations{};
  // When all was over:
  Ticks ticks{};
  Indexes order{};
  std::uint64_t queue_tick = 1;
  std::size_t queue_length = 0;
};

}  // namespace histories
