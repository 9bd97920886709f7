#include "latency.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <thread>

namespace bench {

std::int64_t shared_now() noexcept {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

double Latencies::percentile(double share) const {
  require(!all_.empty(), "nothing was measured");
  const auto last = static_cast<double>(all_.size() - 1);
  const auto at = static_cast<std::ptrdiff_t>(std::lround(share * last));
  std::nth_element(all_.begin(), all_.begin() + at, all_.end());
  return all_[static_cast<std::size_t>(at)];
}

Trip timed(std::function<void()> go) {
  return {[go = std::move(go)] {
    const auto start = shared_now();
    go();
    return static_cast<double>(shared_now() - start) / 1e3;
  }};
}

std::vector<Latencies> measure_trips(const std::vector<Trip>& trips, const Settings& settings,
                                     Pace pace) {
  const bool paced = pace != Pace::none;
  const int turns = settings.quick ? 2 : paced ? 20 : 40;
  const int warm_up = settings.quick ? 2 : paced ? 5 : 50;
  const int counted = settings.quick ? 10 : paced ? 50 : 500;
  std::vector<Latencies> latencies(trips.size());
  for (int turn = 0; turn < turns; ++turn) {
    for (std::size_t i = 0; i < trips.size(); ++i) {
      if (trips[i].begin) trips[i].begin(static_cast<std::size_t>(warm_up + counted));
      for (int n = -warm_up; n < counted; ++n) {
        if (pace == Pace::millisecond) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        const double took = trips[i].go();
        if (n >= 0) latencies[i].add(took);
      }
    }
  }
  return latencies;
}

void add_latency(Report& report, const std::string& name, const Latencies& value,
                 const std::string& baseline, const Latencies* against,
                 std::optional<Budget> budget) {
  struct Share {
    const char* suffix;
    double share;
  };
  for (const auto& [suffix, share] : {Share{"", 0.5}, Share{"/p99", 0.99}, Share{"/p999", 0.999}}) {
    Row row{.name = name + suffix, .value = value.percentile(share), .unit = "us"};
    if (against != nullptr) {
      row.baseline = baseline;
      row.baseline_value = against->percentile(share);
    }
    if (*suffix == '\0') row.budget = budget;
    report.add(row);
  }
}

}  // namespace bench
