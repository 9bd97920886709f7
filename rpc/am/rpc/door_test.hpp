// What tests of remote machines share: a machine to serve, a place to serve it, and patience.
#pragma once

#include <am/schema.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>

namespace am::rpc::testing {

/// Far longer than anything takes; a test that needs it has failed.
inline constexpr std::chrono::seconds patience{30};

inline Schema door() {
  return {{"Closed", {.remove = {"Open"}}},
          {"Open", {.remove = {"Closed"}}},
          {"Locked", {.require = {"Closed"}}},
          {"Knock", {.multi = true}}};
}

/// What handlers note and the test reads: that the call has returned by then is an order which goes
/// through a socket, where ThreadSanitizer cannot follow.
template <class Value>
class Noted {
 public:
  template <class Change>
  void change(Change&& apply) {
    const std::scoped_lock lock(mutex_);
    apply(value_);
  }
  void set(Value value) {
    change([&](Value& held) { held = std::move(value); });
  }
  Value get() const {
    const std::scoped_lock lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  Value value_{};
};

/// An inproc endpoint that nobody has.
inline std::string fresh_inproc() {
  static std::atomic<int> count{0};
  return "inproc://am-test-" + std::to_string(++count);
}

}  // namespace am::rpc::testing
