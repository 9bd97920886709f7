#include "harness.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ctime>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace bench {

namespace {

double now_ns(Clock clock) {
  timespec time{};
  clock_gettime(clock == Clock::thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

struct Run {
  double ns;  ///< of the whole run
  double each;
};

Run run(const Work& work, std::size_t n, Clock clock) {
  const double start = now_ns(clock);
  const auto done = work(n);
  const double ns = now_ns(clock) - start;
  require(done != 0, "a run did nothing");
  return {ns, ns / static_cast<double>(done)};
}

/// How many make a run of about `ns`; warms up on the way.
std::size_t calibrate(const Work& work, double ns, Clock clock) {
  for (std::size_t n = 8;; n *= 2) {
    if (run(work, n, clock).ns >= ns) return n;
  }
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::vector<double> measure(const std::vector<Work>& works, const Settings& settings, Clock clock) {
  const int rounds = settings.quick ? 3 : 41;
  // Threads take a while to start, and the scheduler to share the processors among them.
  const double run_ns = settings.quick ? 20e3 : clock == Clock::wall ? 10e6 : 1e6;
  std::vector<std::size_t> sizes;
  for (const auto& work : works) sizes.push_back(calibrate(work, run_ns, clock));
  std::vector<std::vector<double>> times(works.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      times[i].push_back(run(works[i], sizes[i], clock).each);
    }
  }
  std::vector<double> medians;
  for (const auto& t : times) medians.push_back(median(t));
  return medians;
}

Report::Report(std::string_view group, bool json) : group_(group), json_(json) {
  if (json_) return;
  fmt::print("{:<28} {:>10} {:<6} {:>7} {:>11} {:<4} {}\n", group_ + ".", "value", "unit", "ratio",
             "budget", "ok", "against");
}

void Report::add(const Row& row) {
  const bool compared = row.baseline_value > 0;
  const double ratio = compared ? row.value / row.baseline_value : 0;
  std::string budget;
  bool ok = true;
  if (row.budget) {
    const auto [of, limit] = *row.budget;
    const bool of_value = of != Budget::Of::ratio;
    ok = of == Budget::Of::least ? row.value >= limit : (of_value ? row.value : ratio) <= limit;
    budget = fmt::format("{} {} {}", of == Budget::Of::least ? ">=" : "<=", limit,
                         of_value ? row.unit : "x");
  }
  if (json_) {
    nlohmann::ordered_json line{
        {"group", group_},  {"row", row.name},     {"value", row.value},
        {"unit", row.unit}, {"baseline", nullptr}, {"baseline_value", nullptr},
        {"ratio", nullptr}, {"budget", nullptr},   {"ok", ok},
    };
    if (!row.baseline.empty()) {
      line["baseline"] = row.baseline;
      line["baseline_value"] = row.baseline_value;
    }
    if (compared) line["ratio"] = ratio;
    if (row.budget) line["budget"] = budget;
    fmt::print("{}\n", line.dump());
  } else {
    const auto against =
        row.baseline.empty() ? std::string{}
        : !compared          ? row.baseline
                    : fmt::format("{}: {:.4g} {}", row.baseline, row.baseline_value, row.unit);
    fmt::print("{:<28} {:>10.4g} {:<6} {:>7} {:>11} {:<4} {}\n", row.name, row.value, row.unit,
               compared ? fmt::format("{:.2f}", ratio) : "", budget,
               !row.budget ? ""
               : ok        ? "yes"
                           : "NO",
               against);
  }
  std::fflush(stdout);
}

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

}  // namespace bench
