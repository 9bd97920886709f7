// What depends on what is written in the schema, and nowhere else: A needs B, B needs C and D.
#include <am/machine.hpp>
#include <am/task.hpp>
#include <am/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

// Everything is ready at once: one automatic transition activates the whole graph. States that
// nothing says anything about, like C and D, come in the order of the schema.
void all_at_once() {
  am::Machine graph{{
      {"Start", {}},
      {"A", {.automatic = true, .require = {"B"}}},
      {"B", {.automatic = true, .require = {"C", "D"}}},
      {"C", {.automatic = true, .require = {"Start"}}},
      {"D", {.automatic = true, .require = {"Start"}}},
  }};
  for (const char* name : {"A", "B", "C", "D"}) {
    graph.on_state(name, [name](am::Event& e) {
      fmt::print("  {} ok in transition {}\n", name, e.transition().id);
    });
  }
  graph.add("Start");
  fmt::print("{}\n", graph);
}

// Each takes 100 ms to be ready. Init states do the work: "AInit" is automatic and requires what A
// depends on; when its work is done, it adds A. Nothing waits in line for longer than it must.
am::Task<> make_ready(am::Api graph, std::shared_ptr<am::Timers> timers, std::string name) {
  co_await am::sleep_for(timers, 100ms);
  graph.add(name);
}

void step_by_step() {
  const auto timers = std::make_shared<am::FakeTimers>();  // a real program takes system_timers()
  am::Machine graph{{
                        {"Start", {}},
                        {"AInit", {.automatic = true, .require = {"B"}, .remove = {"A"}}},
                        {"A", {.require = {"B"}, .remove = {"AInit"}}},
                        {"BInit", {.automatic = true, .require = {"C", "D"}, .remove = {"B"}}},
                        {"B", {.require = {"C", "D"}, .remove = {"BInit"}}},
                        {"CInit", {.automatic = true, .require = {"Start"}, .remove = {"C"}}},
                        {"C", {.remove = {"CInit"}}},
                        {"DInit", {.automatic = true, .require = {"Start"}, .remove = {"D"}}},
                        {"D", {.remove = {"DInit"}}},
                    },
                    {.timers = timers}};
  const auto start = timers->now();
  for (const char* name : {"A", "B", "C", "D"}) {
    graph.on_state(std::string(name) + "Init", [name, timers](am::Event& e) {
      am::spawn(am::inline_executor(), make_ready(e.machine(), timers, name));
    });
    graph.on_state(name, [name, timers, start](am::Event&) {
      fmt::print("  {} ok after {} ms\n", name, (timers->now() - start) / 1ms);
    });
  }
  graph.add("Start");
  timers->run_until_idle();
  fmt::print("{}\n", graph);
}

}  // namespace

int main() {
  fmt::print("all at once\n");
  all_at_once();
  fmt::print("step by step\n");
  step_by_step();
}
