// am-bench GROUP [--json]: the figures of the project, each against a baseline of the same run.

#include "groups.hpp"
#ifdef BENCH_RPC
#include "peer.hpp"
#endif

#include <CLI/CLI.hpp>

#include <array>
#include <condition_variable>
#include <exception>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <thread>

namespace {

struct Group {
  const char* name;
  const char* about;
  void (*run)(bench::Report&, const bench::Settings&);
  const char* parts = nullptr;  ///< that can be run alone
};

constexpr std::array groups{
    Group{"machine", "Local machines: transitions, waits, memory",
          [](bench::Report& report, const bench::Settings& settings) {
            bench::run_machine(report, settings);
#ifdef BENCH_RPC
            bench::run_machine_served(report, settings);
#endif
            bench::run_machine_instructions(report, settings);
          }},
#ifdef BENCH_RPC
    Group{"rpc", "Remote machines against raw TCP, raw ZeroMQ and gRPC", bench::run_rpc,
          "Only the rows of one part: one (caller), transports, many, push, idle"},
#endif
#ifdef BENCH_WIRE
    Group{"wire", "Bytes and calls on the wire", bench::run_wire},
#endif
};

/// The C library's locks are cheaper while a process has one thread; programs that use machines
/// have several.
void sleep_until_stopped(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop, [] { return false; });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures the library, each figure against a baseline of the same run."};
  bool json = false;
  bench::Settings settings;
  app.require_subcommand(1);
  for (const auto& group : groups) {
    auto* command = app.add_subcommand(group.name, group.about);
    command->add_flag("--json", json, "One JSON object per row instead of a table");
    if (group.parts != nullptr) {
      command->add_option("--part", settings.part, group.parts);
    }
    command->add_flag("--quick", settings.quick, "Tiny runs: checks the program, not the speed");
  }
  std::string work;
  std::size_t count = 1;
  auto* work_command = app.add_subcommand("work", "Does one named work, for a profiler to look at");
  work_command->add_option("name", work, "toggle16, by_hand, relations2, ...")->required();
  work_command->add_option("--count", count, "How often")->check(CLI::Range(1UL, 100'000'000UL));
#ifdef BENCH_RPC
  std::string peer;
  std::string endpoint;
  auto* peer_command = app.add_subcommand("peer", "The other process of a measurement");
  peer_command->group("");  // am-bench starts it itself
  peer_command->add_option("kind", peer)->required();
  peer_command->add_option("endpoint", endpoint)->required();
#endif
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const std::jthread second_thread(sleep_until_stopped);
  try {
#ifdef BENCH_RPC
    if (*peer_command) bench::run_peer(peer, endpoint);
#endif
    if (*work_command) bench::run_work(work, count);
    for (const auto& group : groups) {
      if (!app.got_subcommand(group.name)) continue;
      bench::Report report(group.name, json);
      group.run(report, settings);
    }
  } catch (const std::exception& error) {
    std::cerr << "am-bench: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
