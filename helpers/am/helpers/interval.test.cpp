#include <am/helpers/interval.hpp>

#include <am/machine.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

class Timed : public ::testing::Test {
 protected:
  std::shared_ptr<am::FakeTimers> timers = std::make_shared<am::FakeTimers>();
  am::Machine m{
      {{"Typing", {.multi = true}}, {"Save", {.multi = true}}, {"Healthcheck", {.multi = true}}},
      {.timers = timers}};
};

using Interval = Timed;
using DebounceTest = Timed;

TEST_F(Interval, calls_until_the_function_says_no) {
  int calls = 0;
  const auto ended = am::interval(1s, [&] { return ++calls < 3; }, {.timers = timers});
  timers->advance(1s);
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(ended.done());
  timers->advance(10s);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(ended.value(), am::Ended::fired);
  EXPECT_EQ(timers->pending(), 0U);
}

TEST_F(Interval, ends_after_the_total_time) {
  int calls = 0;
  const auto ended = am::interval(2s, [&] { return ++calls > 0; }, {.total = 5s, .timers = timers});
  timers->advance(4s);
  EXPECT_EQ(calls, 2);
  EXPECT_FALSE(ended.done());
  timers->advance(1s);
  EXPECT_EQ(ended.value(), am::Ended::timeout);
  EXPECT_EQ(calls, 2);
}

TEST_F(Interval, is_stopped) {
  std::stop_source source;
  int calls = 0;
  const auto ended =
      am::interval(1s, [&] { return ++calls > 0; }, {.stop = source.get_token(), .timers = timers});
  timers->advance(1s);
  source.request_stop();
  EXPECT_EQ(ended.value(), am::Ended::stopped);
  timers->advance(10s);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(timers->pending(), 0U);
}

TEST_F(Interval, of_nothing_is_refused) {
  EXPECT_THROW(am::interval(0s, [] { return true; }), am::Error);
}

TEST_F(Interval, healthcheck_adds_its_state) {
  const auto beat = am::healthcheck(m, 30s);
  timers->advance(60s);
  EXPECT_EQ(m.tick("Healthcheck"), am::Tick{3});
  beat.cancel();
}

TEST_F(DebounceTest, adds_once_it_is_quiet) {
  am::Debounce save{m, "Save", 1s};
  for (int i = 0; i < 5; ++i) {
    save.poke();
    timers->advance(900ms);
    EXPECT_FALSE(m.is("Save"));
  }
  timers->advance(100ms);
  EXPECT_EQ(m.tick("Save"), am::Tick{1});
  timers->advance(10s);
  EXPECT_EQ(m.tick("Save"), am::Tick{1}) << "once";
  save.poke();
  timers->advance(1s);
  EXPECT_EQ(m.tick("Save"), am::Tick{3});
}

TEST_F(DebounceTest, is_canceled_and_ends_with_its_handle) {
  {
    am::Debounce save{m, "Save", 1s};
    EXPECT_FALSE(save.cancel());
    save.poke();
    EXPECT_TRUE(save.cancel());
    timers->advance(2s);
    save.poke();
  }
  timers->advance(2s);
  EXPECT_FALSE(m.is("Save"));
}

TEST_F(DebounceTest, watches_states) {
  am::Debounce save{m, "Save", 1s};
  save.watch(m, {"Typing"});
  m.add("Typing");
  timers->advance(500ms);
  m.add("Typing");
  timers->advance(900ms);
  EXPECT_FALSE(m.is("Save"));
  timers->advance(100ms);
  EXPECT_TRUE(m.is("Save"));
}

TEST_F(Interval, of_for_ever_never_calls) {
  timers->advance(1s);
  int calls = 0;
  const auto ended = am::interval(am::forever, [&] { return ++calls < 5; }, {.timers = timers});
  timers->advance(1h);
  EXPECT_EQ(calls, 0);
  EXPECT_FALSE(ended.done());
}

TEST_F(DebounceTest, of_for_ever_never_goes_off) {
  timers->advance(1s);
  am::Debounce save{m, "Save", am::forever};
  save.poke();
  timers->advance(1h);
  EXPECT_FALSE(m.is("Save"));
  EXPECT_EQ(timers->pending(), 0U);
  EXPECT_TRUE(save.cancel());
}

TEST_F(Interval, needs_a_function) {
  EXPECT_THROW(am::interval(1s, {}, {.timers = timers}), am::Error);
}

}  // namespace
