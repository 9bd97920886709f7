// What few machines have: kept apart, so that the many stay small.
#pragma once

#include <am/error_info.hpp>
#include <am/internal/local_core.hpp>
#include <am/internal/posted_call.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace am::detail {

/// Made when an option that is seldom given is given, or a feature that is seldom used is used
/// first. It then lives as long as the core, so a pointer to it may be kept.
struct LocalCore::Extras {
  /// All options but the id.
  const MachineOptions options{};
  /// In place of those in the options, once they are set. Guarded by the core's attach mutex.
  std::optional<std::vector<std::string>> tags{};

  /// Ticks of the machine's timers until which mutations are refused; 0 when none are.
  std::atomic<Timers::Clock::rep> backoff_until{0};
  /// How often the clocks were taken back.
  std::atomic<std::uint64_t> epochs{0};

  /// Whether handlers are called by `call_limited`.
  const bool limits_calls =
      options.handlers == HandlersRun::on_own_thread || options.handler_timeout > Duration{};
  Duration call_limit() const noexcept;
  /// Of an abandoned handler; under the queue's mutex, then by the drainer.
  std::vector<internal::Mutation> dropped{};
  bool failure_is_timeout = false;  ///< the core's `failure_` is; by the drainer
  /// Keeps a machine whose drain goes on after its disposal. Guarded by the queue's mutex.
  std::shared_ptr<Core> orphan{};

  std::mutex mutex{};
  std::condition_variable disposed{};  ///< `ended` has changed
  // Guarded by the mutex:
  std::shared_ptr<HandlerThread> handler_thread{};
  std::vector<std::function<void()>> on_dispose{};
  std::optional<std::stop_source> context{};
  bool over = false;  ///< the functions of on_dispose have been taken
  bool context_ended = false;
  bool ended = false;          ///< nothing is left to be done
  std::thread::id disposer{};  ///< who ends the machine; of nobody before that
  std::shared_ptr<const std::function<void(const ErrorInfo&)>> on_internal_error{};

  /// Last, so that it is gone before what it uses. By the constructing thread.
  std::optional<std::stop_callback<std::function<void()>>> parent{};
};

}  // namespace am::detail
