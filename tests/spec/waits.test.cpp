// Specification 12.6: waits and contexts.
#include "support.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

namespace {

using am::Ended;
using am::Result;
using spec::order;
using spec::plain;
using spec::text;

am::Args args(std::string name, std::string value) {
  return am::Args{}.with(std::move(name), am::Value{std::move(value)});
}

TEST(When, EndsWhenAnotherThreadCompletesTheStates) {
  auto m = plain();
  std::jthread other;
  m.on("AState", [&](am::Event&) {
    other = std::jthread([&] {
      m.add("B");
      m.add("C");
    });
  });
  m.set("A");
  ASSERT_EQ(m.when({"B", "C"}).wait_for(spec::patience), Ended::fired);
  EXPECT_TRUE(m.is({"A", "B", "C"}));
}

TEST(When, WakesEveryThreadThatWaits) {
  auto m = plain();
  std::atomic<int> woken{0};
  {
    std::vector<std::jthread> threads;
    std::latch waiting(3);
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        const auto wait = m.when({"A", "B"});
        waiting.arrive_and_wait();
        woken += wait.wait_for(spec::patience) == Ended::fired ? 1 : 0;
      });
    }
    waiting.arrive_and_wait();
    m.add({"A", "B"});
  }
  EXPECT_EQ(woken, 2);
}

TEST(When, IsOverAtOnceForAnActiveState) {
  auto m = plain({"A"});
  EXPECT_TRUE(m.when("A").done());
}

TEST(When, OfOneStateIsNotAffectedByThoseOfMore) {
  auto m = plain();
  const auto one = m.when("A");
  const auto with_b = m.when({"A", "B"});
  const auto with_c = m.when({"A", "C"});
  m.set("A");
  EXPECT_TRUE(one.done());
  EXPECT_FALSE(with_b.done());
  EXPECT_FALSE(with_c.done());
}

TEST(WhenNot, EndsWhenAnotherThreadRemovesTheStates) {
  auto m = plain({"B", "C"});
  std::jthread other;
  m.on("AState", [&](am::Event&) {
    other = std::jthread([&] {
      m.remove("B");
      m.remove("C");
    });
  });
  m.add("A");
  EXPECT_EQ(m.when_not({"B", "C"}).wait_for(spec::patience), Ended::fired);
  EXPECT_EQ(m.when_not("B").wait_for(spec::patience), Ended::fired);
  EXPECT_EQ(order(m), "A");
}

TEST(WhenNot, WakesEveryThreadThatWaits) {
  auto m = plain({"A", "B"});
  std::atomic<int> woken{0};
  {
    std::vector<std::jthread> threads;
    std::latch waiting(3);
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        const auto wait = m.when_not({"A", "B"});
        waiting.arrive_and_wait();
        woken += wait.wait_for(spec::patience) == Ended::fired ? 1 : 0;
      });
    }
    waiting.arrive_and_wait();
    m.remove({"A", "B"});
  }
  EXPECT_EQ(woken, 2);
}

TEST(WhenNot, IsOverAtOnceForAnInactiveState) {
  auto m = plain({"A"});
  EXPECT_TRUE(m.when_not("B").done());
}

TEST(AContext, MadeInAHandlerEndsWithTheActivation) {
  auto m = plain();
  std::stop_token context;
  m.on("AState", [&](am::Event& e) { context = e.machine().while_active("A"); });
  m.add("A");
  EXPECT_FALSE(context.stop_requested());
  m.remove("A");
  EXPECT_TRUE(context.stop_requested());
}

TEST(AContext, OfAnInactiveStateIsOver) {
  auto m = plain();
  EXPECT_TRUE(m.while_active("B").stop_requested());
  m.add("B");
  EXPECT_FALSE(m.while_active("B").stop_requested());
}

TEST(AContext, OfAMultiStateEndsWhenItIsActivatedAgain) {
  auto m = spec::machine({{"A"}, {"M", {.multi = true}}, {"B"}}, {"M"});
  const auto context = m.while_active("M");
  EXPECT_EQ(context, m.while_active("M"));
  m.add("B");
  EXPECT_FALSE(context.stop_requested());
  m.add("M");
  EXPECT_TRUE(context.stop_requested());
}

TEST(WhenArgs, IgnoresOtherValues) {
  am::Machine m{spec::related_schema()};
  const auto wait = m.when_args("B", args("foo", "bar"));
  m.add("B", args("foo", "foo"));
  EXPECT_FALSE(wait.done());
  m.add("B", args("foo", "bar"));
  EXPECT_TRUE(wait.done());
}

TEST(WhenArgs, CountsImpliedStates) {
  am::Machine m{{{"A", {.add = {"B"}}}, {"B"}}};
  const auto wait = m.when_args("B", args("x", "1"));
  m.add("A", args("x", "1"));
  EXPECT_TRUE(wait.done());
}

TEST(WhenArgs, DoesNotFireWhenTheHandlerThrows) {
  am::Machine m{{{"A"}}};
  m.on("AState", [](am::Event&) { throw std::runtime_error("broken"); });
  const auto wait = m.when_args("A", args("x", "1"));
  m.add("A", args("x", "1"));
  EXPECT_FALSE(wait.done());
}

TEST(WhenArgs, OfWeakerAndStrongerConditionsAreApart) {
  am::Machine m{{{"A"}}};
  const auto strong = m.when_args("A", args("a", "1").with("b", am::Value{"2"}));
  const auto weak = m.when_args("A", args("a", "1"));
  m.add("A", args("a", "1"));
  EXPECT_TRUE(weak.done());
  EXPECT_FALSE(strong.done());
}

TEST(WhenTime, EndsWhenTheClockGetsThere) {
  auto m = plain({"A", "B"});
  const auto five = m.when_time("A", am::Tick{5});
  const auto nine = m.when_time("A", am::Tick{9});
  m.remove({"A", "B"}), m.add({"A", "B"});
  EXPECT_FALSE(five.done());
  m.remove("A"), m.add("A");
  EXPECT_TRUE(five.done());
  EXPECT_FALSE(nine.done());
  for (int i = 0; i < 2; ++i) m.remove("A"), m.add("A");
  EXPECT_TRUE(nine.done());
}

TEST(WhenTime, OfAnUnknownStateThrows) {
  auto m = plain();
  EXPECT_THROW((void)m.when_time("Nope", am::Tick{1}), am::Error);
}

TEST(WhenQuery, IsLookedAtAfterEachChange) {
  auto m = plain({"A"});
  const auto fourfold =
      m.when_query([](const am::Time& t) { return t[0].value > 4 * t[1].value && t[1].value > 0; });
  const auto less = m.when_query([](const am::Time& t) { return t[0] < t[1]; });
  m.add("B");
  m.remove("A"), m.add("A"), m.remove("A");
  EXPECT_FALSE(fourfold.done());
  m.add("A");
  EXPECT_TRUE(fourfold.done());
  EXPECT_FALSE(less.done());
}

TEST(WhenQuery, ThatHoldsIsOverAtOnce) {
  auto m = plain();
  EXPECT_TRUE(m.when_query([](const am::Time&) { return true; }).done());
}

TEST(Waits, FireInTheirOrderDuringATransition) {
  auto m = spec::machine({{"A"}, {"B", {.automatic = true, .require = {"A"}}}, {"C"}}, {"C"});
  const auto when = m.when("A");
  const auto when_not = m.when_not("C");
  const auto when_time = m.when_time("A", am::Tick{1});
  const auto when_args = m.when_args("A", args("x", "1"));
  const auto context = m.while_active("C");
  std::vector<std::string> seen;
  for (const auto* name : {"AEnter", "AnyEnter", "CEnd", "AState", "AnyState", "BEnter"}) {
    m.on(name, [&](am::Event& e) {
      if (e.transition().automatic && e.name() != "BEnter") return;
      seen.push_back(fmt::format("{}: context {} args {} when {} {} {}", e.name(),
                                 context.stop_requested(), when_args.done(), when.done(),
                                 when_not.done(), when_time.done()));
    });
  }
  m.set("A", args("x", "1"));
  EXPECT_EQ(seen,
            (std::vector<std::string>{"AEnter: context false args false when false false false",
                                      "AnyEnter: context false args false when false false false",
                                      "CEnd: context true args false when false false false",
                                      "AState: context true args false when false false false",
                                      "AnyState: context true args true when false false false",
                                      "BEnter: context true args true when true true true"}));
}

TEST(When, IsNotFooledByASwap) {
  auto m = spec::machine({{"A"}, {"B", {.remove = {"A"}}}}, {"A"});
  const auto wait = m.when({"A", "B"});
  m.add("B");
  EXPECT_FALSE(wait.done());
}

TEST(When, OutlivesAnotherWaitOnTheSameState) {
  auto m = plain();
  auto dropped = m.when({"A", "B"});
  const auto kept = m.when("A");
  dropped = {};
  m.add("C");
  m.add("A");
  EXPECT_TRUE(kept.done());
}

TEST(Wait, ThatIsStoppedEndsAtOnce) {
  auto m = plain();
  std::stop_source stop;
  const auto wait = m.when("C");
  stop.request_stop();
  EXPECT_EQ(wait.wait(stop.get_token()), Ended::stopped);
}

TEST(Waits, ForNothingAreOverAtOnce) {
  auto m = plain();
  EXPECT_TRUE(m.when(am::StateList{}).done());
  EXPECT_TRUE(m.when_not(am::StateList{}).done());
  EXPECT_TRUE(m.when_ticks("C", 0).done());
  EXPECT_TRUE(m.when_queue(am::QueueTick{0}).done());
  EXPECT_TRUE(m.when_queue(am::QueueTick{1}).done());
  EXPECT_TRUE(m.when_queue_ends().done());
}

TEST(WhenQueue, FiresForACanceledMutation) {
  am::Machine m{{{"A"}, {"B"}}};
  m.on("BEnter", [](am::Event&) { return false; });
  am::Wait wait;
  m.on("AState", [&](am::Event& e) {
    const auto result = e.machine().add("B");
    EXPECT_EQ(result.queue_tick().value, 3U);
    wait = e.machine().when_queue(result.queue_tick());
  });
  m.add("A");
  EXPECT_EQ(wait.ended(), Ended::fired);
}

TEST(WhenNextActive, SeesAMultiStateActivatedAgain) {
  auto m = spec::machine({{"M", {.multi = true}}}, {"M"});
  const auto wait = m.when_next_active("M");
  EXPECT_FALSE(wait.done());
  m.add("M");
  EXPECT_TRUE(wait.done());
}

}  // namespace
