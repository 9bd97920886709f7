#include <am/helpers/state_loop.hpp>

#include <am/machine.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

class Looping : public ::testing::Test {
 protected:
  std::shared_ptr<am::FakeTimers> timers = std::make_shared<am::FakeTimers>();
  am::Machine m{{{"Loop", {.require = {"Start"}}},
                 {"Start", {}},
                 {"Retry", {.multi = true, .require = {"Loop"}}},
                 {"Other", {.multi = true}}},
                {.timers = timers}};

  void SetUp() override { m.add({"Start", "Loop"}); }
  void grow(am::StateRef state, int times) {
    for (int i = 0; i < times; ++i) m.add(state);
  }
};

TEST_F(Looping, goes_on_while_its_state_is_active) {
  am::StateLoop loop{m, "Loop"};
  EXPECT_TRUE(loop.ok());
  m.remove("Loop");
  EXPECT_FALSE(loop.ok());
  m.add("Loop");
  EXPECT_FALSE(loop.ok()) << "what ended stays ended";
  EXPECT_FALSE(m.is("Exception"));
}

TEST_F(Looping, ends_when_told_so) {
  am::StateLoop broken{m, "Loop"};
  broken.end();
  EXPECT_FALSE(broken.ok());
  bool go_on = true;
  am::StateLoop checked{m, "Loop", {.check = [&] { return go_on; }}};
  EXPECT_TRUE(checked.ok());
  go_on = false;
  EXPECT_FALSE(checked.ok());
  std::stop_source source;
  am::StateLoop stopped{m, "Loop", {.stop = source.get_token()}};
  EXPECT_TRUE(stopped.ok());
  source.request_stop();
  EXPECT_FALSE(stopped.ok());
  EXPECT_FALSE(m.is("Exception"));
}

TEST_F(Looping, is_ended_with_an_error_when_related_states_run_wild) {
  am::StateLoop loop{m, "Loop", {.threshold = 100, .window = 1s}};
  grow("Other", 200);
  EXPECT_TRUE(loop.ok()) << "not related";
  grow("Retry", 50);
  EXPECT_TRUE(loop.ok());
  grow("Retry", 2);
  EXPECT_FALSE(loop.ok());
  EXPECT_TRUE(m.is("Exception"));
  EXPECT_EQ(m.last_error()->where, "Loop");
}

TEST_F(Looping, counts_the_growth_within_a_window_not_the_sum) {
  grow("Retry", 1000);
  am::StateLoop loop{m, "Loop", {.threshold = 100, .window = 1s}};
  EXPECT_GE(loop.sum(), 2000U);
  for (int i = 0; i < 20; ++i) {
    grow("Retry", 40);
    EXPECT_TRUE(loop.ok());
    timers->advance(1s);
    EXPECT_TRUE(loop.ok());
  }
}

TEST_F(Looping, needs_a_state_of_the_machine) {
  EXPECT_THROW((am::StateLoop{m, "Nope"}), am::Error);
}

}  // namespace
