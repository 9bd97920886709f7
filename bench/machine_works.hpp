// What the rows of group machine do: machines of several shapes, and the same by hand.
#pragma once

#include "harness.hpp"

#include <am/machine.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace bench {

inline std::string state_name(std::size_t i) { return fmt::format("S{}", i); }

/// States S0, S1, ... without relations, `size` in all with the Exception that every machine has.
inline am::Schema plain_schema(std::size_t size) {
  std::vector<am::Schema::Entry> entries;
  for (std::size_t i = 0; i + 1 < size; ++i) entries.push_back({state_name(i), {}});
  return am::Schema(std::move(entries));
}

/// A machine of plain states, the last `active` of them active, so that S0 is not.
struct Plain {
  explicit Plain(std::size_t size, std::size_t active = 0) : machine(plain_schema(size)) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < active; ++i) names.push_back(state_name(size - 2 - i));
    if (active != 0) require(machine.add(names) == am::Result::executed, "setup");
  }

  am::Machine machine;
  am::StateId id = machine.state("S0");
};

inline Work toggle(am::Machine& machine, am::StateId id) {
  return [&machine, id](std::size_t n) {
    std::size_t executed = 0;
    for (std::size_t i = 0; i < n; ++i) {
      executed += machine.toggle(id) == am::Result::executed ? 1 : 0;
    }
    require(executed == n, "a toggle was not executed");
    return executed;
  };
}

/// What one would write instead of a machine without relations: bits and ticks under a mutex, and a
/// function to call when a bit is set.
class ByHand {
 public:
  explicit ByHand(std::size_t size) : bits_((size + 63) / 64), ticks_(size) {}

  std::function<void()> on_set{};

  void toggle(std::size_t i) {
    const std::lock_guard lock(mutex_);
    const auto bit = std::uint64_t{1} << (i % 64);
    bits_[i / 64] ^= bit;
    ++ticks_[i];
    if (on_set && (bits_[i / 64] & bit) != 0) on_set();
  }

 private:
  std::mutex mutex_;
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint64_t> ticks_;
};

inline Work toggle(ByHand& by_hand) {
  return [&by_hand](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) by_hand.toggle(0);
    return n;
  };
}

/// Working takes Idle out and brings Lit along; Idle takes Working out, and Lit with it. So each
/// mutation moves three states, and each calls two final handlers.
struct Workshop {
  Workshop() {
    for (const auto* name : {"WorkingState", "IdleEnd", "IdleState", "WorkingEnd"}) {
      machine.on(name, [this](am::Event&) { ++calls; });
    }
    machine.add(idle);
  }

  std::size_t run(std::size_t n) {
    const auto before = calls;
    std::size_t executed = 0;
    for (std::size_t i = 0; i < n; ++i) {
      executed += machine.add(busy ? idle : working) == am::Result::executed ? 1 : 0;
      busy = !busy;
    }
    require(executed == n && calls == before + 2 * n, "a mutation or a handler did not run");
    return n;
  }

  am::Machine machine{{{"Idle", {.remove = {"Working"}}},
                       {"Working", {.add = {"Lit"}, .remove = {"Idle"}}},
                       {"Lit", {.require = {"Working"}}}}};
  am::StateId idle = machine.state("Idle");
  am::StateId working = machine.state("Working");
  bool busy = false;
  std::size_t calls = 0;
};

}  // namespace bench
