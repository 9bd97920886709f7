// Logical clocks: strong types for the three counters of a machine, and a vector of ticks.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace am {

namespace detail {

/// A 64-bit counter that does not mix with other counters.
template <class Tag>
struct Counter {
  std::uint64_t value = 0;

  constexpr Counter() = default;
  constexpr explicit Counter(std::uint64_t v) : value(v) {}
  friend constexpr auto operator<=>(Counter, Counter) = default;
};

}  // namespace detail

/// Clock of one state: counts activations and deactivations. Odd = active. Never decreases.
struct Tick : detail::Counter<Tick> {
  using Counter::Counter;
  /// True when a state with this tick is active.
  constexpr bool active() const noexcept { return (value & 1U) != 0; }
};

/// How many appended mutations the queue has started, plus one (spec: machine 5.2). Starts at 1.
struct QueueTick : detail::Counter<QueueTick> {
  using Counter::Counter;
};

/// How many times the machine was restored by import. Starts at 0.
struct MachineTick : detail::Counter<MachineTick> {
  using Counter::Counter;
};

/// Position of a state in its machine's order. The unit of everything that is sent or recorded.
using StateIndex = std::uint16_t;

/// Ticks of all states of a machine in index order, all read at one instant.
struct Time {
  std::vector<Tick> ticks;

  std::size_t size() const noexcept { return ticks.size(); }
  /// The tick at `index`; 0 when out of range.
  Tick operator[](std::size_t index) const noexcept {
    return index < ticks.size() ? ticks[index] : Tick{};
  }
  /// Sum of all ticks: one number that grows with every change of the machine.
  std::uint64_t sum() const noexcept {
    return std::accumulate(ticks.begin(), ticks.end(), std::uint64_t{0},
                           [](std::uint64_t total, Tick t) { return total + t.value; });
  }
  friend bool operator==(const Time&, const Time&) = default;
};

}  // namespace am
