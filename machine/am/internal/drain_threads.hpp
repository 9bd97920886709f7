// Threads that run the queues of machines whose delayed mutations have come due.
#pragma once

#include <functional>

namespace am::internal {

/// Has `fn` run on a thread of its own, at once: on one that is free, else on a new one. False, and
/// `fn` is not run, when `most_drain_threads` are busy or the process can have no more. A thread
/// ends when it has had nothing to do for ten seconds. `fn` must not throw. Any thread.
bool run_on_drain_thread(std::function<void()> fn);

inline constexpr unsigned most_drain_threads = 16;

}  // namespace am::internal
