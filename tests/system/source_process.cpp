// A machine behind a server, in a process of its own. Prints its endpoint, mutates itself from two
// threads until a line comes on standard input, then prints its ticks; ends with standard input.
#include <am/machine.hpp>
#include <am/rpc/server.hpp>

#include <atomic>
#include <iostream>
#include <string>
#include <thread>

int main() {
  am::Machine machine{{{"Closed", {.remove = {"Open"}}},
                       {"Open", {.remove = {"Closed"}}},
                       {"Locked", {.require = {"Closed"}}},
                       {"Knock", {.multi = true}},
                       {"Light", {}}},
                      {.id = "source", .queue_full = am::QueueFull::block}};
  machine.on("KnockState", [](am::Event&) {});
  const am::rpc::Server server{machine, {.push_interval = std::chrono::milliseconds{1}}};
  std::cout << server.endpoint() << std::endl;
  std::string line;
  {
    std::atomic<bool> over{false};
    std::jthread first([&] {
      while (!over) machine.toggle("Open");
    });
    std::jthread second([&] {
      while (!over) machine.toggle("Locked");
    });
    std::getline(std::cin, line);
    over = true;
  }
  std::cout << fmt::format("{}", machine.time()) << std::endl;
  while (std::getline(std::cin, line)) {
  }
}
