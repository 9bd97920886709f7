// Three ways to wait for a machine, and mutations that come later.
#include <am/machine.hpp>
#include <am/task.hpp>
#include <am/testing.hpp>
#include <am/thread_executor.hpp>

#include <fmt/format.h>

#include <chrono>
#include <memory>

using namespace std::chrono_literals;

namespace {

am::Task<int> serve(am::Api worker) {
  int jobs = 0;
  while (co_await worker.when("Job") == am::Ended::fired) {
    ++jobs;
    const bool last = worker.is("Last");
    co_await worker.remove_async("Job");
    if (last) break;
  }
  co_return jobs;
}

}  // namespace

int main() {
  const auto timers = std::make_shared<am::FakeTimers>();  // a real program leaves them out
  am::Machine worker{{{"Ready", {}}, {"Job", {}}, {"Last", {}}}, {.timers = timers}};

  const am::Wait ready = worker.when("Ready");
  fmt::print("ready in 1 ms: {}\n", am::to_string(ready.wait_for(1ms)));
  worker.add("Ready");
  fmt::print("ready: {}\n", am::to_string(ready.wait()));

  worker.when("Job").then(
      [&] { fmt::print("a job came, and may be done: {}\n", worker.is("Ready")); });
  const auto cancelled = worker.when("Job").then([] { fmt::print("never\n"); });
  cancelled.cancel();

  const auto loop = std::make_shared<am::ThreadExecutor>();
  const auto server = am::spawn(loop, serve(worker));
  worker.add("Job");
  worker.when_not("Job").wait();
  worker.add({"Job", "Last"});
  fmt::print("jobs: {}\n", server.get());

  const am::Pending<am::Result> later = worker.remove_async({"Ready", "Last"});
  fmt::print("removed: {}\n", later.get());

  worker.add_after(5s, "Ready");
  const auto beat = worker.add_every(10s, "Job");
  timers->advance(5s);
  fmt::print("after 5 s: {:a}\n", worker);
  timers->advance(5s);
  fmt::print("after 10 s: {:a}\n", worker);
  beat.cancel();

  const auto first = am::when_any({worker.when("Last"), worker.when_not("Job")});
  worker.remove("Job");
  fmt::print("first: {}\n", first.get());
}
