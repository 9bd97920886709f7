// Waiting for several machines at once.
#pragma once

#include <am/api.hpp>
#include <am/helpers/limits.hpp>
#include <am/pending.hpp>
#include <am/wait.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace am {

/// An Exception that came up while waiting.
struct MachineError {
  std::string machine;  ///< its id
  ErrorInfo error;
};

/// How waiting for several ended.
struct Waited {
  /// `fired` when the waits did. With an error: what the waits had come to, which is nothing.
  Ended ended = Ended::fired;
  /// Which of the waits, or of the machines in `errors_of`, decided it; of no meaning after a
  /// timeout or a stop, and when all waits fired.
  std::size_t place = 0;
  /// The error that came first, if one did.
  std::optional<MachineError> error{};

  /// True when what was waited for has come.
  bool ok() const noexcept { return ended == Ended::fired && !error; }
  explicit operator bool() const noexcept { return ok(); }
};

/// When waiting for several ends early.
struct WaitOptions {
  Limits limits{};
  /// An Exception of one of these machines, also one that is active already, ends the waiting.
  std::vector<Api> errors_of{};
};

// The forms that start with `when` give a value that is blocked for, continued or awaited; dropping
// it lets go of the waits. Those that start with `wait` block, and throw `Error` (would_deadlock)
// in a handler of one of the machines. Any thread.

/// Ends when all of `waits` have fired; at once for none. The first one that ends in another way
/// (disposed, ...) ends the whole.
Pending<Waited> when_all(std::vector<Wait> waits, WaitOptions options = {});
Waited wait_all(std::vector<Wait> waits, WaitOptions options = {});

/// Ends with the first of `waits`, however that ends. Throws `Error` (invalid_argument) for none.
/// `am::when_any` is the same without limits and errors.
Pending<Waited> when_first(std::vector<Wait> waits, WaitOptions options = {});
Waited wait_any(std::vector<Wait> waits, WaitOptions options = {});

/// Ends with `wait`, or with an Exception of `machine`.
inline Pending<Waited> or_error(Wait wait, Api machine) {
  return when_all({std::move(wait)}, {.errors_of = {std::move(machine)}});
}

/// Ends after `duration` (fired), or when `stop` is stopped (stopped). By `timers`, or the
/// process's when null.
Pending<Ended> pause(Duration duration, std::stop_token stop = {},
                     std::shared_ptr<Timers> timers = nullptr);

}  // namespace am
