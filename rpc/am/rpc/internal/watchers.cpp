#include <am/rpc/internal/watchers.hpp>

#include <am/error.hpp>
#include <am/event.hpp>

#include <fmt/format.h>

namespace am::rpc::internal {

namespace {

void check_final(const CompiledSchema& schema, am::internal::HandlerKey key,
                 const HandlerFunction& function) {
  const auto name = [&] {
    return am::internal::handler_name(schema, key.kind, key.state, key.second);
  };
  if (!function) {
    throw Error(Errc::invalid_argument, fmt::format("the handler \"{}\" is empty", name()));
  }
  if (!negotiates(key.kind)) return;
  throw Error(Errc::invalid_argument,
              fmt::format("handler \"{}\" of a remote machine: only FooState, FooEnd and AnyState "
                          "are called there; what may refuse belongs to the machine itself",
                          name()));
}

}  // namespace

// -- attaching, from any thread ------------------------------------------------------------------

std::shared_ptr<const Watchers::Attached> Watchers::attached() const {
  const std::lock_guard lock(mutex_);
  return attached_;
}

/// Lets `change` work on a copy, which replaces the list.
template <class Change>
auto Watchers::change(Change&& change) {
  const std::lock_guard lock(mutex_);
  auto copy = std::make_shared<Attached>(*attached_);
  auto outcome = change(*copy);
  any_.store(!copy->tracers.empty() || !copy->handlers.empty(), std::memory_order_release);
  attached_ = std::move(copy);
  return outcome;
}

TracerId Watchers::trace(std::shared_ptr<Tracer> tracer) {
  if (tracer == nullptr) throw Error(Errc::invalid_argument, "trace() of no tracer");
  return change([&](Attached& attached) {
    const TracerId id{++last_id_};
    attached.tracers.emplace_back(id, std::move(tracer));
    return id;
  });
}

bool Watchers::detach(TracerId id) {
  return change([&](Attached& attached) {
    return std::erase_if(attached.tracers, [&](const auto& t) { return t.first == id; }) != 0;
  });
}

BindingId Watchers::bind(const CompiledSchema& schema, std::vector<NamedHandler> handlers) {
  std::vector<am::internal::HandlerKey> keys;
  for (const auto& handler : handlers) {
    keys.push_back(am::internal::parse_handler_name(schema, handler.name));
    check_final(schema, keys.back(), handler.function);
  }
  return change([&](Attached& attached) {
    attached.handlers.grow(schema.size());
    const BindingId id{++last_id_};
    for (std::size_t i = 0; i < keys.size(); ++i) {
      attached.handlers.add(
          keys[i], id, std::make_shared<const HandlerFunction>(std::move(handlers[i].function)));
    }
    return id;
  });
}

BindingId Watchers::bind(const CompiledSchema& schema, HandlerKind kind, StateIndex state,
                         HandlerFunction function) {
  const am::internal::HandlerKey key{kind, state};
  check_final(schema, key, function);
  return change([&](Attached& attached) {
    attached.handlers.grow(schema.size());
    const BindingId id{++last_id_};
    attached.handlers.add(key, id, std::make_shared<const HandlerFunction>(std::move(function)));
    return id;
  });
}

bool Watchers::detach(BindingId id) {
  return change([&](Attached& attached) { return attached.handlers.remove(id); });
}

// -- telling, on the I/O thread ------------------------------------------------------------------

/// One update while it is told.
class Watchers::Telling {
 public:
  Telling(std::shared_ptr<const Attached> attached, detail::Core& core, ClocksView after,
          std::span<const StateIndex> changed, const UpdateStory& story, std::uint64_t id)
      : attached_(std::move(attached)), core_(core) {
    const auto& schema = core.board().schema();
    core.board().snapshot(ticks_, &queue_tick_);
    list_active(active_before_);
    t_.changes.reserve(changed.size());
    for (const auto i : changed) {
      t_.changes.push_back({i, Tick{ticks_[i]}, Tick{after.ticks[i]}});
      ticks_[i] = after.ticks[i];
    }
    list_active(active_after_);
    for (const auto& change : t_.changes) {
      if (change.before.active()) t_.exits.push_back(change.state);
      if (change.after.active()) t_.enters.push_back(change.state);
    }
    t_.id = id;
    t_.type = story.type;
    t_.automatic = story.automatic;
    t_.accepted = story.accepted;
    if (after.queue_tick != queue_tick_) t_.queue_tick = QueueTick{after.queue_tick};
    t_.schema = &schema;
    t_.args = &no_args_;
    t_.source = story.source;
    t_.called = story.called.value_or(active_after_);
    t_.before = active_before_;
    t_.targets = active_after_;
    t_.core = &core;
  }

  void init_and_start() {
    each([&](Tracer& tracer) { tracer.transition_init(t_); });
    each([&](Tracer& tracer) { tracer.transition_start(t_); });
  }

  /// Handlers follow ticks: a state that was left and entered again gets both calls, and one that
  /// came and went too. Only for multi states coming again is not leaving.
  void call_handlers() {
    t_.phase = Transition::Phase::final;
    if (attached_->handlers.empty()) return;
    for (const auto& change : t_.changes) {
      const bool again = change.before.active() && change.after.active();
      if (change.before.active() && !(again && is_multi(change.state))) {
        call({HandlerKind::end, change.state});
      }
    }
    for (const auto& change : t_.changes) {
      if (change.after.active()) {
        call({HandlerKind::state, change.state});
      } else if (!change.before.active()) {
        call({HandlerKind::state, change.state});
        call({HandlerKind::end, change.state});
      }
    }
    if (!t_.changes.empty()) call({HandlerKind::any_state});
  }

  void end() {
    t_.phase = Transition::Phase::ended;
    each([&](Tracer& tracer) { tracer.transition_end(t_); });
  }

 private:
  template <class Tell>
  void each(Tell&& tell) {
    for (const auto& [id, tracer] : attached_->tracers) {
      try {
        tell(*tracer);
      } catch (...) {  // as on a local machine: dropped
      }
    }
  }

  void call(am::internal::HandlerKey key) {
    const auto* bound = attached_->handlers.find(key);
    if (bound == nullptr) return;
    for (const auto& handler : *bound) {
      Event event(core_, t_, key.kind, key.state, key.second);
      try {
        (*handler.function)(event);
      } catch (...) {  // there is no transition that it could cancel
      }
    }
  }

  bool is_multi(StateIndex state) const { return t_.schema->schema().entries()[state].state.multi; }

  void list_active(std::vector<StateIndex>& out) const {
    for (std::size_t i = 0; i < ticks_.size(); ++i) {
      if ((ticks_[i] & 1U) != 0) out.push_back(static_cast<StateIndex>(i));
    }
  }

  std::shared_ptr<const Attached> attached_;
  detail::Core& core_;
  std::vector<std::uint64_t> ticks_;
  std::uint64_t queue_tick_ = 0;
  std::vector<StateIndex> active_before_;
  std::vector<StateIndex> active_after_;
  const Args no_args_{};
  Transition t_;
};

void Watchers::tell(detail::Core& core, ClocksView after, std::span<const StateIndex> changed,
                    const UpdateStory& story, const std::function<void()>& publish) {
  Telling telling(attached(), core, after, changed, story, ++transitions_);
  telling.init_and_start();
  publish();
  telling.call_handlers();
  telling.end();
}

void Watchers::tell_grown(const CompiledSchema& before, const CompiledSchema& after) {
  for (const auto& [id, tracer] : attached()->tracers) {
    try {
      tracer->schema_changed(before, after);
    } catch (...) {
    }
  }
}

void Watchers::tell_error(const ErrorInfo& error) {
  for (const auto& [id, tracer] : attached()->tracers) {
    try {
      tracer->error_added(error);
    } catch (...) {
    }
  }
}

void Watchers::tell_disposed() {
  for (const auto& [id, tracer] : attached()->tracers) {
    try {
      tracer->disposed();
    } catch (...) {
    }
  }
}

}  // namespace am::rpc::internal
