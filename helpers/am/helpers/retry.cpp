#include <am/helpers/retry.hpp>

#include <am/error.hpp>
#include <am/helpers/wait_all.hpp>

#include <algorithm>
#include <utility>

namespace am {

using std::chrono::nanoseconds;

Backoff::Backoff(const RetryOptions& options)
    : left_(options.retries),
      delay_(options.first_delay),
      max_delay_(options.max_delay),
      max_total_(options.max_total),
      jitter_(options.jitter),
      random_(options.seed != 0 ? options.seed : std::random_device{}()) {
  if (!(jitter_ >= 0 && jitter_ <= 1)) {
    throw Error(Errc::invalid_argument, "RetryOptions::jitter must be between 0 and 1");
  }
  if (std::min({delay_, max_delay_, max_total_}) < nanoseconds::zero()) {
    throw Error(Errc::invalid_argument, "RetryOptions: no duration may be negative");
  }
}

std::optional<nanoseconds> Backoff::next(nanoseconds elapsed) {
  if (left_ == 0 || elapsed >= max_total_) return std::nullopt;
  --left_;
  const auto whole = std::min(delay_, max_delay_);
  // Doubled only below the maximum, so it cannot overflow.
  delay_ = whole > max_delay_ / 2 ? max_delay_ : whole * 2;
  const double part = std::uniform_real_distribution<double>(0, jitter_)(random_);
  const auto pause =
      whole - std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double, std::nano>(
                  static_cast<double>(whole.count()) * part));
  if (pause > max_total_ - elapsed) return std::nullopt;
  return pause;
}

bool worth_a_retry(Result result) noexcept {
  return (result == Result::canceled || result == Result::not_sent) &&
         result.reason() != Reason::disposed;
}

namespace {

const std::shared_ptr<Timers>& timers_of(const Api& machine, const RetryOptions& options) {
  return options.timers != nullptr ? options.timers : machine.core()->timers();
}

}  // namespace

Result retry(Api machine, const std::function<Result(Api&)>& mutate, RetryOptions options) {
  const auto timers = timers_of(machine, options);
  const auto begin = timers->now();
  Backoff backoff(options);
  while (true) {
    const auto result = mutate(machine);
    if (!worth_a_retry(result)) return result;
    const auto wait = backoff.next(timers->now() - begin);
    if (!wait || pause(*wait, options.stop, timers).get() != Ended::fired) return result;
  }
}

Result retry_add(Api machine, StateList states, Args args, RetryOptions options) {
  return retry(
      std::move(machine), [&](Api& m) { return m.add(states, args); }, std::move(options));
}

Result retry_remove(Api machine, StateList states, Args args, RetryOptions options) {
  return retry(
      std::move(machine), [&](Api& m) { return m.remove(states, args); }, std::move(options));
}

Task<Result> retry_async(Api machine, std::function<Pending<Result>(Api&)> mutate,
                         RetryOptions options) {
  const auto timers = timers_of(machine, options);
  const auto begin = timers->now();
  Backoff backoff(options);
  while (true) {
    const auto pending = mutate(machine);
    const auto result = co_await pending;
    if (!worth_a_retry(result)) co_return result;
    const auto wait = backoff.next(timers->now() - begin);
    if (!wait) co_return result;
    const auto paused = pause(*wait, options.stop, timers);
    if (co_await paused != Ended::fired) co_return result;
  }
}

}  // namespace am
