// Mutations that a full queue only delays.
#pragma once

#include <am/api.hpp>

#include <functional>

namespace am::internal {

/// Makes an asynchronous mutation of a local machine; while its queue is full, waits until it has
/// run empty and tries again. Never blocks. `done` gets the outcome, where completions of the
/// machine run; it may be empty.
void insist(Api machine, std::function<Pending<Result>(Api&)> mutate,
            std::function<void(Result)> done);

}  // namespace am::internal
