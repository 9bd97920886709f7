// What a handler is given.
#pragma once

#include <am/api.hpp>
#include <am/args.hpp>
#include <am/transition.hpp>

#include <string>
#include <string_view>

namespace am {

namespace internal {
class CallLimit;
}

/// One call of a handler: its name, the transition that it is part of, and the arguments of the
/// mutation. Valid during the call, on the thread that runs the handler.
class Event {
 public:
  Event(detail::Core& core, const Transition& transition, HandlerKind kind, StateIndex state,
        StateIndex second, const internal::CallLimit* limit = nullptr)
      : core_(core),
        transition_(transition),
        limit_(limit),
        kind_(kind),
        state_(state),
        second_(second) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// The handler's full name, for example "LockedEnter".
  std::string name() const;
  HandlerKind kind() const noexcept { return kind_; }
  /// The machine. Mutations made through it from here are queued.
  Api machine() const;
  const Transition& transition() const noexcept { return transition_; }
  /// False once the handler has taken longer than `MachineOptions::handler_timeout`: its transition
  /// is or will be canceled, so there is no use in going on. Reads a clock when there is a timeout.
  bool is_valid() const noexcept;
  /// True while a dry run (`can_add`, `can_remove`) asks.
  bool is_check() const noexcept { return transition_.check; }

  /// Hands `text` to the machine's log, as `[exter] LockedEnter: text`; see `Machine::log`.
  void log(std::string_view text) const;

  const Args& args() const noexcept { return *transition_.args; }
  /// The argument of type T, or null.
  template <class T>
  const T* args_if() const noexcept {
    return args().template get_if<T>();
  }
  /// The argument of type T. Throws `Error` (invalid_argument) when there is none, which in a
  /// handler makes the machine's Exception.
  template <class T>
  const T& args() const {
    if (const T* value = args_if<T>()) return *value;
    throw_missing(typeid(T).name());
  }

 private:
  [[noreturn]] void throw_missing(const char* type) const;

  detail::Core& core_;
  const Transition& transition_;
  const internal::CallLimit* limit_;
  HandlerKind kind_;
  StateIndex state_;
  StateIndex second_;
};

}  // namespace am
