// Machines that are static objects, and end when the process does.
#include <am/machine.hpp>

#include <chrono>
#include <cstdio>

namespace {

using namespace std::chrono_literals;

/// Destroyed after all static objects that were made after it.
struct Last {
  Last() = default;
  ~Last() { std::puts("the last static object goes"); }
  Last(const Last&) = delete;
  Last& operator=(const Last&) = delete;
};
const Last last;

am::Machine& server() {
  static am::Machine machine{{{"Start", {}}, {"Tick", {.multi = true}}}};
  return machine;
}

am::Machine& worker() {
  static am::Machine machine{{{"Start", {}}}, {.handlers = am::HandlersRun::on_own_thread}};
  return machine;
}

}  // namespace

int main() {
  server().on_end("Start", [](am::Event& e) {
    std::printf("the server ends, with %d states\n",
                static_cast<int>(e.machine().time().ticks.size()));
  });
  worker().on_end("Start", [](am::Event&) { std::puts("the worker ends on its own thread"); });
  server().add("Start");
  worker().add("Start");
  server().add_every(1h, "Tick");
  std::puts("main returns");
}
