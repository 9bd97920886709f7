// Mutations that are tried again while they are refused.
#pragma once

#include <am/api.hpp>
#include <am/helpers/limits.hpp>
#include <am/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>

namespace am {

struct RetryOptions {
  /// Most tries after the first one.
  std::size_t retries = 10;
  /// The pause before the first retry; each further one is twice as long.
  Duration first_delay = std::chrono::milliseconds{100};
  /// The longest pause; `am::forever` for no limit.
  Duration max_delay = std::chrono::seconds{5};
  /// No try begins after this long; `am::forever` for no limit.
  Duration max_total = std::chrono::seconds{5};
  /// Each pause is shorter by a random part of at most this share (0 to 1), so that many callers do
  /// not come back together.
  double jitter = 0.2;
  /// Of the random numbers; 0 for a seed of its own.
  std::uint32_t seed = 0;
  std::stop_token stop{};
  /// What pauses and `max_total` go by; those of the machine when null.
  std::shared_ptr<Timers> timers{};
};

/// The pauses between tries: pure arithmetic, no clock.
class Backoff {
 public:
  /// Throws `Error` (invalid_argument) for a jitter outside 0 to 1, or negative durations.
  explicit Backoff(const RetryOptions& options);

  /// The next pause, given the time since the first try began; nothing when it is over.
  std::optional<std::chrono::nanoseconds> next(std::chrono::nanoseconds elapsed);

 private:
  std::size_t left_;
  std::chrono::nanoseconds delay_;
  std::chrono::nanoseconds max_delay_;
  std::chrono::nanoseconds max_total_;
  double jitter_;
  std::minstd_rand random_;
};

/// True for results that another try may change: canceled ones and those that were not sent, but
/// not those of a machine that is gone. `unknown` is not tried again, as it may have run.
bool worth_a_retry(Result result) noexcept;

/// Makes a mutation, again and again while its result is worth a retry. Gives the last result;
/// `queued` counts as success. Blocks in the pauses: not for handlers. Any thread.
///
///     am::retry(worker, [](am::Api& m) { return m.add("Job"); }, {.retries = 3});
Result retry(Api machine, const std::function<Result(Api&)>& mutate, RetryOptions options = {});
Result retry_add(Api machine, StateList states, Args args = {}, RetryOptions options = {});
Result retry_remove(Api machine, StateList states, Args args = {}, RetryOptions options = {});

/// The same as a task, which never blocks: for handlers, and for many at a time.
///
///     am::spawn(executor, am::retry_async(worker, [](am::Api& m) { return m.add_async("Job"); }));
Task<Result> retry_async(Api machine, std::function<Pending<Result>(Api&)> mutate,
                         RetryOptions options = {});

}  // namespace am
