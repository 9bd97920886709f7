// The local machine.
#pragma once

#include <am/api.hpp>
#include <am/event.hpp>
#include <am/format.hpp>
#include <am/handlers.hpp>
#include <am/states.hpp>
#include <am/tracer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace am {

/// What happens to a mutation when the queue is at its limit.
enum class QueueFull : std::uint8_t {
  refuse,  ///< it is canceled with Reason::queue_full
  block,   ///< the caller waits for room; mutations made in handlers are refused, never blocked
};

struct MachineOptions {
  /// Unique name; random when empty.
  std::string id{};
  /// Most mutations that wait in the queue. Errors (adds and removes of Exception) always get in.
  std::size_t queue_limit = 1000;
  QueueFull queue_full = QueueFull::refuse;
  /// How long `dispose` and the destructor wait for a running transition.
  std::chrono::milliseconds dispose_timeout{10'000};
  /// What delayed mutations go by; the process's timers when null.
  std::shared_ptr<Timers> timers{};
};

/// A state machine in this process. Many states can be active at once; mutations are queued and run
/// one at a time as atomic transitions, on the thread that finds the queue idle.
///
///     am::Machine door{{
///         {"Closed", {.remove = {"Open"}}},
///         {"Open", {.remove = {"Closed"}}},
///         {"Locked", {.require = {"Closed"}}},
///     }};
///     door.add("Closed");
///
/// The Machine owns what its `Api` handles refer to: destroying it disposes of the machine. All
/// methods may be called from any thread. One that was moved from may only be assigned or
/// destroyed.
class Machine : public Api {
 public:
  /// Throws `Error` (schema) for a schema that contradicts itself.
  explicit Machine(Schema schema, MachineOptions options = {});
  /// Shares a compiled schema with other machines.
  explicit Machine(CompiledSchema schema, MachineOptions options = {});
  Machine(Machine&&) noexcept = default;
  Machine& operator=(Machine&& other) noexcept;
  /// Disposes of the machine. In one of its own handlers, the rest is done when the queue's present
  /// transition ends.
  ~Machine();

  // -- handlers ---------------------------------------------------------------

  /// Binds the methods that `AM_HANDLERS` lists in `H`. The machine keeps the object.
  template <class H>
  BindingId bind(H handlers) {
    return bind(std::make_shared<H>(std::move(handlers)));
  }
  /// The same for an object that others share.
  template <class H>
  BindingId bind(std::shared_ptr<H> handlers) {
    detail::HandlerCollector<H> collector(handlers);
    handlers->am_handlers(collector);
    return bind(collector.take());
  }
  /// Binds handlers by name, all under one id. Throws `Error` (unknown_handler) when a name matches
  /// no state, binding none of them.
  BindingId bind(std::vector<NamedHandler> handlers);

  /// Binds one handler by name: "FooEnter", "FooExit" (may refuse by returning false), "FooState",
  /// "FooEnd", "FooFoo", "FooBar", "AnyEnter", "AnyState".
  template <class F>
  BindingId on(std::string_view name, F function) {
    return bind(
        std::vector<NamedHandler>{{std::string(name), detail::make_handler(std::move(function))}});
  }
  /// Before `state` activates; may refuse.
  template <class F>
  BindingId on_enter(StateRef state, F function) {
    return bind_one(HandlerKind::enter, state, state, detail::make_handler(std::move(function)));
  }
  /// Before `state` deactivates; may refuse.
  template <class F>
  BindingId on_exit(StateRef state, F function) {
    return bind_one(HandlerKind::exit, state, state, detail::make_handler(std::move(function)));
  }
  /// After `state` activated.
  template <class F>
  BindingId on_state(StateRef state, F function) {
    return bind_one(HandlerKind::state, state, state, detail::make_handler(std::move(function)));
  }
  /// After `state` deactivated.
  template <class F>
  BindingId on_end(StateRef state, F function) {
    return bind_one(HandlerKind::end, state, state, detail::make_handler(std::move(function)));
  }
  /// While `from` is active and `to` will be; may refuse. With the same state twice: while it
  /// stays.
  template <class F>
  BindingId on_pair(StateRef from, StateRef to, F function) {
    return bind_one(HandlerKind::pair, from, to, detail::make_handler(std::move(function)));
  }
  /// Removes a binding; false when there is none with this id. A handler of it that is running goes
  /// on; later names of the same transition do not see it any more.
  bool detach(BindingId id);

  // -- tracers ------------------------------------------------------------------

  /// Attaches a tracer. Throws `Error` (invalid_argument) for null.
  TracerId trace(std::shared_ptr<Tracer> tracer);
  /// Removes a tracer; false when there is none with this id.
  bool detach(TracerId id);
  /// Hands `text` to the tracers that want it, as `[exter] text`, newlines as spaces. Costs one
  /// load when there are none.
  void log(std::string_view text) const;

  // -- life ---------------------------------------------------------------------

  /// Ends the machine: queued mutations are dropped as canceled, the running transition is waited
  /// for (at most `dispose_timeout`; not in a handler of this machine), waits end as disposed and
  /// contexts are stopped. Returns false when the transition still ran at the deadline. Repeated
  /// calls are harmless.
  bool dispose();
  /// Mutations waiting in the queue.
  std::size_t queue_length() const;

 private:
  BindingId bind_one(HandlerKind kind, StateRef state, StateRef second, HandlerFunction function);
  detail::LocalCore& local() const noexcept;
};

}  // namespace am
