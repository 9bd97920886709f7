#include <am/helpers/mutate.hpp>

#include <am/machine.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <semaphore>
#include <thread>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;
/// Long enough for a wait to be seen going on.
constexpr auto moment = 1ms;

am::Schema letters() {
  return {{"A", {}}, {"B", {.require = {"A"}}}, {"C", {.remove = {"D"}}}, {"D", {}}};
}

TEST(AddSync, is_true_only_if_the_states_are_there) {
  am::Machine m{letters()};
  EXPECT_TRUE(am::add_sync(m, {"A", "B"}));
  m.remove("A");
  EXPECT_FALSE(am::add_sync(m, "B")) << "B requires A";
  m.on_state("D", [](am::Event& e) { e.machine().remove("D"); });
  EXPECT_FALSE(am::add_sync(m, "D")) << "its own handler takes it away again";
}

TEST(RemoveSync, is_false_when_the_states_come_back) {
  am::Machine m{letters()};
  m.add({"A", "D"});
  EXPECT_TRUE(am::remove_sync(m, "A"));
  m.on_end("D", [](am::Event& e) { e.machine().add("D"); });
  EXPECT_FALSE(am::remove_sync(m, "D"));
}

TEST(RemoveSync, is_false_when_it_is_refused) {
  am::Machine m{letters()};
  m.add("A");
  m.on_exit("A", [](am::Event&) { return false; });
  EXPECT_FALSE(am::remove_sync(m, "A"));
}

TEST(AddSync, waits_for_the_queue_of_another_thread) {
  am::Machine m{letters()};
  std::binary_semaphore busy{0};
  std::binary_semaphore go_on{0};
  m.on_state("D", [&](am::Event&) {
    busy.release();
    go_on.acquire();
  });
  std::jthread other([&] { m.add("D"); });
  busy.acquire();
  EXPECT_FALSE(am::add_sync(m, "A", {}, {.timeout = moment}));
  go_on.release();
  EXPECT_TRUE(am::add_sync(m, {"A", "B"}, {}, {.timeout = patience}));
}

TEST(AddSync, throws_in_a_handler_of_the_same_machine) {
  am::Machine m{letters()};
  m.on_state("A", [](am::Event& e) { am::add_sync(e.machine(), "B"); });
  m.add("A");
  EXPECT_TRUE(m.is("Exception"));
}

TEST(AddAndWait, waits_for_the_next_activation) {
  am::Machine m{letters()};
  m.add("D");
  std::jthread other([&] {
    m.when("A").wait();
    m.remove("D");
    m.add("D");
  });
  const auto outcome = am::add_and_wait(m, "A", "D", {}, {.timeout = patience});
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(m.tick("D"), am::Tick{3});
}

TEST(AddAndWait, ends_when_the_mutation_is_refused) {
  am::Machine m{letters()};
  const auto outcome = am::add_and_wait(m, "B", "D");
  EXPECT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.result, am::Result::canceled);
}

TEST(AddAndWait, gives_up_after_its_timeout) {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{letters(), {.timers = timers}};
  const auto waiting = am::add_and_wait_async(m, "A", "D", {}, {.timeout = 1s});
  EXPECT_FALSE(waiting.done());
  timers->advance(1s);
  EXPECT_EQ(waiting.value()->ended, am::Ended::timeout);
  EXPECT_EQ(am::add_and_wait(m, "A", "D", {}, {.timeout = moment}).ended, am::Ended::timeout);
}

TEST(AddAndWait, may_be_started_in_a_handler) {
  am::Machine m{letters()};
  std::optional<am::Pending<am::AddedAndWaited>> waiting;
  m.on_state("C", [&](am::Event& e) { waiting = am::add_and_wait_async(e.machine(), "A", "A"); });
  m.add("C");
  ASSERT_TRUE(waiting && waiting->done());
  EXPECT_TRUE(waiting->value()->ok());
}

TEST(Ask, mutates_only_when_that_is_possible) {
  am::Machine m{letters()};
  int canceled = 0;
  struct Counter : am::Tracer {
    void transition_end(const am::Transition& transition) override {
      if (!transition.accepted && !transition.check) ++*count;
    }
    int* count = nullptr;
  };
  const auto counter = std::make_shared<Counter>();
  counter->count = &canceled;
  m.trace(counter);
  EXPECT_EQ(am::ask_add(m, "B"), am::Result::canceled);
  EXPECT_EQ(canceled, 0);
  EXPECT_EQ(am::ask_add(m, {"A", "B"}), am::Result::executed);
  m.on_exit("B", [](am::Event&) { return false; });
  EXPECT_EQ(am::ask_remove(m, "B"), am::Result::canceled);
  EXPECT_EQ(canceled, 0);
  EXPECT_TRUE(m.is("B"));
}

TEST(Ask, queues_in_a_handler) {
  am::Machine m{letters()};
  m.on_state("A", [](am::Event& e) { am::ask_add(e.machine(), "B"); });
  m.add("A");
  EXPECT_TRUE(m.is("B"));
}

TEST(Cant, tells_what_would_be_refused) {
  am::Machine m{letters()};
  EXPECT_TRUE(am::cant_add(m, "B"));
  EXPECT_FALSE(am::cant_add(m, "A"));
  m.add({"A", "D"});
  m.on_exit("A", [](am::Event&) { return false; });
  EXPECT_TRUE(am::cant_remove(m, "A"));
  EXPECT_FALSE(am::cant_remove(m, "D"));
}

TEST(Cant, throws_in_a_handler_of_the_same_machine) {
  am::Machine m{letters()};
  m.on_state("A", [](am::Event& e) { (void)am::cant_add(e.machine(), "B"); });
  m.add("A");
  EXPECT_TRUE(m.is("Exception"));
}

}  // namespace
