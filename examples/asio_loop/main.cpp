// Machines in a program that has an event loop of its own, here Asio's. Two ways to let what waits
// for a machine go on in the loop: an executor that posts to it, or a descriptor that it polls.
#include <am/machine.hpp>
#include <am/poll_executor.hpp>
#include <am/task.hpp>

#include <fmt/format.h>
#include <asio.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

using namespace std::chrono_literals;

AM_STATES(Door, Closed, Open)

namespace {

// The first way, and the better one where the loop can be posted to from any thread. The loop has
// to outlive what waits.
class AsioExecutor final : public am::Executor {
 public:
  explicit AsioExecutor(asio::io_context& loop) : loop_(loop) {}
  void post(std::function<void()> fn) override { asio::post(loop_, std::move(fn)); }

 private:
  asio::io_context& loop_;
};

// The second way, for loops that can only watch descriptors: run what there is when it is readable.
void watch(asio::posix::stream_descriptor& descriptor, am::PollExecutor& executor) {
  descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [&](asio::error_code error) {
    if (error) return;
    executor.run_pending();
    watch(descriptor, executor);
  });
}

am::Schema door_schema() {
  return Door::schema({
      {Door::Closed, {.remove = {Door::Open}}},
      {Door::Open, {.remove = {Door::Closed}}},
  });
}

// Goes on on the loop's thread after each wait: what it touches there needs no lock.
am::Task<int> close_behind(am::Api door, int visitors) {
  const auto here = std::this_thread::get_id();
  for (int i = 0; i < visitors; ++i) {
    co_await door.when(Door::Open);
    fmt::print("opened; on the loop's thread: {}\n", std::this_thread::get_id() == here);
    co_await door.add_async(Door::Closed);
  }
  co_return visitors;
}

// Somebody else's thread, which knows nothing about loops.
void visit(am::Api door, int times) {
  for (int i = 0; i < times; ++i) {
    door.when(Door::Closed).wait();
    door.add_async(Door::Open).get();
  }
}

// Lets the loop run until the task has ended.
int run(asio::io_context& loop, const am::Spawned<int>& task,
        const std::shared_ptr<am::Executor>& executor) {
  loop.restart();
  const auto keep = asio::make_work_guard(loop);  // nothing to do is no reason to return
  task.then(executor, [&] { loop.stop(); });
  loop.run();
  return task.get();
}

}  // namespace

int main() {
  asio::io_context loop;
  am::Machine door{door_schema()};
  door.add(Door::Closed);

  const auto posting = std::make_shared<AsioExecutor>(loop);
  {
    const std::jthread visitor([&] { visit(door, 2); });
    fmt::print("closed {} times\n", run(loop, am::spawn(posting, close_behind(door, 2)), posting));
  }

  const auto polled = std::make_shared<am::PollExecutor>();
  asio::posix::stream_descriptor descriptor(loop, polled->descriptor());
  watch(descriptor, *polled);
  {
    const std::jthread visitor([&] { visit(door, 2); });
    fmt::print("closed {} times\n", run(loop, am::spawn(polled, close_behind(door, 2)), polled));
  }
  descriptor.release();  // the executor closes it

  // The other way round: what happens in the loop becomes a state.
  asio::steady_timer timer(loop, 10ms);
  loop.restart();
  timer.async_wait([&](asio::error_code error) {
    if (!error) door.add(Door::Open);
  });
  loop.run();
  fmt::print("{}\n", door);
}
