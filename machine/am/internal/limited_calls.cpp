// Calls of handlers that may take only so long (spec machine 7.5).
#include <am/internal/extras.hpp>
#include <am/internal/posted_call.hpp>

#include <am/detail/deadline.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::detail {

using internal::CallLimit;
using internal::Frame;
using internal::HandlerKey;
using internal::HandlerTable;
using internal::Mutation;

Duration LocalCore::Extras::call_limit() const noexcept {
  const bool elsewhere = options.handlers == HandlersRun::on_own_thread;
  const auto limit = options.handler_timeout;
  if (limit > Duration{}) return limit;
  // Less than nothing is none at all, in both modes.
  if (limit < Duration{} && elsewhere) return forever;
  return elsewhere ? Duration(default_own_thread_timeout) : Duration{};
}

namespace {

/// For people: in full milliseconds.
auto in_ms(Duration duration) noexcept {
  return std::chrono::ceil<std::chrono::milliseconds>(duration.get()).count();
}

}  // namespace

/// Calls one handler of a machine that limits them, or runs them elsewhere. True when it accepted;
/// what it threw and what took too long is in `frame.transition.cancel`.
bool LocalCore::call_limited(Frame& frame, HandlerKey key, const HandlerTable::Bound& handler,
                             Extras& rare) {
  if (rare.options.handlers == HandlersRun::on_own_thread) {
    try {
      return call_elsewhere(frame, key, handler, rare);
    } catch (...) {  // there can be no more threads
      fail(frame.transition, std::current_exception(), key);
      return false;
    }
  }
  CallLimit limit(CLOCK_MONOTONIC_COARSE, rare.call_limit());
  Event event(*this, frame.transition, key.kind, key.state, key.second, &limit);
  bool accepted = false;
  try {
    accepted = (*handler.function)(event);
  } catch (...) {
    fail(frame.transition, std::current_exception(), key);
    return false;
  }
  if (!limit.passed()) return accepted;
  tell_overrun(frame, key, handler, rare);
  cancel_late(frame, key);
  return false;
}

/// The call counts as refused; in the final phase the caller rolls back.
void LocalCore::cancel_late(Frame& frame, HandlerKey key) {
  frame.transition.accepted = false;
  frame.transition.cancel = {Reason::timeout, key.state, key.second, key.kind};
}

ErrorInfo LocalCore::overrun(const Frame& frame, HandlerKey key, const HandlerTable::Bound& handler,
                             const Extras& rare) {
  auto name = internal::handler_name(*frame.transition.schema, key.kind, key.state, key.second);
  return {fmt::format("handler timeout: {} from binding {} takes longer than {} ms", name,
                      handler.binding.value, in_ms(rare.call_limit())),
          std::move(name)};
}

void LocalCore::tell_overrun(const Frame& frame, HandlerKey key, const HandlerTable::Bound& handler,
                             const Extras& rare) {
  const auto info = overrun(frame, key, handler, rare);
  log(LogLevel::decisions, [&] {
    return fmt::format("[handler:timeout]: {} from {}", info.where,
                       running_->handlers.number_of(handler.binding));
  });
  tell_internal_error(info);
}

bool LocalCore::call_elsewhere(Frame& frame, HandlerKey key, const HandlerTable::Bound& handler,
                               Extras& rare) {
  std::shared_ptr<HandlerThread> thread;
  {
    const std::lock_guard lock(rare.mutex);
    if (rare.handler_thread == nullptr) rare.handler_thread = std::make_shared<HandlerThread>();
    thread = rare.handler_thread;
  }
  const auto limit = rare.call_limit();
  const auto due = deadline_after(std::chrono::steady_clock::now(), limit.get());
  const auto call = std::make_shared<PostedCall>(*this, frame, key, handler.function, limit);
  thread->post(call);
  bool told = false;
  if (!call->wait_until(due)) {
    call->limit().pass();
    tell_overrun(frame, key, handler, rare);
    told = true;
    if (!call->wait_until(deadline_after(due, rare.options.handler_deadline.get())) &&
        abandon(frame, key, handler, *call, rare)) {
      thread->abandon();
      return false;
    }
  }
  take_over(call->scope());
  if (call->thrown() != nullptr) {
    fail(frame.transition, call->thrown(), key);
    return false;
  }
  if (!call->late()) return call->accepted();
  if (!told) tell_overrun(frame, key, handler, rare);
  cancel_late(frame, key);
  return false;
}

/// What the handler left to be done at the end of the drain.
void LocalCore::take_over(DrainScope& of_handler) {
  auto& own = *DrainScope::of(*this);
  for (auto& fn : std::exchange(of_handler.deferred, {})) own.defer(std::move(fn));
  if (of_handler.keep_alive != nullptr) own.keep_alive = std::move(of_handler.keep_alive);
  of_handler.completion.reset();
}

/// Goes on without the handler; false when it has returned after all. The queue is emptied, as what
/// waits in it may build on what the handler had to do, and refuses more for a while.
bool LocalCore::abandon(Frame& frame, HandlerKey key, const HandlerTable::Bound& handler,
                        PostedCall& call, Extras& rare) {
  {
    const std::lock_guard lock(queue_.mutex());
    if (!call.abandon()) return false;
    auto& keep_alive = call.scope().keep_alive;
    if (keep_alive != nullptr) DrainScope::of(*this)->keep_alive = std::move(keep_alive);
    queue_.clear(rare.dropped);
    if (rare.options.handler_backoff > Duration{}) {
      const auto until = deadline_after(timers()->now(), rare.options.handler_backoff.get());
      rare.backoff_until.store(until.time_since_epoch().count(), std::memory_order_release);
    }
  }
  if (queue_.watched()) queue_.notify_watchers();  // there is room now
  {
    const std::lock_guard lock(rare.mutex);
    rare.handler_thread.reset();  // the next call gets a new one
  }
  cancel_late(frame, key);
  auto info = overrun(frame, key, handler, rare);
  log(LogLevel::everything, [&] {
    return fmt::format("[handler:deadline]: {} from {}", info.where,
                       running_->handlers.number_of(handler.binding));
  });
  info.message +=
      fmt::format(" and was abandoned {} ms later", in_ms(rare.options.handler_deadline));
  store_error(info);
  tell_error(info);
  const auto& t = frame.transition;
  if (std::ranges::find(t.called, t.schema->data()->exception) == t.called.end()) {
    rare.failure_is_timeout = true;
    failure_ = std::make_unique<ErrorInfo>(std::move(info));
  }
  return true;
}

/// Ends what was in the queue when a handler was abandoned. By the drainer, after the mutation
/// whose handler it was, so that queue ticks end in order.
void LocalCore::drop_abandoned(Extras& rare) {
  auto dropped = std::exchange(rare.dropped, {});
  for (const auto& mutation : dropped) {
    if (mutation.queue_tick != 0) board().store_queue_tick(mutation.queue_tick);
  }
  drop(dropped, Reason::timeout);
}

}  // namespace am::detail
