// How long single round trips take, and how that is spread.
#pragma once

#include "harness.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bench {

/// Durations of single trips, in microseconds.
class Latencies {
 public:
  void add(double microseconds) { all_.push_back(microseconds); }
  /// That below which `share` (0 to 1) of them are.
  double percentile(double share) const;
  std::size_t size() const noexcept { return all_.size(); }

 private:
  mutable std::vector<double> all_;
};

/// One round trip, or one event that is waited for.
struct Trip {
  std::function<double()> go;  ///< returns what it took, in microseconds
  /// Called before some trips, when they begin.
  std::function<void(std::size_t trips)> begin{};
};

/// A trip that begins and ends in the calling thread.
Trip timed(std::function<void()> go);

enum class Pace {
  none,         ///< the next begins when one ends
  millisecond,  ///< the next begins a millisecond after one has ended
  of_peer,      ///< the trip waits for what comes once a millisecond
};

/// Runs the trips in turn, some at a time, the first of each turn uncounted.
std::vector<Latencies> measure_trips(const std::vector<Trip>& trips, const Settings& settings,
                                     Pace pace = Pace::none);

/// Rows `name`, `name/p99` and `name/p999`; the budget is that of the first, the median.
void add_latency(Report& report, const std::string& name, const Latencies& value,
                 const std::string& baseline, const Latencies* against,
                 std::optional<Budget> budget = {});

/// Nanoseconds of the clock that all processes share.
std::int64_t shared_now() noexcept;

}  // namespace bench
