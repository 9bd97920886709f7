// What all groups of am-bench measure with: short runs in turn, medians, rows.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct Settings {
  bool quick = false;  ///< a few tiny runs: shows that the program works, not how fast
  std::string part{};  ///< of the group, "": all of it
};

/// Does about `n` of what is measured and returns how many it did.
using Work = std::function<std::size_t(std::size_t n)>;

enum class Clock {
  thread,  ///< CPU time of the calling thread: what other programs use is not counted
  wall,    ///< for work of several threads, or that waits
};

/// Nanoseconds for one of each of `works`: medians of short runs. They take turns, so that a change
/// in the machine's load or clock rate meets them all alike and their ratios stay.
std::vector<double> measure(const std::vector<Work>& works, const Settings& settings,
                            Clock clock = Clock::thread);

/// What a row has to keep to: a most, of its value or of its ratio, or a least of its value.
struct Budget {
  enum class Of { value, ratio, least };
  Of of;
  double limit;
};

struct Row {
  std::string name{};
  double value = 0;
  std::string unit{};
  std::string baseline{};  ///< what it is compared with, measured in the same run
  double baseline_value = 0;
  std::optional<Budget> budget{};
};

/// Prints rows as they come: a table, or one line of JSON for each.
class Report {
 public:
  Report(std::string_view group, bool json);
  void add(const Row& row);

 private:
  std::string group_;
  bool json_;
};

/// Keeps `value` from being optimized away.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

/// Throws when what is measured did not do what it should.
void require(bool condition, const char* what);

}  // namespace bench
