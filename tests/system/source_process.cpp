// A machine behind a server, in a process of its own.
//
//   system-source [ENDPOINT] [--idle] [--plain] [--quick] [--log] [--log-throws]
//
// Prints its endpoint, then mutates itself from two threads until an empty line comes on standard
// input, which it answers with its ticks. Other lines, and their answers:
//
//   add STATE, remove STATE       its result, once it has run
//   knocks                        how often the handler of Knock has run
//   connections, resumed, stray   a counter of the server
//
// Ends with standard input. --idle: does not mutate itself. --plain: other hosts may connect.
// --quick: misses a client within 600 ms. --log: writes the machine's log to standard output, and
// all else to standard error. --log-throws: writes the logs of machine and server to a full disk,
// by a stream that throws, and all else to standard error.
#include <am/format.hpp>
#include <am/log.hpp>
#include <am/machine.hpp>
#include <am/rpc/server.hpp>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

/// Two threads that toggle states until they are told to stop.
class Toggling {
 public:
  explicit Toggling(am::Machine& machine) {
    for (const auto* state : {"Open", "Locked"}) {
      threads_.emplace_back([&machine, state](const std::stop_token& stop) {
        while (!stop.stop_requested()) machine.toggle(state);
      });
    }
  }

 private:
  std::vector<std::jthread> threads_{};
};

}  // namespace

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  std::set<std::string> flags(argv + 1, argv + argc);
  am::rpc::ServerOptions options{.push_interval = 1ms};
  options.allow_plain_tcp = flags.erase("--plain") != 0;
  if (flags.erase("--quick") != 0) {
    options.heartbeat_interval = 200ms;
    options.heartbeat_timeout = 400ms;
  }
  const bool idle = flags.erase("--idle") != 0;
  const bool log = flags.erase("--log") != 0;
  std::ofstream file;
  std::mutex writing;
  if (flags.erase("--log-throws") != 0) {
    file.exceptions(std::ios::badbit | std::ios::failbit);
    file.open("/dev/full");
    options.log = [&](std::string_view line) {
      const std::lock_guard lock(writing);
      file << line << std::endl;
    };
  }
  if (!flags.empty()) options.endpoint = *flags.begin();
  std::ostream& answers = log || file.is_open() ? std::cerr : std::cout;

  am::Machine machine{{{"Closed", {.remove = {"Open"}}},
                       {"Open", {.remove = {"Closed"}}},
                       {"Locked", {.require = {"Closed"}}},
                       {"Knock", {.multi = true}},
                       {"Light", {}}},
                      {.id = "source", .queue_full = am::QueueFull::block}};
  if (log) am::attach_log(machine);
  if (file.is_open()) {
    am::attach_log(machine,
                   {.sink = [&](am::LogLevel, std::string_view line) { options.log(line); }});
  }
  std::atomic<unsigned long> knocks{0};
  machine.on("KnockState", [&](am::Event&) { ++knocks; });
  const am::rpc::Server server{machine, options};
  answers << server.endpoint() << std::endl;

  std::optional<Toggling> toggling;
  if (!idle) toggling.emplace(machine);
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) {
      toggling.reset();
      answers << fmt::format("{}", machine.time()) << std::endl;
    } else if (line == "knocks") {
      answers << knocks << std::endl;
    } else if (line == "connections") {
      answers << server.stats().connections << std::endl;
    } else if (line == "stray") {
      answers << server.stats().stray_frames << std::endl;
    } else if (line == "resumed") {
      answers << server.stats().links_resumed << std::endl;
    } else if (line.starts_with("add ")) {
      answers << am::to_string(machine.add_async(line.substr(4)).get()) << std::endl;
    } else if (line.starts_with("remove ")) {
      answers << am::to_string(machine.remove_async(line.substr(7)).get()) << std::endl;
    } else {
      answers << "unknown: " << line << std::endl;
    }
  }
}
