// Handlers and tracers of a machine: they come and go while it runs.
#include <am/internal/local_core.hpp>

#include <am/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace am::detail {

using internal::HandlerKey;

/// What machines have that nothing was ever bound to: one for all.
const std::shared_ptr<const LocalCore::Attachments>& LocalCore::no_attachments() {
  // Never destroyed: machines may outlive static objects.
  static const auto& none = *new std::shared_ptr<const Attachments>(new Attachments(0));
  return none;
}

void LocalCore::change_attachments(const std::function<void(Attachments&)>& change) {
  std::shared_ptr<const Attachments> former;  // goes without the lock: handlers are the program's
  const std::lock_guard lock(attach_mutex_);
  auto next = attachments_ == no_attachments() ? std::make_shared<Attachments>(board().size())
                                               : std::make_shared<Attachments>(*attachments_);
  change(*next);
  tracing_.store(look_at_tracers(*next), std::memory_order_release);
  former = std::exchange(attachments_, std::move(next));
  attachments_version_.fetch_add(1, std::memory_order_release);
}

void LocalCore::take_attachments() {
  std::shared_ptr<const Attachments> former;  // goes without the lock
  const std::lock_guard lock(attach_mutex_);
  former = std::exchange(running_, attachments_);
  running_version_ = attachments_version_.load(std::memory_order_relaxed);
}

BindingId LocalCore::bind(const std::vector<std::pair<HandlerKey, HandlerFunction>>& handlers) {
  BindingId id;
  std::size_t number = 0;
  change_attachments([&](Attachments& attachments) {
    id = {++last_attachment_};
    for (const auto& [key, function] : handlers) {
      attachments.handlers.add(key, id, std::make_shared<const HandlerFunction>(function));
    }
    number = attachments.handlers.number_of(id);
  });
  log(LogLevel::operations, [&] { return fmt::format("[handlers] bind {}:{}", number, id.value); });
  return id;
}

bool LocalCore::detach(BindingId id) {
  bool found = false;
  change_attachments([&](Attachments& attachments) { found = attachments.handlers.remove(id); });
  if (found) {
    log(LogLevel::operations, [&] { return fmt::format("[handlers] detach {}", id.value); });
  }
  return found;
}

TracerId LocalCore::trace(std::shared_ptr<Tracer> tracer) {
  if (tracer == nullptr) throw Error(Errc::invalid_argument, "a null tracer was passed");
  TracerId id;
  const auto others = logs(LogLevel::operations) ? attachments() : nullptr;
  change_attachments([&](Attachments& attachments) {
    id = {++last_attachment_};
    attachments.tracers.emplace_back(id, std::move(tracer));
  });
  if (others != nullptr) {
    say(*others, LogLevel::operations, fmt::format("[tracers] bind {}", id.value));
  }
  return id;
}

bool LocalCore::detach(TracerId id) {
  bool found = false;
  change_attachments([&](Attachments& attachments) {
    found = std::erase_if(attachments.tracers, [&](const auto& t) { return t.first == id; }) != 0;
  });
  if (found) {
    log(LogLevel::operations, [&] { return fmt::format("[tracers] detach {}", id.value); });
  }
  return found;
}

}  // namespace am::detail
