// Work that takes a while: one state starts it, another says that it is done, and whoever is
// interested waits for states, never for threads.
#include <am/machine.hpp>
#include <am/task.hpp>

#include <fmt/format.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>

using namespace std::chrono_literals;

AM_STATES(Job, Processing, Processed, InProgress)

struct File {
  std::string name;
  int pieces = 1;
};

namespace {

// The work, as a coroutine: it occupies no thread while it waits.
am::Task<> process(am::Api job, File file, std::stop_token wanted) {
  for (int i = 0; i < file.pieces; ++i) {
    co_await am::sleep_for(am::system_timers(), 1ms);
    if (wanted.stop_requested()) {  // the activation that wanted it has ended meanwhile
      fmt::print("  {}: dropped\n", file.name);
      co_return;
    }
  }
  job.add(Job::Processed, std::move(file));
}

struct Handlers {
  // Before anything changes. Processing without a file makes no sense: refuse.
  bool ProcessingEnter(am::Event& e) { return e.args_if<File>() != nullptr; }

  // Processing is active now. A handler must not block, so it starts the work and returns.
  void ProcessingState(am::Event& e) {
    const am::Api job = e.machine();
    am::spawn(am::completion_executor(),
              process(job, e.args<File>(), job.while_active(Job::Processing)));
  }

  void ProcessedState(am::Event& e) { fmt::print("  {}: processed\n", e.args<File>().name); }

  AM_HANDLERS(Job, ProcessingEnter, ProcessingState, ProcessedState)
};

}  // namespace

int main() {
  am::Machine job{Job::schema({
      {Job::Processing, {.remove = {Job::Processed}}},
      {Job::Processed, {.remove = {Job::Processing}}},
      // Nobody sets this one: it comes whenever it can, and goes with what it requires.
      {Job::InProgress, {.automatic = true, .require = {Job::Processing}}},
  })};
  job.bind(Handlers{});

  fmt::print("no file: {}\n", job.add(Job::Processing));

  fmt::print("endless.txt: {}\n", job.add(Job::Processing, File{"endless.txt", 1'000'000'000}));
  fmt::print("{}\n", job);

  // Changed our mind. Nobody has to find the work and tell it: it holds a token of its activation.
  job.remove(Job::Processing);
  job.add(Job::Processing, File{"short.txt"});

  const auto first = am::when_any({job.when(Job::Processed), job.when_error()}).get_for(5s);
  fmt::print("{}\n", first == 0U ? "done" : "failed, or too late");
  fmt::print("{:a}\n", job);
}
