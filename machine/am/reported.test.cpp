// What once went wrong, each as the test that shows it.
#include <am/machine.hpp>
#include <am/task.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <thread>

namespace {

using namespace std::chrono_literals;
using am::Reason;
using am::Result;

/// Far longer than anything here takes.
constexpr auto patience = 30s;

TEST(Reported, a_handler_that_binds_another_does_not_hide_the_vetoes_after_it) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}};
  m.on_enter("A", [&](am::Event&) {
    m.on_state("B", [](am::Event&) {});
    return true;
  });
  m.on_enter("C", [](am::Event&) { return false; });
  EXPECT_EQ(m.add({"A", "B", "C"}), Result::canceled);
  EXPECT_FALSE(m.is("C"));
}

/// An argument whose destructor does something.
struct Last {
  std::shared_ptr<std::function<void()>> fn;
  explicit Last(std::function<void()> function)
      : fn(new std::function<void()>(std::move(function)), [](std::function<void()>* last) {
          (*last)();
          delete last;
        }) {}
};

TEST(Reported, arguments_may_use_the_machine_when_they_go) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"Gone", {.multi = true}}}};
  m.on_state("A", [&](am::Event&) {
    m.can_add("B", Last([&] { m.add("Gone"); }));
    m.add("B", Last([&] { m.add("Gone"); }));
  });
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_TRUE(m.is("Gone"));
}

TEST(Reported, arguments_of_a_queued_mutation_do_not_keep_the_machine) {
  const auto token = std::make_shared<int>(0);
  {
    struct Kept {
      am::Api machine;
      std::shared_ptr<int> token;
    };
    am::Machine m{{{"A", {}}, {"B", {}}}};
    m.on_state("A", [&](am::Event&) { m.add("B", Kept{m, token}); });
    m.add("A");
    EXPECT_TRUE(m.is("B"));
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Reported, handlers_may_use_the_machine_when_they_are_detached) {
  am::Machine m{{{"A", {}}}};
  std::optional<am::ErrorInfo> seen;
  Last last([&] { seen = m.last_error(); });
  const auto id = m.on_state("A", [kept = last](am::Event&) {});
  last.fn.reset();
  m.add_error({"first"});
  EXPECT_TRUE(m.detach(id));
  m.add("A");  // the drainer lets go of what it has seen last
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->message, "first");
}

TEST(Reported, a_machine_may_be_destroyed_by_what_its_disposal_calls) {
  auto m = std::make_unique<am::Machine>(am::Schema{{"A", {}}});
  m->on_dispose([&] { m.reset(); });
  m->dispose();
  EXPECT_EQ(m, nullptr);
}

TEST(Reported, the_destructor_waits_for_a_disposal_that_goes_on_elsewhere) {
  std::atomic<bool> finished{false};
  std::latch begun{1};
  std::jthread other;
  {
    am::Machine m{{{"A", {}}}};
    m.on_dispose([&] {
      begun.count_down();
      std::this_thread::yield();
      finished = true;
    });
    other = std::jthread([&, handle = am::Api(m)] {
      m.on_state("A", [&](am::Event&) { m.dispose(); });
      auto mine = handle;
      mine.add("A");
    });
    begun.wait();
  }
  EXPECT_TRUE(finished);
}

TEST(Reported, two_machines_whose_handlers_ask_each_other_do_not_wait_for_ever) {
  am::Machine a{{{"Go", {}}, {"Asked", {}}}};
  am::Machine b{{{"Go", {}}, {"Asked", {}}}};
  std::latch both{2};
  a.on_state("Go", [&](am::Event&) {
    both.arrive_and_wait();
    b.can_add("Asked");
  });
  b.on_state("Go", [&](am::Event&) {
    both.arrive_and_wait();
    a.can_add("Asked");
  });
  auto other = std::async(std::launch::async, [&] { b.add("Go"); });
  a.add("Go");
  EXPECT_EQ(other.wait_for(patience), std::future_status::ready);
}

TEST(Reported, a_queue_without_room_takes_mutations_once_the_machine_is_idle) {
  am::Machine m{{{"A", {}}, {"B", {}}}, {.queue_limit = 0, .queue_full = am::QueueFull::block}};
  std::latch busy{1};
  std::latch go_on{1};
  m.on_state("A", [&](am::Event&) {
    busy.count_down();
    go_on.wait();
  });
  auto first = std::async(std::launch::async, [&] { return m.add("A"); });
  busy.wait();
  auto second = std::async(std::launch::async, [&] { return m.add("B"); });
  go_on.count_down();
  EXPECT_EQ(first.get(), Result::executed);
  ASSERT_EQ(second.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(second.get(), Result::executed);
}

TEST(Reported, evals_are_not_among_the_queued_mutations) {
  am::Machine m{{{"A", {}}}};
  std::latch asked{1};
  std::jthread other;
  m.on_state("A", [&](am::Event&) {
    other = std::jthread([&] {
      asked.count_down();
      m.eval([] {}, patience);
    });
    asked.wait();
    EXPECT_TRUE(m.queue().empty());
  });
  EXPECT_EQ(m.add("A"), Result::executed);
}

TEST(Reported, durations_beyond_what_a_clock_can_hold_do_not_come) {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{{{"A", {}}},
                {.timers = timers, .handler_timeout = std::chrono::milliseconds::max()}};
  m.on_state("A", [](am::Event&) {});
  const auto never = m.add_after(std::chrono::hours::max(), "A");
  m.add_every(std::chrono::hours::max(), "A");
  timers->advance(1h);
  EXPECT_FALSE(m.is("A"));
  EXPECT_EQ(m.add("A"), Result::executed);
}

TEST(Reported, a_loop_over_waits_ends_with_the_machine) {
  auto m = std::make_unique<am::Machine>(am::Schema{{"Job", {}}});
  m->add("Job");
  const am::Api handle = *m;
  m.reset();
  EXPECT_EQ(handle.when("Job").wait_for(patience), am::Ended::disposed);
  EXPECT_EQ(handle.when_query([](const am::Time&) { return true; }).wait_for(patience),
            am::Ended::disposed);
}

TEST(Reported, what_is_null_is_refused_where_it_is_given) {
  am::Machine m{{{"A", {}}}};
  EXPECT_THROW(m.on_state("A", std::function<void(am::Event&)>{}), am::Error);
  EXPECT_THROW(m.when("A").then(std::shared_ptr<am::Executor>{}, [] {}), am::Error);
}

}  // namespace
