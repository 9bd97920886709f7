// Tracers and handlers on a proxy: what follows a machine from another process.
#pragma once

#include <am/detail/core.hpp>
#include <am/handlers.hpp>
#include <am/internal/handler_table.hpp>
#include <am/rpc/internal/clock_codec.hpp>
#include <am/schema.hpp>
#include <am/tracer.hpp>
#include <am/transition.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace am::rpc::internal {

/// How an update is told of. As a rule nobody knows which mutations made it: then it is a set of
/// what is active now.
struct UpdateStory {
  MutationType type = MutationType::set;
  bool automatic = false;
  bool accepted = true;
  /// The states that the mutation named; nothing = those that are active now.
  std::optional<std::span<const StateIndex>> called{};
  MutationSource source{};
};

/// Attached from any thread; told on the I/O thread of the proxy's connection, one update as one
/// transition. What they throw is dropped.
class Watchers {
 public:
  /// Throws `Error` (invalid_argument) for null.
  TracerId trace(std::shared_ptr<Tracer> tracer);
  bool detach(TracerId id);
  /// Throws `Error`: unknown_handler for a name that matches no state, invalid_argument for a
  /// handler that could refuse, or is empty. Binds all or none.
  BindingId bind(const CompiledSchema& schema, std::vector<NamedHandler> handlers);
  BindingId bind(const CompiledSchema& schema, HandlerKind kind, StateIndex state,
                 HandlerFunction function);
  bool detach(BindingId id);

  /// False while nobody has to be told.
  bool any() const noexcept { return any_.load(std::memory_order_acquire); }

  /// Tells of an update of `core`, whose `changed` states come to the ticks of `after`: tracers
  /// first, then `publish()` is called, which makes it visible, then handlers and the end.
  void tell(detail::Core& core, ClocksView after, std::span<const StateIndex> changed,
            const UpdateStory& story, const std::function<void()>& publish);
  void tell_grown(const CompiledSchema& before, const CompiledSchema& after);
  void tell_disposed();
  void tell_error(const ErrorInfo& error);

 private:
  struct Attached {
    std::vector<std::pair<TracerId, std::shared_ptr<Tracer>>> tracers{};
    am::internal::HandlerTable handlers{0};
  };
  class Telling;

  std::shared_ptr<const Attached> attached() const;
  template <class Change>
  auto change(Change&& change);

  mutable std::mutex mutex_;
  std::shared_ptr<const Attached> attached_ = std::make_shared<const Attached>();
  std::uint32_t last_id_ = 0;
  std::atomic<bool> any_{false};
  std::uint64_t transitions_ = 0;  // on the I/O thread
};

}  // namespace am::rpc::internal
