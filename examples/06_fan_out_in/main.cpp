// Fifteen downloads, three at a time, and a report when all of them are there. Each task is a state
// of its own: it can be watched, waited for, and stopped, like any other.
#include <am/helpers/fan_out.hpp>
#include <am/machine.hpp>
#include <am/task.hpp>
#include <am/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

using namespace std::chrono_literals;

namespace {

am::Task<> download(std::shared_ptr<am::Timers> timers, bool broken) {
  co_await am::sleep_for(timers, 1s);
  if (broken) throw std::runtime_error("connection lost");
}

}  // namespace

int main() {
  const auto timers = std::make_shared<am::FakeTimers>();  // a real program takes system_timers()

  // Besides what we write, the schema gets a state for each task and one for when it is done, and
  // FetchDone, which comes when all of those are there. It fans in: the report requires it.
  am::Machine machine{am::fan_out_schema(
                          {
                              {"Fetch", {}},
                              {"Report", {.automatic = true, .require = {"FetchDone"}}},
                          },
                          "Fetch", 15),
                      {.timers = timers}};
  machine.on_state("Report", [](am::Event&) { fmt::print("report: all files are here\n"); });

  bool lost = false;
  const am::FanOut fetch{machine,
                         "Fetch",
                         {.concurrency = 3, .executor = am::inline_executor()},
                         [&](am::FanOutTask task) {
                           const bool broken = task.index == 7 && !std::exchange(lost, true);
                           return download(timers, broken);
                         }};

  const auto run = [&] {
    while (timers->pending() != 0) {
      timers->advance(1s);
      const am::FanOutProgress now = fetch.progress();
      fmt::print("{} of {} done, {} running, {} failed\n", now.done, now.total, now.running,
                 now.failed);
    }
  };

  machine.add("Fetch");
  fmt::print("{}\n", machine);
  run();

  // Once more: what is done stays done.
  fmt::print("{}: {}\n", machine.last_error()->where, machine.last_error()->message);
  machine.remove({"Fetch", "Exception"});
  machine.add("Fetch");
  fmt::print("Fetch7 runs again: {}\n", machine.is("Fetch7"));
  run();
}
