#include <am/helpers/internal/follow.hpp>

#include <am/helpers/internal/direct_executor.hpp>
#include <am/helpers/internal/local.hpp>
#include <am/internal/local_core.hpp>
#include <am/internal/waits.hpp>
#include <am/tracer.hpp>

#include <mutex>
#include <utility>

namespace am::internal {

// -- local ------------------------------------------------------------------------

class Follow::Tracing final : public Tracer {
 public:
  Tracing(const std::vector<StateIndex>& states, FollowCalls calls) : calls_(std::move(calls)) {
    for (const auto state : states) {
      if (followed_.size() <= state) followed_.resize(std::size_t{state} + 1);
      followed_[state] = true;
    }
  }

  void transition_end(const Transition& transition) override {
    tell(transition.changes, &transition);
  }

  void restored(std::span<const TickChange> changes) override {
    if (!calls_.replaced) return tell(changes, nullptr);
    calls_.replaced();
  }

  void disposed() override {
    if (calls_.gone) calls_.gone();
  }

 private:
  void tell(std::span<const TickChange> changes, const Transition* transition) {
    changes_.clear();
    for (const auto& change : changes) {
      if (change.state < followed_.size() && followed_[change.state]) changes_.push_back(change);
    }
    if (!changes_.empty()) calls_.changed(changes_, transition);
  }

  FollowCalls calls_;
  std::vector<bool> followed_;
  std::vector<TickChange> changes_;  // by the draining thread
};

// -- remote -----------------------------------------------------------------------

class Follow::Waiting : public std::enable_shared_from_this<Waiting> {
 public:
  Waiting(const Api& machine, std::vector<StateIndex> states, FollowCalls calls)
      : machine_(machine),
        states_(std::move(states)),
        calls_(std::move(calls)),
        epoch_(machine.core()->epochs()) {
    waits_.resize(states_.size());
    seen_.resize(states_.size());
    machine_.core()->board().snapshot(now_);
    for (std::size_t i = 0; i < states_.size(); ++i) seen_[i] = now_[states_[i]];
  }

  void start() {
    for (std::size_t i = 0; i < states_.size(); ++i) arm(i);
  }

  void stop() {
    std::vector<Continuation> waits;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      waits.swap(waits_);
    }
    for (const auto& wait : waits) wait.cancel();
  }

 private:
  void arm(std::size_t place) {
    std::uint64_t next = 0;
    std::uint64_t epoch = 0;
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      next = seen_[place] + 1;
      epoch = epoch_;
    }
    const auto state = machine_.schema().id(states_[place]);
    auto wait =
        machine_.when_time(state, Tick{next}).then([weak = weak_from_this(), place](Ended how) {
          if (const auto self = weak.lock()) self->woken(place, how);
        });
    {
      const std::lock_guard lock(mutex_);
      if (!stopped_ && machine_.core()->epochs() == epoch) {
        waits_[place] = std::move(wait);
        return;
      }
    }
    // Else it would wait for a tick of a source that is gone.
    if (wait.cancel()) woken(place, Ended::epoch_changed);
  }

  void woken(std::size_t place, Ended) {
    if (machine_.core()->over()) return end();
    {
      // Held during the calls, which makes them one at a time.
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      // The wait of each state ends when the source is another one; the first of them tells it.
      const auto epoch = machine_.core()->epochs();
      const bool replaced = std::exchange(epoch_, epoch) != epoch;
      look(!replaced);
      if (replaced && calls_.replaced) calls_.replaced();
    }
    arm(place);
  }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopped_, true)) return;
    }
    if (calls_.gone) calls_.gone();
  }

  /// Tells what has changed of all states, as of one instant. The waits of the others that changed
  /// fire as well, and find nothing new.
  void look(bool same_epoch) {
    machine_.core()->board().snapshot(now_);
    std::vector<TickChange> changes;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const auto before = std::exchange(seen_[i], now_[states_[i]]);
      if (before != seen_[i]) changes.push_back({states_[i], Tick{before}, Tick{seen_[i]}});
    }
    if (same_epoch && !changes.empty()) calls_.changed(changes, nullptr);
  }

  Api machine_;
  const std::vector<StateIndex> states_;
  const FollowCalls calls_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::uint64_t epoch_;
  std::vector<std::uint64_t> seen_;
  std::vector<std::uint64_t> now_;
  std::vector<Continuation> waits_;
};

// -- both -------------------------------------------------------------------------

Follow::Follow(const Api& machine, std::vector<StateIndex> states, FollowCalls calls, By by)
    : core_(machine.core()) {
  const auto local = by == By::best ? local_core(machine.core()) : nullptr;
  if (local != nullptr) {
    tracer_ = local->trace(std::make_shared<Tracing>(states, std::move(calls))).value;
  } else {
    waiting_ = std::make_shared<Waiting>(machine, std::move(states), std::move(calls));
    waiting_->start();
  }
}

Follow::~Follow() {
  if (waiting_ != nullptr) {
    waiting_->stop();
  } else if (const auto local = local_core(core_.lock())) {
    local->detach(TracerId{tracer_});
  }
}

Continuation when_gone(const Api& machine, std::function<void()> gone) {
  // Never both, so this ends with the machine only; unlike a wait for a far tick it stays when a
  // remote source is replaced by another.
  const auto index = machine.core()->board().index_of(exception_state);
  return machine.core()
      ->wait_on({{index, WaitTerm::Kind::active, 0}, {index, WaitTerm::Kind::inactive, 0}})
      .then(DirectExecutor::instance(), [machine, gone = std::move(gone)] {
        if (machine.core()->over()) gone();
      });
}

}  // namespace am::internal
