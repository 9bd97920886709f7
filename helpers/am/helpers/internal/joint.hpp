// A value that several things may decide.
#pragma once

#include <am/api.hpp>
#include <am/helpers/internal/direct_executor.hpp>
#include <am/helpers/limits.hpp>
#include <am/pending.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace am::internal {

/// The state of a Pending that the first of several events decides. What it watches does not keep
/// it: when nobody is interested any more, it lets go of everything. Pass `core` of a remote
/// machine when one takes part, so that continuations stay off that machine's own threads.
template <class T>
class Joint : public detail::PendingState<T> {
 public:
  using detail::PendingState<T>::PendingState;
  ~Joint() { let_go(); }

  void decide(T decision) {
    let_go();
    this->end(std::move(decision));
  }

  /// Keeps `continuation` until the value is decided.
  void keep(Continuation continuation) {
    {
      const std::lock_guard lock(mutex_);
      if (!decided_) return watched_.push_back(std::move(continuation));
    }
    continuation.cancel();
  }

  /// Lets `fn` decide on a timeout and on a stop. Once, by the maker, as its last step.
  void limit(const Limits& limits, const std::shared_ptr<Timers>& timers,
             const std::shared_ptr<Joint>& self, std::function<T(Ended)> decision) {
    const auto decide_weakly = [weak = std::weak_ptr(self),
                                decision = std::move(decision)](Ended how) {
      if (const auto joint = weak.lock()) joint->decide(decision(how));
    };
    if (limits.timeout != forever) {
      const auto due = detail::deadline_after(timers->now(), limits.timeout.get());
      const auto id = timers->at(
          due, [decide_weakly] { decide_weakly(Ended::timeout); }, DirectExecutor::instance());
      {
        const std::lock_guard lock(mutex_);
        if (!decided_) timer_ = {timers, id};
      }
      if (this->signal.fired()) timers->cancel(id);
    }
    if (limits.stop.stop_possible()) {
      stopped_.emplace(limits.stop, [decide_weakly] { decide_weakly(Ended::stopped); });
    }
  }

 private:
  void let_go() {
    std::vector<Continuation> watched;
    std::pair<std::shared_ptr<Timers>, TimerId> timer;
    {
      const std::lock_guard lock(mutex_);
      decided_ = true;
      watched.swap(watched_);
      timer = std::exchange(timer_, {});
    }
    for (const auto& continuation : watched) continuation.cancel();
    if (timer.first != nullptr) timer.first->cancel(timer.second);
  }

  std::mutex mutex_;
  bool decided_ = false;
  std::vector<Continuation> watched_;
  std::pair<std::shared_ptr<Timers>, TimerId> timer_{};
  std::optional<std::stop_callback<std::function<void()>>> stopped_{};
};

/// The core that continuations of several waits go by: a remote one if there is one.
inline std::shared_ptr<detail::Core> deciding_core(const std::vector<Wait>& waits,
                                                   const std::vector<Api>& machines) {
  std::shared_ptr<detail::Core> found;
  const auto look_at = [&](const std::shared_ptr<detail::Core>& core) {
    if (core != nullptr && (found == nullptr || !core->is_local())) found = core;
  };
  for (const auto& wait : waits) look_at(wait.core());
  for (const auto& machine : machines) look_at(machine.core());
  return found;
}

/// Throws where blocking for `waits` could never return.
inline void check_may_block(const std::vector<Wait>& waits) {
  for (const auto& wait : waits) {
    if (!wait.done()) wait.core()->check_may_block();
  }
}

}  // namespace am::internal
