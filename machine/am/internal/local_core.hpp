// The local machine behind `am::Machine`: queue, drain, transitions, handlers, tracers, life.
#pragma once

#include <am/detail/core.hpp>
#include <am/internal/end_tracer.hpp>
#include <am/internal/frame.hpp>
#include <am/internal/handler_table.hpp>
#include <am/internal/mutation_queue.hpp>
#include <am/machine.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace am::detail {

class LocalCore final : public Core {
 public:
  LocalCore(CompiledSchema schema, MachineOptions options);
  ~LocalCore() override;

  // -- Core -----------------------------------------------------------------------

  Result mutate(Operation operation, const StateList& states, Args args,
                const MutationOptions& options) override;
  void mutate_async(Operation operation, const StateList& states, Args args,
                    const MutationOptions& options,
                    std::shared_ptr<PendingState<Result>> pending) override;
  void active_states(std::vector<StateIndex>& out) const override;
  std::optional<ErrorInfo> last_error() const override;
  bool is_local() const noexcept override { return true; }
  void check_may_block() const override;
  std::optional<Ended> over() const noexcept override {
    return queue_.closed() ? std::optional(Ended::disposed) : std::nullopt;
  }
  const std::shared_ptr<Executor>& completions() const override { return inline_executor(); }
  const std::shared_ptr<Timers>& timers() const override;
  std::uint64_t epochs() const noexcept override;

  // -- for other modules ------------------------------------------------------------

  /// As `mutate` for state indexes that are valid. Never blocks: a full queue refuses. `completion`
  /// is told when the mutation and all that its handlers queued have run; not at all when the
  /// mutation never got into the queue (a result with Reason::queue_full or Reason::disposed).
  Result submit(Operation operation, std::span<const StateIndex> states, Args args,
                std::shared_ptr<internal::Completion> completion,
                const MutationOptions& options = {});

  /// Adds `states`, as `mutate_async`, but leaves it to a thread of its own to run the queue: the
  /// handlers do not hold up the calling thread. See internal/drain_threads.hpp.
  void add_due(std::span<const StateIndex> states, Args args, const MutationOptions& options,
               std::shared_ptr<PendingState<Result>> pending);
  /// Until when mutations are refused since a handler was abandoned, by `timers`.
  std::optional<Timers::Clock::time_point> backoff_until() const;

  /// Keeps `completion` until the calling thread is out of all drains; false when it is in none.
  static bool defer(std::function<void()>& completion);

  // -- handlers and tracers ------------------------------------------------------------

  BindingId bind(const std::vector<std::pair<internal::HandlerKey, HandlerFunction>>& handlers);
  bool detach(BindingId id);
  TracerId trace(std::shared_ptr<Tracer> tracer);
  bool detach(TracerId id);

  bool logs(LogLevel level) const noexcept override {
    return tracing_.load(std::memory_order_acquire) > static_cast<std::uint8_t>(level);
  }
  void say(LogLevel level, const std::string& text) const override;
  /// Attaches `tracer` instead of the one of the same type; null: just removes that.
  template <class T>
  void replace_tracer(std::shared_ptr<T> tracer) {
    change_attachments([&](Attachments& attachments) {
      std::erase_if(attachments.tracers, [](const auto& attached) {
        return dynamic_cast<const T*>(attached.second.get()) != nullptr;
      });
      if (tracer != nullptr) {
        attachments.tracers.emplace_back(TracerId{++last_attachment_}, std::move(tracer));
      }
    });
  }
  /// Tells the tracers of the parent, if it is there and local, that `child` was made.
  void tell_parent(const Api& child) const;

  // -- between transitions (evaluation.cpp) -----------------------------------------------

  bool eval(const std::function<void()>& fn, std::stop_token scope, Duration limit);

  void on_internal_error(std::function<void(const ErrorInfo&)> fn);
  Result extend_schema(const Schema& wanted, Duration limit);

  // -- life (disposal.cpp) ------------------------------------------------------------------

  /// Does what MachineOptions::stop asks for, now or later.
  void follow_parent();
  void on_dispose(std::function<void()> fn);
  std::stop_token context();
  using Core::context;
  bool dispose();

  // -- clocks, kept and given back (restore.cpp) -------------------------------------------

  Snapshot save() const;
  void restore(const Snapshot& snapshot, Rewind rewind);

  // -- properties -----------------------------------------------------------------------

  std::string parent_id() const;
  std::vector<std::string> tags() const;
  void set_tags(std::vector<std::string> tags);

  // -- the queue, from outside (queue_queries.cpp) ----------------------------------------

  std::size_t queue_length() const;
  std::vector<PendingMutation> queued() const;
  /// The queued mutations that fit, in their order.
  std::vector<QueuePosition> find_queued(const StateList& states, const QueueQuery& query) const;

 private:
  struct Attachments {
    explicit Attachments(std::size_t states) : handlers(states) {}
    internal::HandlerTable handlers;
    std::vector<std::pair<TracerId, std::shared_ptr<Tracer>>> tracers;
    bool wants_steps = false;                  ///< some tracer does
    bool watched = false;                      ///< some tracer wants more than `ends`
    std::vector<internal::EndTracer*> ends{};  ///< of the tracers
  };
  class DrainScope;
  struct Extras;
  class PostedCall;
  class HandlerThread;
  static const std::shared_ptr<const Attachments>& no_attachments();

  bool queue_busy() const noexcept override { return queue_.draining(); }

  // -- what is rare (extras.hpp) ------------------------------------------------------

  /// Null while nothing rare was asked for. One load. Any thread.
  Extras* extras() const noexcept { return extras_.load(std::memory_order_acquire); }
  /// Makes them when there are none. Any thread.
  Extras& make_extras();
  /// The options; of machines without extras, the defaults.
  const MachineOptions& options() const noexcept;

  // -- queue (local_core.cpp) --------------------------------------------------------

  void heed(const MutationOptions& options, internal::Mutation& mutation) const;
  void remember_error(std::span<const StateIndex> called, const Args& args);
  void store_error(const ErrorInfo& info);
  void tell_internal_error(const ErrorInfo& info) const;
  bool calls_exception(const internal::Mutation& mutation) const;
  bool in_backoff(const Extras& rare, const internal::Mutation& mutation) const;
  bool reports_error(const internal::Mutation& mutation) const;
  std::optional<Result> refusal(const internal::Mutation& mutation, bool validated) const;
  Result add_own(StateIndex state);
  Result enter(internal::Frame& frame, bool may_block);
  Result append(internal::Frame& frame, bool may_block);
  Reason make_room(std::unique_lock<std::mutex>& lock, const internal::Mutation& mutation,
                   bool may_block);
  bool nothing_to_remove(const DrainScope& scope, const internal::Mutation& mutation) const;
  std::uint64_t pending_twin(const internal::Mutation& mutation);
  Result check_now_or_later(internal::Frame& frame, Duration limit);
  std::optional<Result> fill_submitted(internal::Frame& frame, Operation operation,
                                       std::span<const StateIndex> states, Args args,
                                       std::shared_ptr<internal::Completion> completion,
                                       const MutationOptions& options);
  Result drain_elsewhere(internal::Frame& frame);
  Result drain(internal::Frame& frame);
  Result run_with_followups(internal::Frame& frame, DrainScope& scope);
  void run_followups(internal::Frame& frame, DrainScope& scope);
  void add_failure(internal::Frame& frame, DrainScope& scope);
  void end_mutation(const internal::Mutation& mutation, Result result);
  void drop(std::vector<internal::Mutation>& mutations, Reason reason);
  Result mutate_itself(MutationType type, StateIndex state,
                       std::shared_ptr<PendingState<Result>> pending);
  void end_start(std::chrono::steady_clock::time_point deadline);
  void end_start_now(internal::Frame& frame, DrainScope& scope);
  void parent_stopped();
  bool adopt_disposal(DrainScope& scope);
  bool leave_to_drainer();
  void wait_for_disposal(std::chrono::steady_clock::time_point deadline);
  void finish_disposal();
  void run_evaluation(internal::Frame& frame, DrainScope& scope);
  DrainScope* own_drain() const noexcept;
  /// Whether the calling thread keeps this machine from going on.
  bool in_drain() const noexcept;

  // -- growth (growth.cpp) --------------------------------------------------------------

  void grow(const Schema& wanted);

  // -- the least transition (plain_transition.cpp) -----------------------------------------

  /// Whether `run_plain` does for the frame's mutation. After `refresh_attachments`.
  bool is_plain(const internal::Mutation& mutation) const noexcept {
    return mutation.called.size() == 1 && !running_->watched && settled_ &&
           internal::test(board().schema().data()->plain, mutation.called.front()) &&
           !running_->handlers.concern(mutation.called.front()) &&
           mutation.type != MutationType::set && !mutation.check;
  }
  void run_plain(internal::Frame& frame);

  // -- one transition (transition.cpp) --------------------------------------------------

  Result run(internal::Frame& frame);
  // Inline: transition.cpp, their only caller, runs through them all.
  inline void prepare(internal::Frame& frame);
  inline void resolve(internal::Frame& frame, MutationType type,
                      std::span<const StateIndex> called);
  inline void find_exits_and_enters(internal::Frame& frame);
  inline void reject_by_relations(internal::Frame& frame);
  void negotiate(internal::Frame& frame);
  bool ask_exits(internal::Frame& frame);
  bool drop_target(internal::Frame& frame, StateIndex state);
  bool ask_enters(internal::Frame& frame);
  bool ask_self(internal::Frame& frame);
  bool ask_pairs(internal::Frame& frame);
  void resolve_again(internal::Frame& frame);
  inline void apply(internal::Frame& frame);
  void run_finals(internal::Frame& frame);
  void roll_back(internal::Frame& frame, std::size_t first_failed_enter);
  void find_automatic(internal::Frame& frame);
  bool take_automatic(internal::Frame& frame);
  bool call(internal::Frame& frame, internal::HandlerKey key);
  static bool failed(const Transition& transition) noexcept {
    return transition.cancel.reason == Reason::error || transition.cancel.reason == Reason::timeout;
  }
  void fail(Transition& transition, std::exception_ptr cause, internal::HandlerKey key);

  // -- handlers that may take only so long (limited_calls.cpp) -----------------------------

  bool call_limited(internal::Frame& frame, internal::HandlerKey key,
                    const internal::HandlerTable::Bound& handler, Extras& rare);
  bool call_elsewhere(internal::Frame& frame, internal::HandlerKey key,
                      const internal::HandlerTable::Bound& handler, Extras& rare);
  static void cancel_late(internal::Frame& frame, internal::HandlerKey key);
  static ErrorInfo overrun(const internal::Frame& frame, internal::HandlerKey key,
                           const internal::HandlerTable::Bound& handler, const Extras& rare);
  void tell_overrun(const internal::Frame& frame, internal::HandlerKey key,
                    const internal::HandlerTable::Bound& handler, const Extras& rare);
  void take_over(DrainScope& of_handler);
  bool abandon(internal::Frame& frame, internal::HandlerKey key,
               const internal::HandlerTable::Bound& handler, PostedCall& call, Extras& rare);
  void drop_abandoned(Extras& rare);

  // -- tracers (tracing.cpp) --------------------------------------------------------------

  std::shared_ptr<const Attachments> attachments() const;
  /// Of the drainer.
  template <class Fn>
  void each_tracer(Fn&& fn) const {
    each_tracer(*running_, std::forward<Fn>(fn));
  }
  template <class Fn>
  static void each_tracer(const Attachments& attachments, Fn&& fn) {
    for (const auto& [id, tracer] : attachments.tracers) {
      try {
        fn(*tracer);
      } catch (...) {  // a tracer's exception is its own affair
      }
    }
  }
  using TellMutation = void (Tracer::*)(const QueuedMutation&);
  using TellHandler = void (Tracer::*)(const Transition&, const HandlerCall&);
  void tell(TellMutation what, const internal::Mutation& mutation, std::size_t length, bool waits);
  void take_over(const Snapshot& snapshot, std::span<const StateIndex> states, Rewind rewind);
  void tell_automatic(const internal::Frame& frame);
  static void say(const Attachments& attachments, LogLevel level, const std::string& text);
  void tell_error(const ErrorInfo& error) const;
  void record_steps(internal::Frame& frame) const;
  void tell_handler(const Transition& t, internal::HandlerKey key, BindingId id,
                    HandlerCall::Outcome outcome, TellHandler what) const;
  bool has_tracers() const noexcept { return tracing_.load(std::memory_order_acquire) != 0; }
  static std::uint8_t look_at_tracers(Attachments& attachments) noexcept;

  // -- handlers and tracers, changing ---------------------------------------------------------

  /// Takes over bindings and tracers that have changed. By the drainer, never inside a handler
  /// call.
  void refresh_attachments() {
    if (attachments_version_.load(std::memory_order_acquire) != running_version_) [[unlikely]] {
      take_attachments();
    }
  }
  void take_attachments();
  /// Asked anew for each state: any handler may bind, detach, or end the machine.
  bool has_handler(HandlerKind kind, StateIndex state) const noexcept {
    return internal::test(running_->handlers.states_with(kind), state);
  }
  void change_attachments(const std::function<void(Attachments&)>& change);

  // What threads that queue mutations write, what the drainer writes and what both read are apart,
  // so that they do not take the same cache lines from each other.

  // By the drainer only; `order_` is also read under the commit mutex.
  std::vector<StateIndex> order_;
  std::uint64_t transitions_ = 0;
  std::uint64_t tick_sum_ = 0;  ///< of all states: what mutations made in handlers are sent with
  std::shared_ptr<const Attachments> running_;
  std::uint32_t running_version_ = 0;
  bool settled_ = true;  ///< relations hold among the active states (see Resolver)
  /// Of the running transition: becomes an Exception. Errors are rare, so they have no room here.
  std::unique_ptr<ErrorInfo> failure_;

  const QueueFull queue_full_;
  /// 1 + the highest log level; 0 without tracers that want more than ends.
  std::atomic<std::uint8_t> tracing_{0};
  std::atomic<bool> released_{false};
  const std::uint32_t queue_limit_;
  std::atomic<Extras*> extras_;  ///< owned

  std::atomic<std::uint32_t> attachments_version_{0};
  std::uint32_t last_attachment_ = 0;
  std::shared_ptr<const Attachments> attachments_;
  mutable std::mutex attach_mutex_;
  std::unique_ptr<ErrorInfo> last_error_;  ///< guarded by attach_mutex_

  internal::MutationQueue queue_;
};

}  // namespace am::detail
