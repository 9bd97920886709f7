// Mutations that a full queue or a backoff only delays.
#pragma once

#include <am/api.hpp>

#include <functional>

namespace am::internal {

/// Makes an asynchronous mutation of a local machine; while its queue is full, waits until it has
/// run empty and tries again, and while it recovers from a handler, a little later, by its timers.
/// One that times out, as it does when the queue is emptied, is tried a few times. Never blocks.
/// `done` gets the outcome, where completions of the machine or of its timers run; it may be empty.
void insist(Api machine, std::function<Pending<Result>(Api&)> mutate,
            std::function<void(Result)> done);

}  // namespace am::internal
