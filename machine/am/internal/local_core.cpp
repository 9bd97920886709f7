#include <am/internal/local_core.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/internal/drain_scope.hpp>
#include <am/internal/evaluation.hpp>
#include <am/internal/extras.hpp>
#include <am/internal/run_completions.hpp>
#include <am/internal/waits.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <utility>

namespace am::detail {

using internal::Completion;
using internal::Frame;
using internal::FrameLease;
using internal::Mutation;
using internal::MutationQueue;

// -- the drain of this thread -----------------------------------------------------

LocalCore::DrainScope* LocalCore::own_drain() const noexcept { return DrainScope::of(*this); }

bool LocalCore::in_drain() const noexcept { return DrainScope::busy(*this); }

bool LocalCore::defer(std::function<void()>& completion) {
  auto* const scope = DrainScope::innermost();
  if (scope == nullptr) return false;
  scope->defer(std::move(completion));
  return true;
}

// -- life -----------------------------------------------------------------------------

namespace {

std::string random_id() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("{:015x}", random() >> 4U);  // as long as a string holds without the heap
}

}  // namespace

namespace {

/// Whether an option is set that is kept in the extras; all are, but for the id and the queue's.
bool has_rare(const MachineOptions& options) {
  const MachineOptions defaults;
  return options.handlers != defaults.handlers ||
         options.handler_timeout != defaults.handler_timeout || options.stop.stop_possible() ||
         options.dispose_timeout != defaults.dispose_timeout || options.timers != nullptr ||
         options.validate || !options.parent.id.empty() || !options.tags.empty();
}

}  // namespace

LocalCore::LocalCore(CompiledSchema schema, MachineOptions options)
    : Core(options.id.empty() ? random_id() : std::move(options.id), std::move(schema)),
      running_(no_attachments()),
      queue_full_(options.queue_full),
      queue_limit_(static_cast<std::uint32_t>(
          std::min<std::size_t>(options.queue_limit, std::numeric_limits<std::uint32_t>::max()))),
      extras_(has_rare(options) ? new Extras{.options = std::move(options)} : nullptr),
      attachments_(running_) {}

LocalCore::~LocalCore() { delete extras(); }

LocalCore::Extras& LocalCore::make_extras() {
  if (auto* const there = extras()) return *there;
  auto made = std::make_unique<Extras>();
  Extras* there = nullptr;
  if (extras_.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel)) {
    there = made.release();
  }
  return *there;
}

const MachineOptions& LocalCore::options() const noexcept {
  static const auto& defaults = *new MachineOptions;  // machines may outlive static objects
  const auto* const rare = extras();
  return rare == nullptr ? defaults : rare->options;
}

const std::shared_ptr<Timers>& LocalCore::timers() const {
  const auto& own = options().timers;
  return own != nullptr ? own : system_timers();
}

std::size_t LocalCore::queue_length() const {
  const std::lock_guard lock(queue_.mutex());
  return queue_.size();
}

void LocalCore::check_may_block() const {
  if (in_drain()) {
    throw Error(
        Errc::would_deadlock,
        fmt::format("a handler of machine \"{}\" waits for the machine that runs it: return "
                    "and wait elsewhere, or react in another handler",
                    id()));
  }
}

void LocalCore::active_states(std::vector<StateIndex>& out) const {
  const std::lock_guard lock(board().commit_mutex());
  out = order_;
}

// -- queue ------------------------------------------------------------------------------

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

// -- drain -------------------------------------------------------------------------------

namespace {

/// How many queued mutations a drain runs before it lets others do its completions.
constexpr unsigned completions_wait_for = 64;

}  // namespace

/// Runs the frame's mutation and then the queue until it is empty. Returns the result of the
/// frame's own mutation.
Result LocalCore::drain(Frame& frame) {
  std::shared_ptr<Core> keep_alive;  // outlives the scope, whose core it may be the last to keep
  DrainScope scope(*this);
  const DrainScope::Enter entered(scope);
  if (frame.mutation.completion != nullptr) frame.mutation.completion->begins();
  if (scope.outer() != nullptr && frame.mutation.source.machine == nullptr) {
    frame.mutation.source = DrainScope::source_in(scope.outer());
  }
  if (has_tracers() && !frame.mutation.eval) {
    tell(&Tracer::mutation_queued, frame.mutation, 1, false);
  }
  const auto result = run_with_followups(frame, scope);
  unsigned others = 0;
  // Some of the queue at a time, so that there is room for more while they run.
  const auto most = std::max<std::size_t>(1, queue_limit_ / 4);
  while (true) {
    if (scope.keep_alive != nullptr) end_start_now(frame, scope);
    if (!queue_.start_next(frame.batch, frame.mutation)) {
      if (queue_.closed() && adopt_disposal(scope)) continue;
      if (running_->watched && queue_.empty()) {
        each_tracer([](Tracer& tracer) { tracer.queue_end(); });
      }
      if (queue_.try_release()) break;
      if (scope.last_ended != 0) fire_queue_waits(std::exchange(scope.last_ended, 0));
      std::size_t left = 0;
      if (!queue_.take(frame.batch, most, frame.mutation, left)) continue;
      // Not for each place: who waits for one came when the queue was full. Nor all at once, who
      // would fill it in turn and go back to sleep: the next batch wakes the next one.
      if (left <= queue_limit_ / 2 && queue_.watched()) queue_.notify_a_watcher();
    }
    run_with_followups(frame, scope);
    if (++others % completions_wait_for == 0) scope.hand_over();
  }
  // Everything below runs without the claim: others may drain by now.
  keep_alive = std::move(scope.keep_alive);
  if (waits().has_queue_waits()) fire_queue_waits(0);
  if (queue_.watched()) queue_.notify_watchers();
  if (waits().count(internal::Bag::queue_end) != 0) fire_queue_end_waits();
  if (keep_alive != nullptr) finish_disposal();
  return result;
}

/// One mutation, and what the machine itself adds right after it: an Exception, automatic states.
Result LocalCore::run_with_followups(Frame& frame, DrainScope& scope) {
  auto& mutation = frame.mutation;
  const auto tick = mutation.queue_tick;
  if (tick != 0) board().store_queue_tick(tick);
  if (mutation.eval) [[unlikely]] {
    run_evaluation(frame, scope);
    if (auto* const rare = extras(); rare != nullptr && !rare->dropped.empty()) {
      drop_abandoned(*rare);
    }
    return Result::executed;
  }
  if (mutation.expires != never && timers()->now() >= mutation.expires) {
    const Result late{Result::canceled, Reason::expired};
    end_mutation(mutation, late);
    mutation.completion.reset();
    mutation.source = {};
    mutation.args = {};
    return late;
  }
  if (mutation.completion != nullptr) scope.completion = std::move(mutation.completion);
  scope.transition = &frame.transition;
  const bool is_root = mutation.is_root;

  Result result = Result::executed;
  refresh_attachments();
  if (is_plain(mutation)) {
    run_plain(frame);
  } else {
    frame.automatic = true;
    result = run(frame);
    run_followups(frame, scope);
  }

  scope.transition = nullptr;
  // Which may keep this very machine.
  if (mutation.source.machine != nullptr) mutation.source = {};
  if (tick != 0) {
    // The last one of a drain need not be seen to end before the drain does.
    if (scope.completion == nullptr && !running_->watched && frame.batch.at_end() &&
        queue_.empty()) {
      waits().queue_ends(tick);
      scope.last_ended = tick;
    } else {
      fire_queue_waits(tick);
    }
  }
  if (scope.completion != nullptr) {
    const auto completion = std::move(scope.completion);
    if (is_root) completion->ended_with(result);
    completion->one_ended();
  }
  if (auto* const rare = extras(); rare != nullptr && !rare->dropped.empty()) {
    drop_abandoned(*rare);
  }
  // Here, where the program's destructors may do what they like; and the queue's slot, which gets
  // this mutation in exchange for the next one, must not keep what may keep the machine.
  if (!mutation.args.empty()) mutation.args = {};
  return result;
}

/// What the machine itself adds after the frame's transition.
void LocalCore::run_followups(Frame& frame, DrainScope& scope) {
  add_failure(frame, scope);
  if (!take_automatic(frame)) return;
  run(frame);
  // Automatic states do not follow this one: one whose handler always throws would never end.
  frame.automatic = false;
  add_failure(frame, scope);
}

namespace {

/// Added with Exception where the schema has it.
constexpr std::string_view handler_timeout_state = "ErrHandlerTimeout";

}  // namespace

/// Makes an Exception of what a handler of the last transition threw.
void LocalCore::add_failure(Frame& frame, DrainScope& scope) {
  if (failure_ == nullptr) return;
  auto& mutation = frame.mutation;
  mutation.type = MutationType::add;
  mutation.check = mutation.automatic = false;
  mutation.queue_tick = 0;
  mutation.called.assign(1, board().schema().data()->exception);
  if (auto* const rare = extras();
      rare != nullptr && std::exchange(rare->failure_is_timeout, false)) {
    const auto state = board().schema().find(handler_timeout_state);
    if (state) mutation.called.insert(mutation.called.begin(), *state);
  }
  mutation.args = Args(std::move(*std::exchange(failure_, nullptr)));
  mutation.source = DrainScope::source_in(&scope);
  scope.transition = &frame.transition;
  if (!running_->tracers.empty()) {
    tell(&Tracer::mutation_queued, mutation, queue_length() + 1, true);
  }
  run(frame);
  failure_.reset();  // recorded; an error in an error's handlers is not added again
}

/// Ends a mutation that will not run.
void LocalCore::end_mutation(const Mutation& mutation, Result result) {
  if (mutation.queue_tick != 0) fire_queue_waits(mutation.queue_tick);
  if (mutation.completion == nullptr) return;
  if (mutation.is_root) mutation.completion->ended_with(result);
  mutation.completion->one_ended();
}

}  // namespace am::detail
