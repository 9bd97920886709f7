// The local machine.
#pragma once

#include <am/api.hpp>
#include <am/duration.hpp>
#include <am/error.hpp>
#include <am/event.hpp>
#include <am/format.hpp>
#include <am/handlers.hpp>
#include <am/mutation_request.hpp>
#include <am/queue_query.hpp>
#include <am/snapshot.hpp>
#include <am/states.hpp>
#include <am/tracer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace am {

namespace detail {
class LocalCore;
}

/// What happens to a mutation when the queue is at its limit.
enum class QueueFull : std::uint8_t {
  refuse,  ///< it is canceled with Reason::queue_full
  block,   ///< the caller waits for room; mutations made in handlers are refused, never blocked
};

/// The machine that another one belongs to: a handle, or just its id. Does not keep it.
struct Parent {
  std::string id{};
  std::weak_ptr<detail::Core> core{};  ///< none for a bare id

  Parent() = default;
  Parent(const Api& machine) : id(machine.id()), core(machine.core()) {}  // NOLINT: implicit
  Parent(std::string name) : id(std::move(name)) {}                       // NOLINT: implicit
  Parent(const char* name) : id(name) {}                                  // NOLINT: implicit
};

/// Which thread runs the handlers of a machine.
enum class HandlersRun : std::uint8_t {
  on_drainer,     ///< the thread that runs the queue: no hop, and nothing to stop a handler with
  on_own_thread,  ///< one thread of the machine's, while the one that runs the queue waits; a
                  ///< handler that does not return can be abandoned
};

/// `MachineOptions::handler_timeout` of handlers on their own thread, when none is given.
inline constexpr std::chrono::milliseconds default_own_thread_timeout{100};

/// Whether `Machine::restore` may take clocks back.
enum class Rewind : std::uint8_t { refused, allowed };

struct MachineOptions {
  /// Unique name; random when empty.
  std::string id{};
  /// Most mutations that wait in the queue. Errors (adds and removes of Exception) always get in.
  std::size_t queue_limit = 1000;
  QueueFull queue_full = QueueFull::refuse;
  /// How long `dispose` and the destructor wait for a running transition.
  Duration dispose_timeout = std::chrono::seconds{10};
  /// Its parent, by handle or id. The parent's tracers are told of the new machine; nothing else
  /// connects the two.
  Parent parent{};
  /// Free text, `key` or `key:value`.
  std::vector<std::string> tags{};
  /// Attached from the start, and told of the machine itself (`Tracer::machine_init`).
  std::vector<std::shared_ptr<Tracer>> tracers{};
  /// What delayed mutations, ttl and backoff go by; the process's timers when null.
  std::shared_ptr<Timers> timers{};
  /// Asked about each mutation before it is queued, on the thread that makes it, also about
  /// checks; not about what the machine adds itself (automatic states, errors of its handlers,
  /// MachineRestored), nor about errors that `add_error` reports here.
  /// False: canceled with Reason::denied. What it throws comes out of `add`, `remove`, `set`,
  /// `toggle` and the checks; of asynchronous and remote mutations it counts as false. It may
  /// read the machine.
  std::function<bool(const MutationRequest&)> validate{};
  HandlersRun handlers = HandlersRun::on_drainer;
  /// How long one call of a handler may take before it counts as refused: `Event::is_valid` turns
  /// false, `on_internal_error` is told, and when the handler returns, the mutation is canceled
  /// with Reason::timeout, and rolled back if need be. No Exception. 0: as long as it takes, or on
  /// a thread of their own `default_own_thread_timeout`. Exact to some milliseconds.
  Duration handler_timeout{};
  /// On a thread of their own: how long after the timeout a handler is abandoned. The machine goes
  /// on with another thread and Exception (and ErrHandlerTimeout, if the schema has it); what was
  /// queued is canceled with Reason::timeout. When the handler returns, even after the machine is
  /// gone, all that it was given is still there; mutations that it makes then are like those of any
  /// other thread.
  Duration handler_deadline = std::chrono::seconds{10};
  /// For how long after that mutations are canceled with Reason::backoff; errors are let in.
  Duration handler_backoff = std::chrono::seconds{3};
  /// When this is stopped, `Disposing` is added, where the schema has it, for handlers to clean up
  /// and call `dispose`, which is done for them after twice `dispose_timeout`; else the machine is
  /// disposed of at once, on the thread that stops it. A parent's `context()` fits.
  std::stop_token stop{};
};

/// A state machine in this process. Many states can be active at once; mutations are queued and
/// run one at a time as atomic transitions, on the thread that finds the queue idle.
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
  /// Disposes of the machine. In one of its own handlers, the rest is done when the queue's
  /// present transition ends.
  ~Machine();

  // -- handlers ---------------------------------------------------------------

  /// Binds the methods that `AM_HANDLERS` lists in `H`. The machine keeps the object.
  template <class H>
  BindingId bind(H handlers) {
    return bind(std::make_shared<H>(std::move(handlers)));
  }
  /// The same for an object that others share. Throws `Error` (invalid_argument) when it is null.
  template <class H>
  BindingId bind(std::shared_ptr<H> handlers) {
    if (handlers == nullptr) throw Error(Errc::invalid_argument, "bind: the handlers are null");
    detail::HandlerCollector<H> collector(handlers);
    handlers->am_handlers(collector);
    return bind(collector.take());
  }
  /// Binds handlers by name, all under one id. Throws `Error` (unknown_handler) when a name
  /// matches no state, binding none of them.
  BindingId bind(std::vector<NamedHandler> handlers);

  /// Binds one handler by name: "FooEnter", "FooExit" (may refuse by returning false),
  /// "FooState", "FooEnd", "FooFoo", "FooBar", "AnyEnter", "AnyState".
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
  /// Removes a binding; false when there is none with this id. A handler of it that is running
  /// goes on; later names of the same transition do not see it any more.
  bool detach(BindingId id);

  // -- tracers ------------------------------------------------------------------

  /// Attaches a tracer. Throws `Error` (invalid_argument) for null.
  TracerId trace(std::shared_ptr<Tracer> tracer);
  /// Removes a tracer; false when there is none with this id.
  bool detach(TracerId id);
  /// Hands `text` to the tracers that want it, as `[exter] text`, newlines as spaces. Costs one
  /// load when there are none.
  void log(std::string_view text) const;

  /// Calls `fn` with each error that the program adds (`add_error`), on the thread that adds it,
  /// and each that a handler throws. One function at a time: replaces the one before; empty
  /// removes it. It is a tracer in all but name.
  void on_error(std::function<void(const ErrorInfo&)> fn);
  /// Calls `fn` with all ticks before and after each transition that is no check, canceled ones
  /// too, and each `restore`, on the draining thread. As `on_error`.
  void on_change(std::function<void(const Time& before, const Time& after)> fn);

  // -- between transitions --------------------------------------------------------

  /// Runs `fn` between two transitions, on the thread that runs the queue, before all that is
  /// queued, and waits for it. True when it ran. False when it did not and never will: `limit`
  /// passed, the machine is gone, or the calling thread is in a handler or another eval of it,
  /// for which this would wait forever. What `fn` throws becomes Exception. Mutations made by
  /// `fn` are queued. Not refused by a full queue or in backoff.
  bool eval(const std::function<void()>& fn, Duration limit = std::chrono::seconds{1});
  /// The same, giving up also when `scope` is stopped.
  bool eval(const std::function<void()>& fn, std::stop_token scope,
            Duration limit = std::chrono::seconds{1});

  /// What is told of errors that do not become Exception: handlers that took too long, evals that
  /// were given up, a `validate` that threw in an asynchronous mutation. One function, which
  /// replaces the one before; empty: none. Called on the thread that finds the error, so it must
  /// not block; what it throws is ignored.
  void on_internal_error(std::function<void(const ErrorInfo&)> fn);

  // -- schema -------------------------------------------------------------------

  /// Makes the schema `schema`, which has to begin with all present states in their order;
  /// Exception may be left out or be anywhere. They keep index and clock, and with them ids, waits,
  /// contexts, handlers and queued mutations stay good; new states come after all others, at tick
  /// 0. Relations, flags and tags may change for all: they count from the next transition on, and
  /// nothing becomes active or inactive before that.
  ///
  /// Takes place between two transitions: waits for the running one, at most for `limit`, in a
  /// handler of another machine not at all. Returns executed, or canceled with Reason::timeout or
  /// Reason::disposed. Throws `Error` (schema) for a schema that contradicts itself or lacks or
  /// moves a state, and `Error` (would_deadlock) in a handler of this machine. Unless it returns
  /// executed, nothing has changed. Readers on other threads are not held up. What `schema()`
  /// returned before stays valid as long as the machine: each growth keeps the former schema and
  /// clocks, so it is for changes that are rare.
  Result extend_schema(const Schema& schema, Duration limit = std::chrono::seconds{10});

  // -- life ---------------------------------------------------------------------

  /// Ends the machine. `Start`, where it is active, is removed first, so that its End handlers run;
  /// then no mutation gets in any more and those in the queue are dropped as canceled. The running
  /// transition is waited for, at most `dispose_timeout`, after which the rest happens anyway:
  /// waits end as disposed, contexts of states are stopped, tracers are told, handlers are let go,
  /// the functions of `on_dispose` are called in order, and `context()` is stopped. Returns false
  /// when the transition still ran at the deadline. In a handler of this machine it does not wait:
  /// the queue is dropped at once and the rest happens when the transition has ended. Repeated
  /// calls are harmless.
  bool dispose();
  /// Calls `fn` at the end of disposal, on the thread that does it; now if that has been. What it
  /// throws is ignored.
  void on_dispose(std::function<void()> fn);
  /// Stopped at the very end of disposal, after the functions of `on_dispose`. For what lives as
  /// long as the machine: other machines (`MachineOptions::stop`), loops, waits.
  std::stop_token context() const;

  // -- queue ----------------------------------------------------------------------

  /// Mutations waiting in the queue.
  std::size_t queue_length() const;
  /// A copy of them, the next one first.
  std::vector<PendingMutation> queue() const;
  /// The first queued mutation of `states` that is as `query` says.
  std::optional<QueuePosition> is_queued(StateList states, const QueueQuery& query = {}) const;
  /// How many are.
  std::size_t count_queued(StateList states, const QueueQuery& query = {}) const;
  /// Whether an add of all of `states` is queued. What they would imply is not looked at.
  bool will_be(StateList states, QueuePlace place = QueuePlace::anywhere) const {
    return is_queued(states, {.type = MutationType::add, .place = place}).has_value();
  }
  bool will_be(std::initializer_list<StateRef> states) const { return will_be(StateList(states)); }
  /// Whether a removal of all of `states` is queued.
  bool will_be_removed(StateList states, QueuePlace place = QueuePlace::anywhere) const {
    return is_queued(states, {.type = MutationType::remove, .place = place}).has_value();
  }
  /// Until when, by the machine's `timers`, mutations are canceled with Reason::backoff, as a
  /// handler was abandoned (`MachineOptions::handler_backoff`); nothing when they are not.
  std::optional<Timers::Clock::time_point> backoff_until() const;

  // -- clocks, kept and given back ------------------------------------------------------

  /// All clocks as of one instant.
  Snapshot save() const;
  /// Takes over the clocks and the activity of `snapshot`, which has to be of a machine with this
  /// id and these states; their order may differ. For a machine that is fresh: nothing else is
  /// cleared, and no handler runs, but contexts of states whose clock changes stop, and waits for
  /// what holds now end. Tracers are told (`Tracer::restored`), and remote machines follow. The
  /// machine tick becomes 1 more than the snapshot's, or the machine's own where that is higher.
  /// Then MachineRestored is added, when the schema has it.
  ///
  /// Of a machine that is further than the snapshot, some ticks would go back. That is refused
  /// unless `rewind` allows it, and begins a new epoch, here and at remote machines: waits on ticks
  /// end as `epoch_changed`, and all contexts stop.
  ///
  /// Throws `Error`, before anything has changed: invalid_argument for a wrong id, while mutations
  /// run, or for a tick that would go back; schema or unknown_state for other states; disposed.
  void restore(const Snapshot& snapshot, Rewind rewind = Rewind::refused);

  // -- properties -------------------------------------------------------------------

  /// Id of the parent; "" without one.
  std::string parent_id() const;
  std::vector<std::string> tags() const;
  /// Replaces all tags.
  void set_tags(std::vector<std::string> tags);

 private:
  Machine(CompiledSchema schema, std::vector<std::shared_ptr<Tracer>> tracers,
          MachineOptions& options);
  BindingId bind_one(HandlerKind kind, StateRef state, StateRef second, HandlerFunction function);
  detail::LocalCore& local() const noexcept;
};

}  // namespace am
