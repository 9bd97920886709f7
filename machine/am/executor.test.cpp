#include <am/executor.hpp>

#include <am/error.hpp>
#include <am/poll_executor.hpp>
#include <am/thread_executor.hpp>

#include <gtest/gtest.h>
#include <poll.h>

#include <future>
#include <memory>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

TEST(InlineExecutor, runs_at_once_outside_of_transitions) {
  bool ran = false;
  am::inline_executor()->post([&] { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(ThreadExecutor, runs_in_order) {
  am::ThreadExecutor executor;
  std::vector<int> order;
  std::promise<void> over;
  for (int i = 0; i < 100; ++i) executor.post([&order, i] { order.push_back(i); });
  executor.post([&] { over.set_value(); });
  ASSERT_EQ(over.get_future().wait_for(patience), std::future_status::ready);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(ThreadExecutor, destroys_what_has_not_begun_when_it_stops) {
  am::ThreadExecutor executor;
  const auto kept = std::make_shared<int>();
  std::promise<void> begun;
  std::promise<void> release;
  executor.post([&] {
    begun.set_value();
    release.get_future().wait();
  });
  executor.post([kept] { FAIL(); });
  begun.get_future().wait();
  EXPECT_EQ(executor.pending(), 1U);
  EXPECT_FALSE(executor.stop(1ms));  // the first one still runs
  EXPECT_EQ(kept.use_count(), 1);
  executor.post([kept] { FAIL(); });
  EXPECT_EQ(kept.use_count(), 1);
  release.set_value();
  EXPECT_TRUE(executor.stop(std::chrono::milliseconds::max()));
  EXPECT_TRUE(executor.stop(0ms));
}

TEST(ThreadExecutor, may_be_destroyed_on_its_own_thread) {
  auto executor = std::make_shared<am::ThreadExecutor>();
  auto& reference = *executor;
  std::promise<void> ready;
  std::promise<void> over;
  reference.post([&over, &ready, executor = std::move(executor)]() mutable {
    ready.get_future().wait();
    executor.reset();
    over.set_value();
  });
  ready.set_value();
  EXPECT_EQ(over.get_future().wait_for(patience), std::future_status::ready);
}

bool readable(const am::PollExecutor& executor) {
  pollfd descriptor{executor.descriptor(), POLLIN, 0};
  return ::poll(&descriptor, 1, 0) == 1;
}

TEST(PollExecutor, is_readable_while_something_waits) {
  am::PollExecutor executor;
  EXPECT_FALSE(readable(executor));
  EXPECT_EQ(executor.run_pending(), 0U);
  int runs = 0;
  executor.post([&] { ++runs; });
  executor.post([&] { ++runs; });
  EXPECT_TRUE(readable(executor));
  EXPECT_EQ(executor.run_pending(), 2U);
  EXPECT_EQ(runs, 2);
  EXPECT_FALSE(readable(executor));
}

TEST(PollExecutor, leaves_what_it_caused_for_the_next_turn) {
  am::PollExecutor executor;
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    executor.post(again);
  };
  executor.post(again);
  EXPECT_EQ(executor.run_pending(), 1U);
  EXPECT_TRUE(readable(executor));
  EXPECT_EQ(executor.run_pending(), 1U);
  EXPECT_EQ(runs, 2);
}

TEST(PollExecutor, destroys_what_has_not_run_when_it_stops) {
  am::PollExecutor executor;
  const auto kept = std::make_shared<int>();
  executor.post([kept] { FAIL(); });
  executor.stop();
  executor.post([kept] { FAIL(); });
  EXPECT_EQ(kept.use_count(), 1);
  EXPECT_FALSE(readable(executor));
  EXPECT_EQ(executor.run_pending(), 0U);
}

TEST(Executors, refuse_an_empty_function) {
  am::PollExecutor poll;
  am::ThreadExecutor thread;
  EXPECT_THROW(poll.post(nullptr), am::Error);
  EXPECT_THROW(thread.post(nullptr), am::Error);
}

}  // namespace
