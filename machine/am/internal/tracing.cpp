// What a machine tells its tracers, where it takes more than a call.
#include <am/internal/local_core.hpp>

#include <am/internal/step_recorder.hpp>

#include <algorithm>

namespace am::detail {

using internal::Frame;
using internal::HandlerKey;
using internal::Mutation;

/// Those of now. Any thread.
std::shared_ptr<const LocalCore::Attachments> LocalCore::attachments() const {
  const std::lock_guard lock(attach_mutex_);
  return attachments_;
}

/// Tells of a mutation that was queued or skipped. Any thread.
void LocalCore::tell(TellMutation what, const Mutation& mutation, std::size_t length, bool waits) {
  const QueuedMutation told{.type = mutation.type,
                            .automatic = mutation.automatic,
                            .check = mutation.check,
                            .waits = waits,
                            .queue_tick = QueueTick{mutation.queue_tick},
                            .queue_length = length,
                            .schema = &board().schema(),
                            .called = mutation.called,
                            .args = &mutation.args,
                            .source = mutation.source.view()};
  each_tracer(*attachments(), [&](Tracer& tracer) { (tracer.*what)(told); });
}

/// Automatic states are told of before their transition starts, while the one that causes them is
/// still there.
void LocalCore::tell_automatic(const Frame& frame) {
  const Args none;
  const QueuedMutation told{.automatic = true,
                            .waits = true,
                            .queue_length = queue_length() + 1,
                            .schema = &board().schema(),
                            .called = frame.due,
                            .args = &none};
  each_tracer([&](Tracer& tracer) { tracer.mutation_queued(told); });
}

void LocalCore::say(LogLevel level, const std::string& text) const {
  say(*attachments(), level, text);
}

void LocalCore::say(const Attachments& attachments, LogLevel level, const std::string& text) {
  each_tracer(attachments, [&](Tracer& tracer) {
    if (tracer.log_level() >= level) tracer.logged(level, text);
  });
}

/// By the thread that adds the error, or on which a handler threw it.
void LocalCore::tell_error(const ErrorInfo& error) const {
  each_tracer(*attachments(), [&](Tracer& tracer) { tracer.error_added(error); });
}

void LocalCore::tell_parent(const Api& child) const {
  const auto core = options().parent.core.lock();
  const auto* const parent = dynamic_cast<const LocalCore*>(core.get());
  if (parent == nullptr || !parent->has_tracers()) return;
  each_tracer(*parent->attachments(), [&](Tracer& tracer) { tracer.submachine(child); });
}

/// What relations have decided so far, for tracers that want it.
void LocalCore::record_steps(Frame& frame) const {
  auto& t = frame.transition;
  internal::record_relations(t, t.steps);
}

/// Finds out what the tracers want; returns `tracing_`.
std::uint8_t LocalCore::look_at_tracers(Attachments& attachments) noexcept {
  attachments.wants_steps = attachments.watched = false;
  attachments.ends.clear();
  std::uint8_t tracing = 0;
  for (const auto& [id, tracer] : attachments.tracers) {
    if (auto* const end = dynamic_cast<internal::EndTracer*>(tracer.get())) {
      attachments.ends.push_back(end);
      continue;
    }
    attachments.watched = true;
    attachments.wants_steps |= tracer->wants_steps();
    tracing = std::max(tracing,
                       static_cast<std::uint8_t>(1 + static_cast<unsigned>(tracer->log_level())));
  }
  return tracing;
}

void LocalCore::tell_handler(const Transition& t, HandlerKey key, BindingId id,
                             HandlerCall::Outcome outcome, TellHandler what) const {
  const auto name = internal::handler_name(*t.schema, key.kind, key.state, key.second);
  const HandlerCall call{.name = name,
                         .binding = id,
                         .number = running_->handlers.number_of(id),
                         .kind = key.kind,
                         .state = key.state,
                         .second = key.second,
                         .outcome = outcome};
  each_tracer([&](Tracer& tracer) { (tracer.*what)(t, call); });
}

}  // namespace am::detail
