// Many machines together: waiting, mutating, piping, fanning out.
#include <am/helpers/fan_out.hpp>
#include <am/helpers/interval.hpp>
#include <am/helpers/machine_group.hpp>
#include <am/helpers/mirror.hpp>
#include <am/helpers/mutate.hpp>
#include <am/helpers/pipe.hpp>
#include <am/helpers/retry.hpp>
#include <am/helpers/state_loop.hpp>
#include <am/helpers/task_group.hpp>
#include <am/helpers/wait_all.hpp>
#include <am/machine.hpp>
#include <am/testing.hpp>

#include <fmt/format.h>

#include <atomic>
#include <stdexcept>

using namespace std::chrono_literals;

namespace {

am::Schema worker_schema() {
  return {{"Ready", {}}, {"Busy", {.require = {"Ready"}}}, {"Done", {}}};
}

void wait_for_several() {
  am::Machine first{worker_schema(), {.id = "first"}};
  am::Machine second{worker_schema(), {.id = "second"}};
  const am::MachineGroup workers{{first, second}};

  const auto all = am::when_all(workers.when("Ready"), {.errors_of = workers.machines()});
  first.add("Ready");
  second.add("Ready");
  fmt::print("all ready: {}\n", all.get().ok());

  second.add_error({.message = "out of paper"});
  const am::Waited waited =
      am::wait_any(workers.when("Done"), {.limits = {.timeout = 5s}, .errors_of = {first, second}});
  fmt::print("{} failed: {}\n", waited.error->machine, waited.error->error.message);
}

void mutate_and_wait() {
  am::Machine worker{worker_schema()};
  fmt::print("busy without ready: {}\n", am::add_sync(worker, "Busy"));
  fmt::print("busy would be refused: {}\n", am::cant_add(worker, "Busy"));

  worker.on_state("Busy", [](am::Event& e) { e.machine().add("Done"); });
  fmt::print("done: {}\n", am::add_and_wait(worker, {"Ready", "Busy"}, "Done").ok());

  int refusals = 2;
  worker.on_exit("Busy", [&](am::Event&) { return refusals-- == 0; });
  const auto result = am::retry_remove(worker, "Busy", {}, {.retries = 5, .first_delay = 1ms});
  fmt::print("removed at last: {}\n", result == am::Result::executed);
}

void pipe_states() {
  am::Machine download{{{"Ready", {}}, {"Failed", {}}}};
  am::Machine screen{{{"Online", {}}, {"ErrDownload", {}}}};
  const am::Pipe pipe =
      am::pipe(download, screen, {{"Ready", "Online"}, {"Failed", "ErrDownload"}});
  download.add("Ready");
  fmt::print("online: {}\n", screen.is("Online"));
  download.remove("Ready");
  download.add("Failed");
  fmt::print("screen: {:a}\n", screen);

  am::Mirror mirror{download};
  fmt::print("mirror: {:a}\n", mirror.machine());
}

void fan_out() {
  am::Machine m{am::fan_out_schema({{"Ready", {}}}, "Fetch", 20)};
  std::atomic<int> fetched{0};
  const am::FanOut fetch{m, "Fetch", {.concurrency = 3}, [&](am::FanOutTask) { ++fetched; }};
  m.add("Fetch");
  m.when("FetchDone").wait();
  fmt::print("fetched: {}\n", fetched.load());

  am::TaskGroup group{{.limit = 2}};
  for (int i = 0; i < 10; ++i) group.run([&] { --fetched; });
  group.wait();
  fmt::print("left: {}\n", fetched.load());
}

void loops_and_time() {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine editor{{{"Typing", {.multi = true}}, {"Save", {}}, {"Connecting", {.multi = true}}},
                     {.timers = timers}};
  am::Debounce save{editor, "Save", 500ms};
  save.watch(editor, {"Typing"});
  editor.add("Typing");
  timers->advance(400ms);
  editor.add("Typing");
  timers->advance(400ms);
  fmt::print("saved while typing: {}\n", editor.is("Save"));
  timers->advance(100ms);
  fmt::print("saved: {}\n", editor.is("Save"));

  editor.add("Connecting");
  am::StateLoop loop{editor, "Connecting", {.threshold = 10, .window = 1s}};
  int rounds = 0;
  for (; loop.ok(); ++rounds) editor.add("Connecting");
  fmt::print("a wild loop was ended after {} rounds\n", rounds);
}

}  // namespace

int main() {
  wait_for_several();
  mutate_and_wait();
  pipe_states();
  fan_out();
  loops_and_time();
}
