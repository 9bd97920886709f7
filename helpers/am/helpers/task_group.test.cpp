#include <am/helpers/task_group.hpp>

#include <am/error.hpp>
#include <am/helpers/condition.hpp>
#include <am/helpers/internal/no_more_threads.hpp>
#include <am/helpers/internal/occupied_executor.hpp>
#include <am/machine.hpp>
#include <am/thread_executor.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <stdexcept>
#include <system_error>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;
/// Long enough for a wait to be seen going on.
constexpr auto moment = 1ms;

TEST(TaskGroup, runs_all_and_never_more_than_its_limit_at_a_time) {
  am::TaskGroup group{{.limit = 3}};
  std::atomic<int> running{0};
  std::atomic<int> calls{0};
  std::atomic<bool> too_many{false};
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(group.run([&] {
      if (++running > 3) too_many = true;
      ++calls;
      --running;
    }));
  }
  EXPECT_EQ(group.wait({.timeout = patience}), am::Ended::fired);
  EXPECT_EQ(calls, 100);
  EXPECT_FALSE(too_many);
}

TEST(TaskGroup, allows_as_many_as_its_limit) {
  am::TaskGroup group{{.limit = 2}};
  std::counting_semaphore<> go_on{0};
  EXPECT_TRUE(group.try_run([&] { go_on.acquire(); }));
  EXPECT_TRUE(group.try_run([&] { go_on.acquire(); }));
  EXPECT_FALSE(group.try_run([] {}));
  EXPECT_TRUE(group.run([] {}));
  EXPECT_EQ(group.running(), 2U);
  EXPECT_EQ(group.waiting(), 1U);
  EXPECT_EQ(group.wait({.timeout = moment}), am::Ended::timeout);
  go_on.release(2);
  EXPECT_EQ(group.wait({.timeout = patience}), am::Ended::fired);
}

TEST(TaskGroup, runs_coroutines_on_an_executor) {
  am::Machine m{{{"Open", {}}}};
  const am::Api api = m;
  am::TaskGroup group{{.limit = 5, .executor = std::make_shared<am::ThreadExecutor>()}};
  std::atomic<int> passed{0};
  for (int i = 0; i < 8; ++i) {
    group.run([api, &passed]() -> am::Task<> {
      co_await api.when("Open");
      ++passed;
    });
  }
  EXPECT_EQ(group.running(), 5U);
  m.add("Open");
  EXPECT_EQ(group.wait({.timeout = patience}), am::Ended::fired);
  EXPECT_EQ(passed, 8);
}

TEST(TaskGroup, hands_on_what_tasks_throw) {
  am::Machine m{{{"A", {}}}};
  am::Api api = m;
  am::TaskGroup group{
      {.on_error = [api](auto error) mutable { api.add_error(am::error_info(error)); }}};
  group.run([] { throw std::runtime_error("lost"); });
  EXPECT_EQ(group.wait({.timeout = patience}), am::Ended::fired);
  EXPECT_EQ(m.last_error()->message, "lost");
}

TEST(TaskGroup, has_limits_and_an_end) {
  EXPECT_THROW(am::TaskGroup{{.limit = 0}}, am::Error);
  std::atomic<bool> late{false};
  std::binary_semaphore go_on{0};
  am::TaskGroup group{{.limit = 1, .waiting_limit = 1}};
  group.run([&] { go_on.acquire(); });
  EXPECT_TRUE(group.run([&] { late = true; }));
  EXPECT_FALSE(group.run([] {})) << "too many wait";
  go_on.release();
  group.wait({.timeout = patience});
  group.close();
  EXPECT_FALSE(group.run([] {}));
}

TEST(TaskGroup, does_not_count_what_an_executor_has_dropped) {
  const am::internal::OccupiedExecutor occupied;
  am::TaskGroup group{{.limit = 2, .executor = occupied.executor}};
  group.run([] { ADD_FAILURE() << "ran"; });
  group.run([]() -> am::Task<> {
    ADD_FAILURE() << "ran";
    co_return;
  });
  EXPECT_EQ(group.running(), 2U);
  occupied.executor->stop(0ms);
  group.close();
  EXPECT_EQ(group.wait({.timeout = 1s}), am::Ended::fired);
  EXPECT_EQ(group.running(), 0U);
}

#ifdef __GLIBC__
TEST(TaskGroup, goes_on_with_the_threads_that_it_has) {
  std::binary_semaphore go_on{0};
  am::TaskGroup group;
  {
    const am::internal::NoMoreThreads none;
    EXPECT_THROW(group.run([] {}), std::system_error);
  }
  EXPECT_EQ(group.running() + group.waiting(), 0U);
  EXPECT_TRUE(group.run([&] { go_on.acquire(); }));
  {
    const am::internal::NoMoreThreads none;
    EXPECT_TRUE(group.run([] {}));
    EXPECT_EQ(group.running(), 1U);
    go_on.release();
    EXPECT_EQ(group.wait({.timeout = patience}), am::Ended::fired);
  }
}
#endif

TEST(TaskGroup, does_not_wait_for_itself) {
  am::TaskGroup group{{.limit = 1}};
  am::TaskGroup other;
  std::atomic<bool> refused{false};
  group.run([&] {
    EXPECT_EQ(other.wait({.timeout = patience}), am::Ended::fired);
    try {
      group.wait();
    } catch (const am::Error& error) {
      refused = error.code() == am::Errc::would_deadlock;
    }
  });
  EXPECT_EQ(group.wait({.timeout = patience}), am::Ended::fired);
  EXPECT_TRUE(refused);
}

TEST(Condition, holds_when_every_part_does) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}};
  m.add({"A", "B"});
  EXPECT_TRUE(am::Condition{}.check(m));
  EXPECT_TRUE((am::Condition{.is = {"A", "B"}, .any = {"B", "C"}, .is_not = {"C"}}.check(m)));
  EXPECT_FALSE((am::Condition{.is = {"A", "C"}}.check(m)));
  EXPECT_FALSE((am::Condition{.any = {"C"}}.check(m)));
  EXPECT_FALSE((am::Condition{.is_not = {"A"}}.check(m)));
  EXPECT_TRUE((am::Condition{.clock = {{"A", am::Tick{1}}}}.check(m)));
  EXPECT_FALSE((am::Condition{.clock = {{"A", am::Tick{2}}}}.check(m)));
  EXPECT_FALSE((am::Condition{.any = {"C"}}.empty()));
  EXPECT_THROW((am::Condition{.is = {"Nope"}}.check(m)), am::Error);
}

}  // namespace
