// A machine behind a server, in a process of its own, at the endpoint that is its argument, if one
// is. Prints its endpoint, mutates itself from two threads until a line comes on standard input,
// then prints its ticks; ends with standard input.
#include <am/machine.hpp>
#include <am/rpc/server.hpp>

#include <atomic>
#include <iostream>
#include <string>
#include <thread>

int main(int argc, char** argv) {
  am::Machine machine{{{"Closed", {.remove = {"Open"}}},
                       {"Open", {.remove = {"Closed"}}},
                       {"Locked", {.require = {"Closed"}}},
                       {"Knock", {.multi = true}},
                       {"Light", {}}},
                      {.id = "source", .queue_full = am::QueueFull::block}};
  machine.on("KnockState", [](am::Event&) {});
  am::rpc::ServerOptions options{.push_interval = std::chrono::milliseconds{1}};
  if (argc > 1) options.endpoint = argv[1];
  const am::rpc::Server server{machine, options};
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
