// What can be said about one mutation besides its states and arguments.
#pragma once

#include <am/duration.hpp>
#include <am/mutation_source.hpp>

namespace am {

/// Third argument of `add`, `remove`, `set`, `toggle`, their asynchronous forms and the checks, and
/// last one of delayed mutations.
struct MutationOptions {
  /// How long the mutation may wait for its turn; 0: as long as it takes. One that is taken from
  /// the queue later than that is canceled with Reason::expired: its queue tick passes, and who
  /// waits for it goes on. By the machine's `timers`. On a remote machine it is the time until the
  /// mutation is sent; one that was not is `not_sent` with Reason::expired.
  Duration ttl{};
  /// Where the mutation comes from, as `Transition::source` shows it: for those who pass on what
  /// happened elsewhere. Mutations made in handlers have theirs without being told. The name is
  /// copied. Not sent to remote machines.
  MutationSource source{};
};

}  // namespace am
