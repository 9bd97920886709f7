// All the ways to wait for a machine. Nobody polls, and nobody misses what happens in between.
#include <am/machine.hpp>
#include <am/task.hpp>
#include <am/testing.hpp>
#include <am/thread_executor.hpp>

#include <fmt/format.h>

#include <chrono>
#include <memory>

using namespace std::chrono_literals;

AM_STATES(Worker, Ready, Job, Last)

namespace {

struct Size {
  int bytes = 0;
};

// What one can wait for. Each of these ends once.
void conditions() {
  am::Machine worker{Worker::schema()};
  const auto say = [](const char* text) { return [text] { fmt::print("{}\n", text); }; };

  worker.when({Worker::Ready, Worker::Job}).then(say("1 - ready, with a job"));
  worker.when_not(Worker::Job).then(say("2 - no job: that held already, so it came at once"));
  worker
      .when_args(Worker::Job,
                 [](const am::Args& args) {
                   const auto* size = args.get_if<Size>();
                   return size != nullptr && size->bytes > 100;
                 })
      .then(say("3 - a job of more than 100 bytes"));
  worker.when_time(Worker::Job, am::Tick{3}).then(say("4 - the second job has come"));
  worker.when_ticks(Worker::Ready, 2).then(say("5 - ready has come and gone"));
  worker.when_error().then(say("6 - an error"));

  worker.add(Worker::Ready);
  worker.add(Worker::Job, Size{10});    // 1
  worker.remove(Worker::Job);           //
  worker.add(Worker::Job, Size{1000});  // 3 and 4
  worker.remove(Worker::Ready);         // 5
  worker.add_error({"out of paper"});   // 6
}

// A coroutine waits without a thread, and reads like one that blocks.
am::Task<int> serve(am::Api worker) {
  int jobs = 0;
  while (co_await worker.when(Worker::Job) == am::Ended::fired) {
    ++jobs;
    const bool last = worker.is(Worker::Last);
    co_await worker.remove_async(Worker::Job);
    if (last) break;
  }
  co_return jobs;
}

void ways() {
  const auto timers = std::make_shared<am::FakeTimers>();  // a real program leaves them out
  am::Machine worker{Worker::schema(), {.timers = timers}};

  const am::Wait ready = worker.when(Worker::Ready);
  fmt::print("ready in 1 ms: {}\n", ready.wait_for(1ms));
  worker.add(Worker::Ready);
  fmt::print("ready: {}\n", ready.wait());

  worker.when(Worker::Job).then([&] {
    fmt::print("a job came, and may be done: {}\n", worker.is(Worker::Ready));
  });
  const auto cancelled = worker.when(Worker::Job).then([] { fmt::print("never\n"); });
  cancelled.cancel();

  const auto loop = std::make_shared<am::ThreadExecutor>();
  const auto server = am::spawn(loop, serve(worker));
  worker.add(Worker::Job);
  worker.when_not(Worker::Job).wait();
  worker.add({Worker::Job, Worker::Last});
  fmt::print("jobs: {}\n", server.get());

  const am::Pending<am::Result> later = worker.remove_async({Worker::Ready, Worker::Last});
  fmt::print("removed: {}\n", later.get());

  worker.add_after(5s, Worker::Ready);
  const auto beat = worker.add_every(10s, Worker::Job);
  timers->advance(5s);
  fmt::print("after 5 s: {:a}\n", worker);
  timers->advance(5s);
  fmt::print("after 10 s: {:a}\n", worker);
  beat.cancel();

  const auto first = am::when_any({worker.when(Worker::Last), worker.when_not(Worker::Job)});
  worker.remove(Worker::Job);
  fmt::print("first: {}\n", first.get());
}

}  // namespace

int main() {
  conditions();
  ways();
}
