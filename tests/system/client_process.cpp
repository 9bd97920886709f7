// A client under load, in a process of its own.
//
//   system-client ENDPOINT
//
// Attaches, prints "attached" and adds Knock from two threads until an empty line comes on standard
// input, which it answers with how many of its calls were executed, and how many were not. It then
// answers each line of ticks when it sees them, by "equal". Ends with standard input.
#include <am/format.hpp>
#include <am/rpc/client.hpp>

#include <atomic>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

int main(int, char** argv) {
  constexpr auto patience = std::chrono::seconds{60};
  am::rpc::Client client{{.endpoint = argv[1],
                          .call_timeout = patience,
                          .when_down = am::rpc::WhenDown::wait,
                          .retry_delay = std::chrono::milliseconds{20}}};
  auto remote = client.attach({.timeout = patience});
  if (!remote) {
    std::cout << "not attached: " << remote.error().message << std::endl;
    return 1;
  }
  std::cout << "attached" << std::endl;
  std::atomic<unsigned long> executed{0};
  std::atomic<unsigned long> others{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        ++(remote->add("Knock") == am::Result::executed ? executed : others);
      }
    });
  }
  std::string line;
  std::getline(std::cin, line);
  callers.clear();
  std::cout << executed << ' ' << others << std::endl;
  while (std::getline(std::cin, line)) {
    const auto seen =
        remote->when_query([&](const am::Time& now) { return fmt::format("{}", now) == line; });
    const bool equal = seen.wait_for(patience) == am::Ended::fired;
    std::cout << (equal ? "equal" : fmt::format("not equal: {}", remote->time())) << std::endl;
  }
}
