#include <am/machine.hpp>

#include <am/error.hpp>
#include <am/internal/callbacks.hpp>
#include <am/internal/local_core.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace am {

using internal::HandlerKey;

Machine::Machine(Schema schema, MachineOptions options)
    : Machine(CompiledSchema(schema), std::move(options)) {}

Machine::Machine(CompiledSchema schema, MachineOptions options)
    : Machine(std::move(schema), std::exchange(options.tracers, {}), options) {}

Machine::Machine(CompiledSchema schema, std::vector<std::shared_ptr<Tracer>> tracers,
                 MachineOptions& options)
    : Api(std::make_shared<detail::LocalCore>(std::move(schema), std::move(options))) {
  local().tell_parent(*this);
  for (auto& tracer : tracers) {
    if (tracer == nullptr) throw Error(Errc::invalid_argument, "a null tracer was passed");
    try {
      tracer->machine_init(*this);
    } catch (...) {  // a tracer's exception is its own affair
    }
    trace(std::move(tracer));
  }
  local().follow_parent();
}

Machine& Machine::operator=(Machine&& other) noexcept {
  if (this != &other) {
    if (core_ != nullptr) dispose();
    Api::operator=(std::move(other));
  }
  return *this;
}

Machine::~Machine() {
  if (core_ != nullptr) dispose();
}

detail::LocalCore& Machine::local() const noexcept {
  return static_cast<detail::LocalCore&>(*core_);
}

BindingId Machine::bind(std::vector<NamedHandler> handlers) {
  std::vector<std::pair<HandlerKey, HandlerFunction>> parsed;
  parsed.reserve(handlers.size());
  for (auto& [name, function] : handlers) {
    if (!function) {
      throw Error(Errc::invalid_argument, "handler \"" + name + "\" has no function");
    }
    parsed.emplace_back(internal::parse_handler_name(schema(), name), std::move(function));
  }
  return local().bind(parsed);
}

BindingId Machine::bind_one(HandlerKind kind, StateRef state, StateRef second,
                            HandlerFunction function) {
  HandlerKey key{kind, board_->index_of(state)};
  if (kind == HandlerKind::pair) {
    key.second = board_->index_of(second);
    if (key.state == key.second) key = {HandlerKind::self, key.state};
  }
  if (!function) {
    throw Error(Errc::invalid_argument,
                fmt::format("an empty function was passed as a handler of state \"{}\"",
                            schema().names()[key.state]));
  }
  return local().bind({{key, std::move(function)}});
}

bool Machine::detach(BindingId id) { return local().detach(id); }
TracerId Machine::trace(std::shared_ptr<Tracer> tracer) { return local().trace(std::move(tracer)); }
bool Machine::detach(TracerId id) { return local().detach(id); }
Snapshot Machine::save() const { return local().save(); }
void Machine::restore(const Snapshot& snapshot, Rewind rewind) {
  local().restore(snapshot, rewind);
}
std::optional<Timers::Clock::time_point> Machine::backoff_until() const {
  return local().backoff_until();
}
std::string Machine::parent_id() const { return local().parent_id(); }
std::vector<std::string> Machine::tags() const { return local().tags(); }
void Machine::set_tags(std::vector<std::string> tags) { local().set_tags(std::move(tags)); }

void Machine::on_error(std::function<void(const ErrorInfo&)> fn) {
  using Callback = internal::ErrorCallback;
  local().replace_tracer(fn ? std::make_shared<Callback>(std::move(fn)) : nullptr);
}

void Machine::on_change(std::function<void(const Time&, const Time&)> fn) {
  using Callback = internal::ChangeCallback;
  local().replace_tracer(fn ? std::make_shared<Callback>(*core_, std::move(fn)) : nullptr);
}

std::vector<PendingMutation> Machine::queue() const { return local().queued(); }

std::optional<QueuePosition> Machine::is_queued(StateList states, const QueueQuery& query) const {
  const auto found = local().find_queued(states, query);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::size_t Machine::count_queued(StateList states, const QueueQuery& query) const {
  return local().find_queued(states, query).size();
}

void Machine::log(std::string_view text) const {
  local().log(LogLevel::external, [&] {
    auto line = "[exter] " + std::string(text);
    std::ranges::replace(line, '\n', ' ');
    return line;
  });
}
bool Machine::eval(const std::function<void()>& fn, Duration limit) {
  return local().eval(fn, {}, limit);
}
bool Machine::eval(const std::function<void()>& fn, std::stop_token scope, Duration limit) {
  return local().eval(fn, std::move(scope), limit);
}
void Machine::on_internal_error(std::function<void(const ErrorInfo&)> fn) {
  local().on_internal_error(std::move(fn));
}
Result Machine::extend_schema(const Schema& schema, Duration limit) {
  return local().extend_schema(schema, limit);
}
void Machine::on_dispose(std::function<void()> fn) { local().on_dispose(std::move(fn)); }
std::stop_token Machine::context() const { return local().context(); }
bool Machine::dispose() { return local().dispose(); }
std::size_t Machine::queue_length() const { return local().queue_length(); }

}  // namespace am
