// Mutations that wait for what they are to bring about.
#pragma once

#include <am/api.hpp>
#include <am/helpers/limits.hpp>
#include <am/pending.hpp>

namespace am {

// All of these may be called from any thread. The blocking ones throw `Error` (would_deadlock) in a
// handler of the same machine; where that may happen, use the forms that give a `Pending`.

/// Activates `states` and waits until the mutation, and what its handlers queued, has run. True
/// only if it was executed and all of `states` are active then. A timeout or a stop gives false,
/// and leaves the mutation on its way.
bool add_sync(Api machine, StateList states, Args args = {}, Limits limits = {});
/// The same for deactivating: true only if none of `states` is active afterwards.
bool remove_sync(Api machine, StateList states, Args args = {}, Limits limits = {});

/// What adding and waiting came to.
struct AddedAndWaited {
  /// Of the mutation; `queued` when the wait ended before its outcome was known.
  Result result = Result::queued;
  /// Of the wait for the state; `stopped` when the mutation was refused, as nothing will come.
  Ended ended = Ended::stopped;

  /// True when the state came.
  bool ok() const noexcept { return ended == Ended::fired; }
  explicit operator bool() const noexcept { return ok(); }
};

/// Activates `states` and waits for the next activation of `wait_for`, also when that is active
/// now. Ends early when the mutation is refused.
AddedAndWaited add_and_wait(Api machine, StateList states, StateRef wait_for, Args args = {},
                            Limits limits = {});
/// The same as a value that comes later; limits go by the machine's timers.
Pending<AddedAndWaited> add_and_wait_async(Api machine, StateList states, StateRef wait_for,
                                           Args args = {}, Limits limits = {});

/// Asks first and activates only if that is possible, so that a refusal changes nothing and leaves
/// no canceled transition behind. Gives the refusal of the question, or the mutation's result. In a
/// handler of the same machine the question cannot be answered in time: the mutation is queued.
Result ask_add(Api machine, StateList states, Args args = {});
/// The same for deactivating.
Result ask_remove(Api machine, StateList states, Args args = {});

/// True when `add` would be refused now. Not in a handler of the same machine, where it throws
/// `Error` (would_deadlock); false when a remote machine could not be asked.
bool cant_add(Api machine, StateList states, Args args = {});
/// True when `remove` would be refused now; as `cant_add`.
bool cant_remove(Api machine, StateList states, Args args = {});

}  // namespace am
