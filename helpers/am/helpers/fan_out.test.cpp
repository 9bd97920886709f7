#include <am/helpers/fan_out.hpp>

#include <am/helpers/internal/no_more_threads.hpp>
#include <am/helpers/internal/occupied_executor.hpp>
#include <am/testing.hpp>
#include <am/thread_executor.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

am::Schema schema(std::size_t total) { return am::fan_out_schema({{"Ready", {}}}, "Fetch", total); }

TEST(FanOut, is_done_when_all_tasks_are) {
  am::Machine m{schema(9)};
  std::atomic<int> calls{0};
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  const am::FanOut fetch{m, "Fetch", {.concurrency = 3}, [&](am::FanOutTask) {
                           const int now = ++running;
                           int seen = most;
                           while (seen < now && !most.compare_exchange_weak(seen, now)) {
                           }
                           ++calls;
                           --running;
                         }};
  EXPECT_EQ(calls, 0);
  m.add("Fetch");
  ASSERT_EQ(m.when("FetchDone").wait_for(patience), am::Ended::fired);
  EXPECT_EQ(calls, 9);
  EXPECT_LE(most, 3);
  EXPECT_FALSE(m.is("Fetch"));
  EXPECT_EQ(fetch.progress().done, 9U);
}

TEST(FanOut, starts_the_lowest_index_first) {
  am::Machine m{schema(5)};
  std::vector<std::size_t> order;
  const am::FanOut fetch{
      m, "Fetch", {.concurrency = 1}, [&](am::FanOutTask task) { order.push_back(task.index); }};
  m.add("Fetch");
  ASSERT_EQ(m.when("FetchDone").wait_for(patience), am::Ended::fired);
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(FanOut, lets_the_user_choose) {
  am::Machine m{schema(4)};
  std::vector<std::size_t> order;
  const am::FanOut fetch{m,
                         "Fetch",
                         {.concurrency = 1, .choose = [](auto waiting) { return waiting.back(); }},
                         [&](am::FanOutTask task) { order.push_back(task.index); }};
  m.add("Fetch");
  ASSERT_EQ(m.when("FetchDone").wait_for(patience), am::Ended::fired);
  EXPECT_EQ(order, (std::vector<std::size_t>{3, 2, 1, 0}));
}

TEST(FanOut, never_runs_more_than_the_limit_at_a_time) {
  am::Machine m{schema(6)};
  std::counting_semaphore<> go{0};
  const am::FanOut fetch{m, "Fetch", {.concurrency = 2}, [&](am::FanOutTask) { go.acquire(); }};
  m.add("Fetch");
  EXPECT_TRUE(m.is({"Fetch0", "Fetch1"}));
  EXPECT_TRUE(m.is_not({"Fetch2", "Fetch3", "Fetch4", "Fetch5"}));
  EXPECT_EQ(fetch.progress().running, 2U);
  go.release(6);
  ASSERT_EQ(m.when("FetchDone").wait_for(patience), am::Ended::fired);
}

TEST(FanOut, tells_of_a_task_that_fails_and_goes_on_with_the_others) {
  am::Machine m{schema(4)};
  std::atomic<bool> broken{true};
  const am::FanOut fetch{m, "Fetch", {.concurrency = 2}, [&](am::FanOutTask task) {
                           if (task.index == 1 && broken) throw std::runtime_error("no route");
                         }};
  const auto others = m.when({"Fetch0Done", "Fetch2Done", "Fetch3Done", "Exception"});
  m.add("Fetch");
  ASSERT_EQ(others.wait_for(patience), am::Ended::fired);
  EXPECT_EQ(m.last_error()->message, "no route");
  EXPECT_EQ(m.last_error()->where, "Fetch1");
  ASSERT_EQ(m.when_not("Fetch1").wait_for(patience), am::Ended::fired);
  EXPECT_FALSE(m.is("FetchDone"));
  broken = false;
  m.remove("Fetch");
  m.add("Fetch");
  EXPECT_EQ(m.when("FetchDone").wait_for(patience), am::Ended::fired);
}

TEST(FanOut, stops_its_tasks_when_the_state_goes_and_resumes_with_it) {
  am::Machine m{schema(3)};
  std::atomic<bool> patient{true};
  std::atomic<int> stopped{0};
  const am::FanOut fetch{m, "Fetch", {.concurrency = 2}, [&](am::FanOutTask task) {
                           while (patient && !task.stop.stop_requested()) std::this_thread::yield();
                           if (task.stop.stop_requested()) ++stopped;
                         }};
  m.add("Fetch");
  m.remove("Fetch");
  patient = false;
  m.add("Fetch");
  EXPECT_EQ(m.when("FetchDone").wait_for(patience), am::Ended::fired);
  EXPECT_LE(stopped, 2);
}

TEST(FanOut, runs_coroutines_on_one_executor) {
  am::Machine m{schema(6)};
  am::Machine gate{{{"Open", {}}}};
  const auto loop = std::make_shared<am::ThreadExecutor>();
  const am::Api gate_api = gate;
  const am::FanOut fetch{
      m, "Fetch", {.concurrency = 3, .executor = loop}, [gate_api](am::FanOutTask) -> am::Task<> {
        co_await gate_api.when("Open");
      }};
  m.add("Fetch");
  EXPECT_FALSE(m.is("FetchDone"));
  gate.add("Open");
  EXPECT_EQ(m.when("FetchDone").wait_for(patience), am::Ended::fired);
}

TEST(FanOut, is_run_again_after_a_reset) {
  am::Machine m{schema(3)};
  std::atomic<int> calls{0};
  am::FanOut fetch{m, "Fetch", {}, [&](am::FanOutTask) { ++calls; }};
  for (const int expected : {3, 6}) {
    m.add("Fetch");
    ASSERT_EQ(m.when("FetchDone").wait_for(patience), am::Ended::fired);
    EXPECT_EQ(calls, expected);
    EXPECT_EQ(fetch.reset().get(), am::Result::executed);
    EXPECT_FALSE(m.is("FetchDone"));
  }
}

TEST(FanOut, gets_through_a_short_queue) {
  am::Machine m{schema(50), {.queue_limit = 2}};
  const am::FanOut fetch{m, "Fetch", {.concurrency = 8}, [](am::FanOutTask) {}};
  m.add("Fetch");
  EXPECT_EQ(m.when("FetchDone").wait_for(patience), am::Ended::fired);
}

TEST(FanOut, may_outlive_its_machine_and_the_other_way_round) {
  std::optional<am::FanOut> left;
  {
    am::Machine m{schema(3)};
    left.emplace(m, "Fetch", am::FanOutOptions{}, [](am::FanOutTask task) {
      while (!task.stop.stop_requested()) std::this_thread::yield();
    });
    m.add("Fetch");
  }
  EXPECT_EQ(left->reset().get(), am::Result::canceled);
  left.reset();

  am::Machine m{schema(3)};
  {
    const am::FanOut gone{m, "Fetch", {}, [](am::FanOutTask) {}};
  }
  m.add("Fetch");
  EXPECT_FALSE(m.is("Fetch0"));
}

TEST(FanOut, says_what_is_wrong_with_its_schema) {
  am::Machine plain{{{"Fetch", {}}}};
  EXPECT_THROW((void)am::fan_out(plain, "Fetch", {}, [](am::FanOutTask) {}), am::Error);
  EXPECT_THROW(am::fan_out_schema({}, "Fetch", 0), am::Error);
}

TEST(FanOut, waits_until_its_machine_has_recovered_from_a_handler) {
  std::binary_semaphore ended{0};
  std::binary_semaphore go_on{0};
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{am::fan_out_schema({{"Stuck", {}}}, "Fetch", 1),
                {.timers = timers,
                 .handlers = am::HandlersRun::on_own_thread,
                 .handler_timeout = 500ms,
                 .handler_deadline = 1ms}};
  m.on_state("Stuck", [&](am::Event&) {
    go_on.acquire();
    ended.release();
  });
  std::binary_semaphore go{0};
  const am::FanOut fetch{m, "Fetch", {}, [&](am::FanOutTask) { go.acquire(); }};
  m.add("Fetch");
  EXPECT_EQ(fetch.progress().running, 1U);
  EXPECT_EQ(m.add("Stuck").reason(), am::Reason::timeout);
  EXPECT_EQ(m.add("Stuck").reason(), am::Reason::backoff);
  go.release();
  const auto done = m.when("FetchDone");
  for (int i = 0; i < 200 && done.wait_for(10ms) != am::Ended::fired; ++i) {
    timers->advance(100ms);
    EXPECT_EQ(fetch.progress().failed, 0U);
  }
  EXPECT_TRUE(done.done());
  go_on.release();
  ended.acquire();
}

TEST(FanOut, does_not_count_what_an_executor_has_dropped) {
  am::Machine m{schema(3)};
  const am::internal::OccupiedExecutor occupied;
  const am::FanOut fetch{
      m, "Fetch", {.concurrency = 2, .executor = occupied.executor}, [](am::FanOutTask) {
        ADD_FAILURE();
      }};
  m.add("Fetch");
  EXPECT_EQ(fetch.progress().running, 2U);
  occupied.executor->stop(0ms);
  EXPECT_EQ(fetch.progress().running, 0U);
  EXPECT_EQ(fetch.progress().failed, 3U);
  EXPECT_TRUE(m.is("Exception"));
  EXPECT_TRUE(m.is_not({"Fetch0", "Fetch1", "Fetch2"}));
}

TEST(FanOut, survives_what_validate_throws) {
  am::Machine m{schema(2), {.validate = [](const am::MutationRequest& request) -> bool {
                  if (request.args.get_if<am::ErrorInfo>() == nullptr) return true;
                  throw std::runtime_error("no errors here");
                }}};
  const am::FanOut fetch{m, "Fetch", {}, [](am::FanOutTask task) {
                           if (task.index == 0) throw std::runtime_error("no route");
                         }};
  const auto other = m.when("Fetch1Done");
  m.add("Fetch");
  EXPECT_EQ(other.wait_for(patience), am::Ended::fired);
  EXPECT_EQ(m.when_not("Fetch0").wait_for(patience), am::Ended::fired);
  EXPECT_FALSE(m.is("Exception"));
}

TEST(FanOut, takes_the_lowest_when_choosing_throws) {
  am::Machine m{schema(3)};
  std::vector<std::size_t> order;
  const am::FanOut fetch{
      m,
      "Fetch",
      {.concurrency = 1,
       .choose = [](auto) -> std::size_t { throw std::runtime_error("undecided"); }},
      [&](am::FanOutTask task) { order.push_back(task.index); }};
  m.add("Fetch");
  ASSERT_EQ(m.when("FetchDone").wait_for(1s), am::Ended::fired);
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2}));
}

#ifdef __GLIBC__
TEST(FanOut, tells_of_a_task_that_gets_no_thread) {
  am::Machine m{schema(2)};
  const am::FanOut fetch{m, "Fetch", {}, [](am::FanOutTask) {}};
  {
    const am::internal::NoMoreThreads none;
    m.add("Fetch");
  }
  EXPECT_EQ(fetch.progress().running, 0U);
  EXPECT_EQ(fetch.progress().failed, 2U);
  EXPECT_TRUE(m.is("Exception"));
  m.remove("Fetch");
  m.add("Fetch");
  EXPECT_EQ(m.when("FetchDone").wait_for(1s), am::Ended::fired);
}
#endif

}  // namespace
