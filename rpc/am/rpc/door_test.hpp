// What tests of remote machines share: a machine to serve, a place to serve it, and patience.
#pragma once

#include <am/schema.hpp>

#include <atomic>
#include <chrono>
#include <string>

namespace am::rpc::testing {

/// Far longer than anything takes; a test that needs it has failed.
inline constexpr std::chrono::seconds patience{30};

inline Schema door() {
  return {{"Closed", {.remove = {"Open"}}},
          {"Open", {.remove = {"Closed"}}},
          {"Locked", {.require = {"Closed"}}},
          {"Knock", {.multi = true}}};
}

/// An inproc endpoint that nobody has.
inline std::string fresh_inproc() {
  static std::atomic<int> count{0};
  return "inproc://am-test-" + std::to_string(++count);
}

}  // namespace am::rpc::testing
