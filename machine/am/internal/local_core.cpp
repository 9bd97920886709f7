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

using internal::Frame;
using internal::Mutation;

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
