// simulation: runs seeds of the world and says which of them broke a rule.
#include "world.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using simulation::Planted;
using simulation::World;

std::vector<std::uint64_t> read_seeds(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<std::uint64_t> seeds;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), seed);
    if (error != std::errc{} || end != line.data() + line.size()) {
      throw std::runtime_error(fmt::format("{}: not a seed: \"{}\"", path, line));
    }
    seeds.push_back(seed);
  }
  return seeds;
}

/// False when the seed broke a rule.
bool run(std::uint64_t seed, Planted planted, bool trace, simulation::Tally& total) {
  World::Trace print;
  if (trace) {
    print = [](std::chrono::nanoseconds at, const std::string& what) {
      fmt::print("{:14.3f} ms  {}\n", std::chrono::duration<double, std::milli>(at).count(), what);
    };
  }
  World world(seed, planted, print);
  world.run();
  total.add(world.tally());
  for (const auto& violation : world.violations()) fmt::print("seed {}: {}\n", seed, violation);
  return world.violations().empty();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Simulates remote machines: delay, lost and half-open connections, restarts, clients that "
      "do\n"
      "not read, jumps of time, broken frames. The exit status is 0 when no seed breaks a rule."};
  std::uint64_t seeds = 1'000;
  std::uint64_t from = 1;
  std::vector<std::uint64_t> only;
  std::string failed;
  std::uint64_t most_failures = 10;
  bool trace = false;
  Planted planted = Planted::none;
  app.add_option("--seeds", seeds, "how many seeds")->check(CLI::Range(1ULL, 1'000'000'000ULL));
  app.add_option("--from", from, "the first of them");
  app.add_option("--seed", only, "this one only");
  app.add_flag("--trace", trace, "say what happens; with --seed");
  app.add_option("--failed", failed, "a file of seeds to be run first")->check(CLI::ExistingFile);
  app.add_option("--plant", planted, "make a bug, which must be found")
      ->transform(CLI::CheckedTransformer(
          std::vector<std::pair<std::string, Planted>>{{"no-reply-cache", Planted::no_reply_cache},
                                                       {"lost-diff", Planted::lost_diff},
                                                       {"out-of-order", Planted::out_of_order}}));
  CLI11_PARSE(app, argc, argv);
  try {
    if (trace && only.empty()) throw std::runtime_error("--trace goes with --seed");
    auto list = failed.empty() ? std::vector<std::uint64_t>{} : read_seeds(failed);
    list.insert(list.end(), only.begin(), only.end());
    simulation::Tally total;
    std::uint64_t ran = 0;
    std::uint64_t broken = 0;
    const auto take = [&](std::uint64_t seed) {
      ++ran;
      if (!run(seed, planted, trace, total)) ++broken;
      return broken < most_failures;
    };
    bool going_on = std::ranges::all_of(list, take);
    for (std::uint64_t i = 0; only.empty() && going_on && i < seeds; ++i) going_on = take(from + i);
    fmt::print(
        "{} seeds, {} broke a rule: {} calls, {} ran; {} links resumed, {} requests repeated,\n"
        "{} answers unknown, {} epochs, {} clients started again, {} frames broken, {} jumps of "
        "time, {} pauses\n",
        ran, broken, total.calls, total.executions, total.resumed, total.repeated, total.unknown,
        total.epochs, total.new_clients, total.corrupted, total.jumps, total.pauses);
    return broken == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "simulation: {}\n", error.what());
    return 2;
  }
}
