// How handlers are given to a machine.
#pragma once

#include <am/detail/for_each.hpp>
#include <am/detail/handler_names.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Lists the methods of a struct that `Machine::bind` binds, by their names, which say what each
/// handles in the states of an `AM_STATES` set:
///
///     struct Handlers {
///       bool LockedEnter(am::Event& e) { return e.args_if<Key>() != nullptr; }
///       void OpenState(am::Event&) { lamp.on(); }
///       AM_HANDLERS(Door, LockedEnter, OpenState)
///     };
///
/// A handler takes `am::Event&` and returns bool or nothing. Negotiation handlers (FooEnter,
/// FooExit, FooFoo, FooBar, AnyEnter) refuse by returning false; what final ones (FooState, FooEnd,
/// AnyState) return is ignored. Methods may be const, static, inherited or private.
///
/// Compile-time errors: a listed name that matches no state of the set, or in two ways; and, at
/// `bind`, a name that is listed twice or has no fitting method, and an Enter, Exit, State or End
/// method of a state of the set that is not listed. Other methods are nobody's business. The
/// machine may have more states than the set; `bind` throws `Error` (unknown_handler) when it lacks
/// one that a listed name needs. Up to 256 names.
#define AM_HANDLERS(Set, ...)                                                                   \
  static_assert(sizeof("" #__VA_ARGS__) != 1, "AM_HANDLERS(" #Set ", ...): lists nothing");     \
  AM_DETAIL_FOR_EACH(AM_DETAIL_HANDLER_NAME_CHECK, AM_DETAIL_HANDLERS_BEYOND, Set, __VA_ARGS__) \
  friend Set;                                                                                   \
  [[maybe_unused]] static constexpr ::std::string_view am_listed[] = {                          \
      AM_DETAIL_FOR_EACH(AM_DETAIL_NAME, AM_DETAIL_NOTHING, Set, __VA_ARGS__)};                 \
  template <class Collector>                                                                    \
  static void am_handlers(Collector& collector) {                                               \
    using Self = typename Collector::object_type;                                               \
    static_assert(Set::template am_all_listed<Self>());                                         \
    AM_DETAIL_FOR_EACH(AM_DETAIL_HANDLER_ADD, AM_DETAIL_NOTHING, Set, __VA_ARGS__)              \
  }

#define AM_DETAIL_HANDLERS_BEYOND(Set, Name)                \
  static_assert(sizeof(#Name) == 0, "AM_HANDLERS(" #Set     \
                                    ", ...): more than 256" \
                                    " handlers, \"" #Name "\" is the first beyond");

#define AM_DETAIL_HANDLER_NAME_CHECK(Set, Name)                                           \
  static_assert(                                                                          \
      ::am::detail::matches_a_state<                                                      \
          ::am::detail::hint_t<Set, ::am::detail::check_listed(Set::am_names, #Name)>>,   \
      "AM_HANDLERS lists \"" #Name "\", which matches no state of " #Set                  \
      ": use FooEnter, FooExit, FooState, FooEnd, FooFoo, FooBar, AnyEnter or AnyState"); \
  static_assert(::am::detail::readings(Set::am_names, #Name) < 2,                         \
                "AM_HANDLERS lists \"" #Name "\", which can be read in two ways in " #Set \
                ": bind it by state instead (on_enter, on_exit, on_state, on_end, on_pair)");

#define AM_DETAIL_HANDLER_ADD(Set, Name)                                                      \
  static_assert(::am::detail::count(am_listed, #Name) == 1,                                   \
                "AM_HANDLERS lists \"" #Name "\" more than once");                            \
  if constexpr (requires(Self & self, ::am::Event & event) { self.Name(event); }) {           \
    static_assert(::am::detail::handler_result<decltype(::std::declval<Self&>().Name(         \
                      ::std::declval<::am::Event&>()))>,                                      \
                  "the handler \"" #Name "\" must return bool or nothing");                   \
    collector.add(#Name, [](Self& self, ::am::Event& event) -> bool {                         \
      if constexpr (::std::is_void_v<decltype(self.Name(event))>) {                           \
        self.Name(event);                                                                     \
        return true;                                                                          \
      } else {                                                                                \
        return self.Name(event);                                                              \
      }                                                                                       \
    });                                                                                       \
  } else {                                                                                    \
    static_assert(sizeof(Self) == 0, "AM_HANDLERS lists \"" #Name                             \
                                     "\", but there is no method \"" #Name "(am::Event&)\""); \
  }

namespace am {

class Event;

/// What a machine keeps of a handler. A negotiation handler that returns false refuses; what final
/// handlers return is ignored.
using HandlerFunction = std::function<bool(Event&)>;

/// Names one call of `bind` or `on`, to detach it again.
struct BindingId {
  std::uint32_t value = 0;
  friend bool operator==(BindingId, BindingId) = default;
};

/// Handlers by name, as collected from a struct or written by hand.
struct NamedHandler {
  std::string name;
  HandlerFunction function;
};

namespace detail {

/// What a handler may return.
template <class T>
concept handler_result = std::is_void_v<T> || std::is_same_v<T, bool>;

/// Wraps anything copyable and callable with an Event&, returning bool or nothing.
template <class F>
HandlerFunction make_handler(F function) {
  static_assert(std::invocable<F&, Event&>, "a handler must be callable with am::Event&");
  if constexpr (std::invocable<F&, Event&>) {
    static_assert(handler_result<std::invoke_result_t<F&, Event&>>,
                  "a handler must return bool or nothing");
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Event&>>) {
      // Empty ones stay empty, so that `bind` can refuse them by name.
      if constexpr (std::is_pointer_v<F> || std::is_same_v<F, std::function<void(Event&)>>) {
        if (!function) return {};
      }
      return [f = std::move(function)](Event& event) mutable {
        f(event);
        return true;
      };
    } else {
      return HandlerFunction(std::move(function));
    }
  } else {
    return {};
  }
}

/// Collects the methods that `AM_HANDLERS` lists, bound to one object that all of them share.
template <class Object>
class HandlerCollector {
 public:
  using object_type = Object;

  explicit HandlerCollector(std::shared_ptr<Object> object) : object_(std::move(object)) {
    static_assert(
        requires(Object & o, HandlerCollector & c) { o.am_handlers(c); },
        "bind: the type does not say what to bind; write AM_HANDLERS(Set, ...) in it, in "
        "its public part");
  }

  void add(const char* name, bool (*call)(Object&, Event&)) {
    handlers_.push_back(
        {name, [object = object_, call](Event& event) { return call(*object, event); }});
  }

  std::vector<NamedHandler> take() { return std::move(handlers_); }

 private:
  std::shared_ptr<Object> object_;
  std::vector<NamedHandler> handlers_;
};

}  // namespace detail
}  // namespace am
