// Knowing that the calling thread runs a machine, or a handler for it.
#pragma once

#include <am/executor.hpp>
#include <am/internal/local_core.hpp>
#include <am/internal/run_completions.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace am::detail {

/// Marks that the calling thread drains a machine, or runs a handler for the thread that does.
/// Scopes nest when a handler mutates another machine.
class LocalCore::DrainScope {
 public:
  explicit DrainScope(const LocalCore& core) : core_(core) {}
  ~DrainScope() {
    if (!deferred.empty()) internal::run_completions(std::move(deferred));
  }
  DrainScope(const DrainScope&) = delete;
  DrainScope& operator=(const DrainScope&) = delete;

  /// Makes a scope the calling thread's innermost one for its own lifetime.
  class Enter {
   public:
    explicit Enter(DrainScope& scope) : scope_(scope) {
      scope_.outer_ = std::exchange(innermost(), &scope_);
    }
    ~Enter() { innermost() = scope_.outer_; }
    Enter(const Enter&) = delete;
    Enter& operator=(const Enter&) = delete;

   private:
    DrainScope& scope_;
  };

  static DrainScope*& innermost() noexcept {
    thread_local DrainScope* scope = nullptr;
    return scope;
  }
  /// The thread's scope of `core`, or null. Of a handler that runs on a thread of its own, it may
  /// be used with the queue's mutex held: with that mutex held the handler is abandoned.
  static DrainScope* of(const LocalCore& core) noexcept {
    auto* scope = innermost();
    while (scope != nullptr && (&scope->core_ != &core || scope->abandoned())) {
      scope = scope->outer_;
    }
    return scope;
  }
  /// Whether `core` can go no further before the calling thread returns.
  static bool busy(const LocalCore& core) noexcept {
    for (auto* scope = innermost(); scope != nullptr; scope = scope->outer_) {
      if (scope->abandoned()) continue;
      if (&scope->core_ == &core) return true;
      if (std::ranges::find(scope->beyond, &core) != scope->beyond.end()) return true;
    }
    return false;
  }
  /// The machines that cannot go further before the calling thread returns.
  static std::vector<const LocalCore*> all_busy() {
    std::vector<const LocalCore*> all;
    for (auto* scope = innermost(); scope != nullptr; scope = scope->outer_) {
      if (scope->abandoned()) continue;
      all.push_back(&scope->core_);
      all.insert(all.end(), scope->beyond.begin(), scope->beyond.end());
    }
    return all;
  }

  bool abandoned() const noexcept {
    return is_abandoned != nullptr && is_abandoned->load(std::memory_order_acquire);
  }

  /// Keeps `fn` until the outermost drain of this thread is over; not counting a handler that was
  /// abandoned, which may never return.
  void defer(std::function<void()> fn) {
    auto* scope = this;
    while (scope->outer_ != nullptr && !scope->outer_->abandoned()) scope = scope->outer_;
    scope->deferred.push_back(std::move(fn));
  }
  /// Others keep this thread busy: what it has deferred does not have to wait for that.
  void hand_over() {
    for (auto& fn : std::exchange(deferred, {})) completion_executor()->post(std::move(fn));
  }

  /// What mutations carry that are made now, by this thread, inside the drain of `scope`.
  static internal::Source source_in(DrainScope* scope) {
    if (scope == nullptr || scope->transition == nullptr) return {};
    return scope->source();
  }
  /// The transition that runs now, as where a mutation was made.
  internal::Source source() {
    note_time();
    // Null when the machine is being destroyed by its own handler.
    const auto core = core_.weak_from_this().lock();
    if (core == nullptr) return {};
    return {{core, &core_.id()}, source_of_, source_time_};
  }
  /// Finds out once for each transition when it began, in ticks. While nobody else can change them:
  /// by the drainer, also for a handler that may be abandoned.
  void note_time() {
    const auto& t = *transition;
    if (source_of_ == t.id) return;
    source_of_ = t.id;
    source_time_ = core_.tick_sum_;
    for (const auto& change : t.changes) source_time_ -= change.after.value - change.before.value;
  }

  DrainScope* outer() const noexcept { return outer_; }

  /// What the mutation that runs now, and its descendants, complete.
  std::shared_ptr<internal::Completion> completion{};
  const Transition* transition = nullptr;
  /// The queue tick that `Waits::queue_ends` was told last; 0 when its waits were seen to.
  std::uint64_t last_ended = 0;
  /// Keeps the core when the machine is disposed of in one of its own handlers.
  std::shared_ptr<Core> keep_alive{};
  bool start_ended = false;                       ///< of that disposal
  std::vector<std::function<void()>> deferred{};  ///< of the outermost scope only

  // Of a handler on a thread of its own only:
  const std::atomic<bool>* is_abandoned = nullptr;
  /// Machines that wait for the one that waits for this handler; to compare, never to use.
  std::vector<const LocalCore*> beyond{};

 private:
  const LocalCore& core_;
  DrainScope* outer_ = nullptr;
  std::uint64_t source_of_ = 0;  ///< the transition that `source_time_` is of
  std::uint64_t source_time_ = 0;
};

}  // namespace am::detail
