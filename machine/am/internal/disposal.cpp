// The end of a machine (spec machine 9.5).
#include <am/detail/deadline.hpp>
#include <am/internal/drain_scope.hpp>
#include <am/internal/extras.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

namespace am::detail {

using internal::Frame;
using internal::Mutation;

namespace {

constexpr std::string_view start_state = "Start";
constexpr std::string_view disposing_state = "Disposing";

}  // namespace

// -- what ends it ---------------------------------------------------------------------

void LocalCore::follow_parent() {
  auto* const rare = extras();
  if (rare == nullptr || !rare->options.stop.stop_possible()) return;
  rare->parent.emplace(rare->options.stop, [weak = weak_from_this()] {
    if (const auto core = std::static_pointer_cast<LocalCore>(weak.lock())) core->parent_stopped();
  });
}

void LocalCore::parent_stopped() {
  const auto disposing = board().schema().find(disposing_state);
  if (!disposing || mutate_itself(MutationType::add, *disposing, nullptr) == Result::canceled) {
    dispose();
    return;
  }
  // Its handlers have their time; after that it ends without them.
  const auto timeout = options().dispose_timeout.get();
  timers()->at(deadline_after(deadline_after(timers()->now(), timeout), timeout),
               [weak = weak_from_this()] {
                 const auto core = std::static_pointer_cast<LocalCore>(weak.lock());
                 if (core != nullptr) core->dispose();
               });
}

/// Lets the End handlers of `Start` run, with a machine that still works.
void LocalCore::end_start(std::chrono::steady_clock::time_point deadline) {
  const auto start = board().schema().find(start_state);
  if (!start || !board().is(*start)) return;
  log(LogLevel::operations,
      [] { return fmt::format("[dispose] graceful shutdown via {}", start_state); });
  const auto pending = std::make_shared<PendingState<Result>>(shared_from_this());
  mutate_itself(MutationType::remove, *start, pending);
  static_cast<void>(Pending<Result>(pending).get_until(deadline));
}

/// The same for a machine that was disposed of in its own handler, whose queue is closed.
void LocalCore::end_start_now(Frame& frame, DrainScope& scope) {
  const auto start = board().schema().find(start_state);
  if (!start || !board().is(*start) || released_ || std::exchange(scope.start_ended, true)) return;
  frame.mutation = Mutation{};
  frame.mutation.type = MutationType::remove;
  frame.mutation.called.assign(1, *start);
  run_with_followups(frame, scope);
}

bool LocalCore::dispose() {
  const auto alive = shared_from_this();  // what it calls may let go of the machine
  const auto deadline =
      deadline_after(std::chrono::steady_clock::now(), options().dispose_timeout.get());
  if (!queue_.closed() && !in_drain()) end_start(deadline);
  std::vector<Mutation> dropped;
  queue_.close(dropped);
  drop(dropped, Reason::disposed);
  if (in_drain() && leave_to_drainer()) return true;
  bool idle = false;
  {
    queue_.add_watcher();
    std::unique_lock lock(queue_.mutex());
    idle = queue_.changed().wait_until(lock, deadline, [&] { return !queue_.draining(); });
    queue_.remove_watcher();
  }
  if (!idle) {
    log(LogLevel::changes, [] { return "[dispose] graceful timeout"; });
  }
  finish_disposal();
  if (!idle) leave_to_drainer();  // to let go of the machine
  wait_for_disposal(deadline);
  return idle;
}

/// The thread that drains the machine keeps it until it is done, and does what is left then. False
/// when nobody drains it.
bool LocalCore::leave_to_drainer() {
  auto& rare = make_extras();
  const std::lock_guard lock(queue_.mutex());
  if (auto* const own = own_drain()) {
    own->keep_alive = shared_from_this();
    return true;
  }
  if (!queue_.hold_drainer()) return false;
  rare.orphan = shared_from_this();
  return true;
}

/// Takes over what a thread that could not wait for this drain has left to it; false when there is
/// nothing. By the drainer, of a closed queue.
bool LocalCore::adopt_disposal(DrainScope& scope) {
  auto* const rare = extras();
  if (rare == nullptr) return false;
  const std::lock_guard lock(queue_.mutex());
  if (rare->orphan == nullptr) return false;
  scope.keep_alive = std::exchange(rare->orphan, nullptr);
  return true;
}

// -- the end --------------------------------------------------------------------------

/// Lets the thread that disposes of the machine come to its end, so that nothing of it runs when
/// the second one returns.
void LocalCore::wait_for_disposal(std::chrono::steady_clock::time_point deadline) {
  auto& rare = make_extras();
  std::unique_lock lock(rare.mutex);
  if (rare.disposer == std::this_thread::get_id()) return;
  if (deadline == never) {
    rare.disposed.wait(lock, [&] { return rare.ended; });
  } else {
    rare.disposed.wait_until(lock, deadline, [&] { return rare.ended; });
  }
}

void LocalCore::finish_disposal() {
  auto& rare = make_extras();
  {
    const std::lock_guard lock(rare.mutex);
    if (released_.exchange(true)) return;
    rare.disposer = std::this_thread::get_id();
  }
  release_all(Ended::disposed);
  // Handlers and tracers may hold handles to this very machine: it lets go of them.
  std::shared_ptr<const Attachments> none;
  std::shared_ptr<const Attachments> attachments;
  {
    const std::lock_guard lock(attach_mutex_);
    none = std::make_shared<Attachments>(board().size());  // which grows under this mutex
    attachments = std::exchange(attachments_, none);
    attachments_version_.fetch_add(1, std::memory_order_release);
  }
  tracing_.store(0, std::memory_order_release);
  if (!queue_.draining()) running_ = none;  // nobody drains a closed queue again
  for (const auto& [id, tracer] : attachments->tracers) {
    try {
      tracer->disposed();
    } catch (...) {  // a tracer's exception is its own affair
    }
  }
  std::vector<std::function<void()>> functions;
  std::shared_ptr<HandlerThread> thread;
  {
    const std::lock_guard lock(rare.mutex);
    functions.swap(rare.on_dispose);
    thread.swap(rare.handler_thread);
    rare.over = true;
  }
  thread.reset();
  for (const auto& fn : functions) {
    try {
      fn();
    } catch (...) {  // there is no machine left that could have the error
    }
  }
  std::optional<std::stop_source> context;
  {
    const std::lock_guard lock(rare.mutex);
    context.swap(rare.context);
    rare.context_ended = true;
  }
  if (context) context->request_stop();
  const std::lock_guard lock(rare.mutex);
  rare.ended = true;
  rare.disposed.notify_all();
}

void LocalCore::drop(std::vector<Mutation>& mutations, Reason reason) {
  for (auto& mutation : mutations) end_mutation(mutation, {Result::canceled, reason});
  mutations.clear();
}

void LocalCore::on_dispose(std::function<void()> fn) {
  auto& rare = make_extras();
  {
    const std::lock_guard lock(rare.mutex);
    if (!rare.over) {
      rare.on_dispose.push_back(std::move(fn));
      return;
    }
  }
  try {
    fn();
  } catch (...) {  // as with those that were there before
  }
}

std::stop_token LocalCore::context() {
  auto& rare = make_extras();
  const std::lock_guard lock(rare.mutex);
  if (!rare.context) {
    std::stop_source source;
    if (rare.context_ended) {
      source.request_stop();
      return source.get_token();
    }
    rare.context.emplace(std::move(source));
  }
  return rare.context->get_token();
}

}  // namespace am::detail
