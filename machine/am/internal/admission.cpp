// From a call to the queue, or straight to the drain: what refuses a mutation, and which one that
// waits already does for it.
#include <am/internal/local_core.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/internal/drain_scope.hpp>
#include <am/internal/extras.hpp>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace am::detail {

using internal::Completion;
using internal::Frame;
using internal::FrameLease;
using internal::Mutation;
using internal::MutationQueue;

namespace {

MutationType mutation_type(Operation operation, bool all_active) {
  switch (operation) {
    case Operation::add:
    case Operation::can_add: return MutationType::add;
    case Operation::remove:
    case Operation::can_remove: return MutationType::remove;
    case Operation::set: return MutationType::set;
    case Operation::toggle: return all_active ? MutationType::remove : MutationType::add;
  }
  return MutationType::add;
}

bool all_active(const ClockBoard& board, std::span<const StateIndex> states) {
  return std::ranges::all_of(states, [&](StateIndex s) { return board.is(s); });
}

void fill(Mutation& mutation, Operation operation, bool active, Args args) {
  mutation.type = mutation_type(operation, active);
  mutation.check = operation == Operation::can_add || operation == Operation::can_remove;
  mutation.automatic = false;
  mutation.queue_tick = 0;
  mutation.is_root = false;
  mutation.eval = false;
  mutation.expires = never;
  mutation.args = std::move(args);
}

/// Lets a thread wait for the answer of a check that another thread runs.
class Answer final : public Completion {
 public:
  /// Gives up at `deadline`.
  Result wait(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    const auto answered = [&] { return answered_; };
    if (deadline == never) {
      changed_.wait(lock, answered);
    } else if (!changed_.wait_until(lock, deadline, answered)) {
      return {Result::canceled, Reason::expired};
    }
    return result_;
  }

 protected:
  void done(Result result) override {
    const std::lock_guard lock(mutex_);
    result_ = result;
    answered_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool answered_ = false;
  Result result_{};
};

}  // namespace

bool LocalCore::calls_exception(const Mutation& mutation) const {
  return std::ranges::find(mutation.called, board().schema().data()->exception) !=
         mutation.called.end();
}

/// Whether a handler was abandoned a short while ago. Errors are let in.
bool LocalCore::in_backoff(const Extras& rare, const Mutation& mutation) const {
  return rare.backoff_until.load(std::memory_order_acquire) != 0 && backoff_until().has_value() &&
         !calls_exception(mutation);
}

std::optional<Timers::Clock::time_point> LocalCore::backoff_until() const {
  const auto* const rare = extras();
  if (rare == nullptr) return std::nullopt;
  const auto ticks = rare->backoff_until.load(std::memory_order_acquire);
  const Timers::Clock::time_point until{Timers::Clock::duration(ticks)};
  return ticks != 0 && timers()->now() < until ? std::optional(until) : std::nullopt;
}

/// An error that somebody has to learn of, as `add_error` reports it.
bool LocalCore::reports_error(const Mutation& mutation) const {
  return mutation.type == MutationType::add && mutation.args.get_if<ErrorInfo>() != nullptr &&
         calls_exception(mutation);
}

/// Why the mutation does not get to the queue at all. Lets what `validate` throws pass.
std::optional<Result> LocalCore::refusal(const Mutation& mutation, bool validated) const {
  const auto* const rare = extras();
  if (rare == nullptr) return std::nullopt;
  if (queue_.closed()) return Result{Result::canceled, Reason::disposed};
  if (in_backoff(*rare, mutation)) return Result{Result::canceled, Reason::backoff};
  const auto& validate = rare->options.validate;
  if (!validated && validate &&
      !validate(
          {mutation.type, mutation.check, mutation.called, mutation.args, board().schema()})) {
    return Result{Result::canceled, Reason::denied};
  }
  return std::nullopt;
}

void LocalCore::heed(const MutationOptions& options, Mutation& mutation) const {
  if (options.ttl > Duration{}) {
    mutation.expires = deadline_after(timers()->now(), options.ttl.get());
  }
  const auto& source = options.source;
  if (source.empty()) return;
  mutation.source = {std::make_shared<const std::string>(source.machine), source.transition,
                     source.time};
}

Result LocalCore::mutate(Operation operation, const StateList& states, Args args,
                         const MutationOptions& options) {
  const FrameLease lease;
  Frame& frame = *lease;
  board().indexes_of(states, frame.mutation.called);
  const bool active = operation == Operation::toggle && all_active(board(), frame.mutation.called);
  fill(frame.mutation, operation, active, std::move(args));
  if (extras() != nullptr) {
    if (const auto refused = refusal(frame.mutation, reports_error(frame.mutation))) {
      return *refused;
    }
  }
  if (options.ttl > Duration{} || !options.source.empty()) heed(options, frame.mutation);
  if (!frame.mutation.args.empty()) remember_error(frame.mutation.called, frame.mutation.args);
  if (frame.mutation.check) return check_now_or_later(frame, options.ttl);
  return enter(frame, queue_full_ == QueueFull::block);
}

/// Adds a state for the machine itself: `validate` is not asked.
Result LocalCore::add_own(StateIndex state) {
  const FrameLease lease;
  Frame& frame = *lease;
  frame.mutation.called.assign(1, state);
  fill(frame.mutation, Operation::add, false, {});
  return enter(frame, false);
}

/// Makes the frame's mutation one that `completion` follows; the result when it is refused.
std::optional<Result> LocalCore::fill_submitted(Frame& frame, Operation operation,
                                                std::span<const StateIndex> states, Args args,
                                                std::shared_ptr<Completion> completion,
                                                const MutationOptions& options) {
  frame.mutation.called.assign(states.begin(), states.end());
  fill(frame.mutation, operation, operation == Operation::toggle && all_active(board(), states),
       std::move(args));
  try {
    if (const auto refused = refusal(frame.mutation, false)) return refused;
  } catch (...) {  // nobody up this stack could make anything of it
    tell_internal_error(error_info(std::current_exception(), "validate"));
    return Result{Result::canceled, Reason::denied};
  }
  heed(options, frame.mutation);
  remember_error(states, frame.mutation.args);
  frame.mutation.completion = std::move(completion);
  frame.mutation.is_root = true;
  return std::nullopt;
}

Result LocalCore::submit(Operation operation, std::span<const StateIndex> states, Args args,
                         std::shared_ptr<Completion> completion, const MutationOptions& options) {
  const FrameLease lease;
  Frame& frame = *lease;
  const auto refused =
      fill_submitted(frame, operation, states, std::move(args), std::move(completion), options);
  return refused ? *refused : enter(frame, false);
}

Result LocalCore::enter(Frame& frame, bool may_block) {
  switch (queue_.try_claim(!frame.mutation.check, frame.mutation.queue_tick)) {
    case MutationQueue::Entry::claimed: return drain(frame);
    case MutationQueue::Entry::closed: return {Result::canceled, Reason::disposed};
    case MutationQueue::Entry::busy: break;
  }
  return append(frame, may_block);
}

Result LocalCore::append(Frame& frame, bool may_block) {
  auto& mutation = frame.mutation;
  auto* const inside = DrainScope::innermost();
  if (inside != nullptr && mutation.source.machine == nullptr) {
    mutation.source = DrainScope::source_in(inside);
  }
  auto entry = MutationQueue::Entry::busy;
  std::uint64_t tick = 0;
  std::size_t length = 0;
  std::optional<Mutation> told;  // for tracers: the queue takes the mutation itself
  if (has_tracers() && !mutation.eval) told = mutation;
  {
    std::unique_lock lock(queue_.mutex());
    if (const auto why = make_room(lock, mutation, may_block); why != Reason::none) {
      return {Result::canceled, why};
    }
    auto* const own = inside == nullptr ? nullptr : own_drain();
    if (own != nullptr && mutation.completion == nullptr) mutation.completion = own->completion;
    if (own != nullptr && nothing_to_remove(*own, mutation)) return Result::executed;
    if (const auto pending = pending_twin(mutation)) {
      if (told) length = queue_.size();
      lock.unlock();
      mutation.queue_tick = pending;
      if (told) tell(&Tracer::mutation_skipped, mutation, length, true);
      return {Result::queued, Reason::none, QueueTick{pending}};
    }
    const auto follow = own != nullptr && !mutation.is_root ? mutation.completion : nullptr;
    entry = queue_.append(mutation, tick);
    if (told) length = queue_.size();
    // Only the drainer, this thread, could end it, so it is in time to count it now.
    if (follow != nullptr && entry == MutationQueue::Entry::busy) follow->expect();
  }
  switch (entry) {
    case MutationQueue::Entry::claimed:
      return frame.elsewhere ? drain_elsewhere(frame) : drain(frame);
    case MutationQueue::Entry::closed: return {Result::canceled, Reason::disposed};
    case MutationQueue::Entry::busy: break;
  }
  if (told) {
    told->queue_tick = tick;
    tell(&Tracer::mutation_queued, *told, length, true);
  }
  return {Result::queued, Reason::none, QueueTick{tick}};
}

/// Waits for a place in the queue where that is asked for and possible. Returns why there is none.
Reason LocalCore::make_room(std::unique_lock<std::mutex>& lock, const Mutation& mutation,
                            bool may_block) {
  if (queue_.size_bound() < queue_limit_) return Reason::none;
  // Errors are let in: they are lost when they matter most otherwise (spec machine 5.3).
  const bool is_error = calls_exception(mutation);
  const auto full = [&] {
    return !is_error && !mutation.check && !queue_.closed() && queue_.size() >= queue_limit_ &&
           queue_.draining();  // an idle machine takes one, whatever its limit
  };
  if (!full()) return Reason::none;
  // A handler that waited for room could hold up the very drain that makes it.
  if (!may_block || DrainScope::innermost() != nullptr) return Reason::queue_full;
  queue_.add_watcher();
  queue_.changed().wait(lock, [&] { return !full(); });
  queue_.remove_watcher();
  // An abandoned handler makes room as well, for nobody.
  const auto* const rare = extras();
  return rare != nullptr && in_backoff(*rare, mutation) ? Reason::backoff : Reason::none;
}

/// Vectors rule 8: a removal made in the final phase, with nothing queued before it, of states that
/// are all inactive.
bool LocalCore::nothing_to_remove(const DrainScope& scope, const Mutation& mutation) const {
  return mutation.type == MutationType::remove && !mutation.check && scope.transition != nullptr &&
         scope.transition->phase == Transition::Phase::final && queue_.size() == 0 &&
         std::ranges::none_of(mutation.called, [&](StateIndex s) { return board().is(s); });
}

/// Queue tick of a pending mutation that does the same (vectors rule 7), or 0.
std::uint64_t LocalCore::pending_twin(const Mutation& mutation) {
  if (mutation.check || mutation.is_root || !mutation.args.empty()) return 0;
  if (mutation.expires != never) return 0;
  const auto& multi = board().schema().data()->multi;
  if (std::ranges::any_of(mutation.called,
                          [&](StateIndex s) { return internal::test(multi, s); })) {
    return 0;
  }
  return queue_.duplicate_of(mutation.type, mutation.called);
}

Result LocalCore::check_now_or_later(Frame& frame, Duration limit) {
  auto& mutation = frame.mutation;
  std::uint64_t tick = 0;
  switch (queue_.try_claim(false, tick)) {
    case MutationQueue::Entry::claimed: return drain(frame);
    case MutationQueue::Entry::closed: return {Result::canceled, Reason::disposed};
    case MutationQueue::Entry::busy: break;
  }
  // In a handler, of whatever machine: two that ask each other would wait for ever.
  if (DrainScope::innermost() != nullptr) return append(frame, false);
  const auto deadline =
      limit > Duration{} ? deadline_after(std::chrono::steady_clock::now(), limit.get()) : never;
  const auto answer = std::make_shared<Answer>();
  mutation.completion = answer;
  mutation.is_root = true;
  const auto result = append(frame, false);
  return result == Result::queued ? answer->wait(deadline) : result;
}

}  // namespace am::detail
