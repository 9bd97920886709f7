#include <am/rpc/internal/transport/loop.hpp>

#include <am/rpc/internal/transport/transport_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <thread>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::patience;

TransportTime now() { return std::chrono::steady_clock::now(); }

/// A body without sockets, on its loop. A test decides what its calls do.
class Core final : public LoopBody {
 public:
  std::function<void()> on_turn = [] {};
  std::function<bool()> on_has_work = [] { return false; };
  std::function<void()> on_work = [] {};

  Loop& loop() noexcept { return loop_; }

  std::array<int, 2> descriptors() const noexcept override { return {-1, -1}; }
  bool may_sleep() noexcept override { return true; }
  TransportTime next_deadline() noexcept override { return no_deadline; }
  void turn(bool) noexcept override { on_turn(); }
  void close() noexcept override {}
  bool has_work() const noexcept override { return on_has_work(); }
  void work() noexcept override { on_work(); }

 private:
  Loop loop_{*this};
};

struct LoopTest : ::testing::Test {
  const std::shared_ptr<Core> core = std::make_shared<Core>();
  Loop& loop = core->loop();

  ~LoopTest() override { end(core, patience); }
  void start() {
    loop.start(core, "am-loop-test", [] {});
  }
};

TEST_F(LoopTest, StopsWhileAThreadThatWaitsHasTheSocket) {
  std::atomic<bool> own{false};
  std::atomic<bool> led{false};
  core->on_turn = [&] { (loop.on_own_thread() ? own : led) = true; };
  start();
  ASSERT_TRUE(eventually([&] { return own.load(); }));
  Arrival never;
  std::jthread caller([&] { loop.await(never, now() + patience); });
  EXPECT_TRUE(eventually([&] { return led.load(); }));
  EXPECT_TRUE(loop.stop(patience));
  never.arrive();
}

TEST_F(LoopTest, StopsHoweverLongOneIsReadyToWait) {
  std::latch turning{1};
  std::latch go_on{1};
  core->on_turn = [&] {
    turning.count_down();
    go_on.wait();
  };
  start();
  turning.wait();
  auto stopped =
      std::async(std::launch::async, [&] { return loop.stop(std::chrono::milliseconds::max()); });
  EXPECT_TRUE(eventually([&] { return loop.stopping(); }));
  EXPECT_EQ(stopped.wait_for(20ms), std::future_status::timeout);
  go_on.count_down();
  EXPECT_TRUE(stopped.get());
}

TEST_F(LoopTest, WorkThatTakesLongIsLeftToItsThreadHoweverLateItBegins) {
  std::atomic<bool> work{true};
  std::atomic<bool> inside{false};
  std::atomic<bool> turned{false};
  // The thread that leads may be held up just before it begins.
  core->on_has_work = [&] {
    const bool some = work;
    if (some) std::this_thread::sleep_for(5ms);
    return some;
  };
  core->on_work = [&] {
    work = false;
    inside = true;
    loop.inside();
    EXPECT_TRUE(eventually([&] { return turned.load(); }));
    inside = false;
  };
  core->on_turn = [&] {
    if (inside) turned = true;
  };
  start();
  EXPECT_TRUE(eventually([&] { return !work && !inside; }));
  EXPECT_TRUE(loop.stop(patience));
}

TEST(LoopPoll, ADeadlineOfLongAgoHasPassed) {
  EXPECT_FALSE(poll_until(-1, -1, TransportTime{}));
  EXPECT_FALSE(poll_until(-1, -1, TransportTime::min()));
}

}  // namespace
}  // namespace am::rpc::internal
