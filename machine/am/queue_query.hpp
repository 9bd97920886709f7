// Looking into a machine's queue.
#pragma once

#include <am/args.hpp>
#include <am/state_id.hpp>
#include <am/tick.hpp>
#include <am/transition.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace am {

/// A mutation that waits in a queue, copied.
struct PendingMutation {
  MutationType type = MutationType::add;
  bool check = false;
  QueueTick queue_tick{};  ///< 0 for checks
  std::vector<StateIndex> called{};
  Args args{};
};

/// Where in the queue to look.
enum class QueuePlace : std::uint8_t { anywhere, first, last };

/// What a queued mutation has to be like.
struct QueueQuery {
  enum class Called : std::uint8_t {
    includes,  ///< these states and perhaps others
    exactly,   ///< these and no others, in any order
  };
  enum class With : std::uint8_t { any_args, no_args };
  enum class Kind : std::uint8_t { mutation, check };

  MutationType type = MutationType::add;
  Called called = Called::includes;
  With args = With::any_args;
  Kind kind = Kind::mutation;
  QueuePlace place = QueuePlace::anywhere;
  /// The least queue tick; with 0, checks have a chance, which have none.
  QueueTick from{};
};

/// Where a mutation stands in the queue.
struct QueuePosition {
  std::size_t index = 0;  ///< 0 is next
  QueueTick queue_tick{};

  friend bool operator==(const QueuePosition&, const QueuePosition&) = default;
};

}  // namespace am
