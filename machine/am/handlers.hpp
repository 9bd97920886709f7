// How handlers are given to a machine.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

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

/// Wraps anything callable with an Event&, returning bool or nothing.
template <class F>
requires std::invocable<F&, Event&> HandlerFunction make_handler(F function) {
  if constexpr (std::is_same_v<std::invoke_result_t<F&, Event&>, bool>) {
    return HandlerFunction(std::move(function));
  } else {
    return [f = std::move(function)](Event& event) mutable {
      f(event);
      return true;
    };
  }
}

/// Collects the methods that `AM_HANDLERS` lists, bound to one object.
template <class Object>
class HandlerCollector {
 public:
  explicit HandlerCollector(std::shared_ptr<Object> object) : object_(std::move(object)) {}

  template <class Return>
  void add(const char* name, Return (Object::*method)(Event&)) {
    handlers_.push_back({name, make_handler([object = object_, method](Event& e) {
                           return (object.get()->*method)(e);
                         })});
  }
  template <class Return>
  void add(const char* name, Return (Object::*method)(Event&) const) {
    handlers_.push_back({name, make_handler([object = object_, method](Event& e) {
                           return (object.get()->*method)(e);
                         })});
  }

  std::vector<NamedHandler> take() { return std::move(handlers_); }

 private:
  std::shared_ptr<Object> object_;
  std::vector<NamedHandler> handlers_;
};

}  // namespace detail
}  // namespace am
