#include <am/helpers/retry.hpp>

#include <am/helpers/wait_all.hpp>
#include <am/machine.hpp>
#include <am/testing.hpp>
#include <am/thread_executor.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

am::Schema letters() { return {{"A", {}}, {"B", {}}}; }

std::vector<std::chrono::milliseconds> pauses(const am::RetryOptions& options) {
  std::vector<std::chrono::milliseconds> all;
  am::Backoff backoff(options);
  std::chrono::nanoseconds elapsed{0};
  while (const auto pause = backoff.next(elapsed)) {
    elapsed += *pause;
    all.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(*pause));
  }
  return all;
}

TEST(Backoff, doubles_up_to_the_longest_pause) {
  EXPECT_EQ(pauses({.retries = 6, .max_delay = 1s, .max_total = 1h, .jitter = 0}),
            (std::vector<std::chrono::milliseconds>{100ms, 200ms, 400ms, 800ms, 1s, 1s}));
}

TEST(Backoff, ends_within_the_total_time) {
  EXPECT_EQ(pauses({.jitter = 0}),
            (std::vector<std::chrono::milliseconds>{100ms, 200ms, 400ms, 800ms, 1600ms}));
  EXPECT_TRUE(pauses({.retries = 0}).empty());
}

TEST(Backoff, jitter_shortens_by_its_share_at_most) {
  const auto all = pauses({.retries = 1000,
                           .first_delay = 1s,
                           .max_delay = 1s,
                           .max_total = 10h,
                           .jitter = 0.5,
                           .seed = 7});
  ASSERT_EQ(all.size(), 1000U);
  const auto least = std::ranges::min(all);
  const auto most = std::ranges::max(all);
  EXPECT_GE(least, 500ms);
  EXPECT_LE(most, 1s);
  EXPECT_GT(most - least, 400ms);
}

TEST(Backoff, refuses_options_that_make_no_sense) {
  EXPECT_THROW(am::Backoff({.jitter = 1.5}), am::Error);
  EXPECT_THROW(am::Backoff({.first_delay = -1s}), am::Error);
}

TEST(Backoff, does_not_overflow) {
  EXPECT_EQ(pauses({.retries = 3,
                    .first_delay = std::chrono::nanoseconds::max(),
                    .max_delay = std::chrono::nanoseconds::max(),
                    .max_total = std::chrono::nanoseconds::max(),
                    .jitter = 0})
                .size(),
            1U);
}

TEST(Retry, goes_on_until_it_is_accepted) {
  am::Machine m{letters()};
  int refusals = 3;
  m.on_enter("A", [&](am::Event&) { return refusals-- == 0; });
  EXPECT_EQ(am::retry_add(m, "A", {}, {.first_delay = 1ns}), am::Result::executed);
  EXPECT_TRUE(m.is("A"));
}

TEST(Retry, gives_the_last_refusal_when_tries_run_out) {
  am::Machine m{letters()};
  int tries = 0;
  m.on_enter("A", [&](am::Event&) {
    ++tries;
    return false;
  });
  EXPECT_EQ(am::retry_add(m, "A", {}, {.retries = 4, .first_delay = 1ns}), am::Result::canceled);
  EXPECT_EQ(tries, 5);
}

TEST(Retry, leaves_a_machine_that_is_gone) {
  std::optional<am::Machine> owner(letters());
  const am::Api gone = *owner;
  owner.reset();
  EXPECT_EQ(am::retry_add(gone, "A", {}, {.first_delay = 1h, .max_total = 2h}).reason(),
            am::Reason::disposed);
}

TEST(Retry, is_stopped_in_a_pause) {
  am::Machine m{letters()};
  std::stop_source source;
  m.on_enter("A", [&](am::Event&) {
    source.request_stop();
    return false;
  });
  EXPECT_EQ(
      am::retry_add(m, "A", {}, {.first_delay = 1h, .max_total = 2h, .stop = source.get_token()}),
      am::Result::canceled);
}

TEST(Retry, takes_limits_in_any_unit_that_no_clock_can_count) {
  am::Machine m{letters()};
  int tries = 0;
  m.on_enter("A", [&](am::Event&) { return ++tries == 3; });
  EXPECT_EQ(am::retry_add(m, "A", {},
                          {.first_delay = 1ns,
                           .max_delay = std::chrono::milliseconds::max(),
                           .max_total = std::chrono::milliseconds::max()}),
            am::Result::executed);
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(am::wait_all({m.when("A")}, {.limits = {.timeout = std::chrono::hours::max()}}).ended,
            am::Ended::fired);
}

TEST(Retry, as_a_task_goes_by_the_machines_timers) {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{letters(), {.timers = timers}};
  std::atomic<int> tries{0};
  m.on_enter("A", [&](am::Event&) { return ++tries > 2; });
  const auto loop = std::make_shared<am::ThreadExecutor>();
  const auto task = am::spawn(
      loop, am::retry_async(m, [](am::Api& api) { return api.add_async("A"); }, {.jitter = 0}));
  while (!task.done()) {
    while (timers->pending() == 0 && !task.done()) std::this_thread::yield();
    timers->advance(1s);
  }
  ASSERT_TRUE(task.wait_for(patience));
  EXPECT_EQ(task.get(), am::Result::executed);
  EXPECT_EQ(tries, 3);
}

}  // namespace
