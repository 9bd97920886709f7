// Specification 12.4: what happens when handlers throw, and errors that are added.
#include "support.hpp"

#include <gtest/gtest.h>

namespace {

using am::Result;
using spec::Handlers;
using spec::order;
using spec::plain;
using spec::text;
using spec::tick;

TEST(AThrowingHandler, OfTheNegotiationCancelsAndAddsException) {
  auto m = plain({"A"});
  Handlers handlers(m, "BEnter");
  handlers.fail("BEnter");
  EXPECT_EQ(m.add("B"), (Result{Result::canceled, am::Reason::error}));
  EXPECT_EQ(text(m), "(A:1 Exception:1) [B:0 C:0 D:0]");
}

TEST(AThrowingHandler, OfTheFinalPhaseRollsBackItsStateAndLaterOnes) {
  auto m = plain();
  Handlers handlers(m, "BState");
  handlers.fail("BState");
  EXPECT_EQ(m.add({"A", "B", "C"}), Result::canceled);
  EXPECT_TRUE(m.is({"A", "Exception"}));
  EXPECT_EQ(tick(m, "B"), 2U);
  EXPECT_EQ(tick(m, "C"), 2U);
  EXPECT_EQ(m.last_error()->message, "BState fails");
  EXPECT_EQ(m.last_error()->where, "BState");
}

struct Throwing {
  const char* handler;
  const char* after;
};

class AThrowing : public testing::TestWithParam<Throwing> {};

TEST_P(AThrowing, HandlerLeavesWhatItsPlaceInTheTransitionSays) {
  auto m = spec::machine({{"A"}, {"B"}, {"C"}}, {"A", "C"});
  Handlers handlers(m, GetParam().handler);
  handlers.fail(GetParam().handler);
  EXPECT_EQ(m.set({"B", "C"}), (Result{Result::canceled, am::Reason::error}));
  EXPECT_EQ(text(m), GetParam().after);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, AThrowing,
                         testing::Values(Throwing{"AExit", "(A:1 C:1 Exception:1) [B:0]"},
                                         Throwing{"BEnter", "(A:1 C:1 Exception:1) [B:0]"},
                                         Throwing{"CC", "(A:1 C:1 Exception:1) [B:0]"},
                                         Throwing{"CB", "(A:1 C:1 Exception:1) [B:0]"},
                                         Throwing{"AnyEnter", "(A:1 C:1 Exception:1) [B:0]"},
                                         Throwing{"AEnd", "(B:1 C:1 Exception:1) [A:2]"},
                                         Throwing{"BState", "(C:1 Exception:1) [A:2 B:2]"},
                                         Throwing{"AnyState", "(B:1 C:1 Exception:1) [A:2]"}),
                         [](const auto& place) { return std::string(place.param.handler); });

am::Machine with_multi() {
  return spec::machine({{"A"}, {"B"}, {"C"}, {"M", {.multi = true}}}, {"A", "M"});
}

TEST(ARollBack, TicksMultiStatesOnce) {
  auto m = with_multi();
  Handlers handlers(m, "BState");
  handlers.fail("BState");
  m.add({"C", "M", "B"});
  EXPECT_EQ(text(m), "(A:1 C:1 M:3 Exception:1) [B:2]");
}

TEST(ARollBack, ShowsTracersTheLastTicks) {
  auto m = with_multi();
  Handlers handlers(m, "BState");
  handlers.fail("BState");
  struct Last final : am::Tracer {
    void transition_end(const am::Transition& t) override {
      for (const auto& change : t.changes) {
        if (t.name(change.state) == "B") after = change.after.value;
      }
    }
    std::uint64_t after = 0;
  };
  const auto last = std::make_shared<Last>();
  m.trace(last);
  m.add({"C", "M", "B"});
  EXPECT_EQ(last->after, 2U);
}

TEST(ARollBack, OfAnyStateDoesNotTickAgain) {
  auto m = spec::machine({{"M", {.multi = true}}}, {"M"});
  int calls = 0;
  m.on("AnyState", [&](am::Event&) {
    if (calls++ == 0) throw std::runtime_error("once");
  });
  m.add("M");
  EXPECT_EQ(tick(m, "M"), 3U);
}

TEST(ARollBack, FiresWaitsForWhatStays) {
  auto m = with_multi();
  Handlers handlers(m, "BState");
  handlers.fail("BState");
  const auto wait = m.when("C");
  m.add({"C", "M", "B"});
  EXPECT_TRUE(wait.done());
}

TEST(AThrowingHandler, OfExceptionIsRecordedAndTheMachineGoesOn) {
  auto m = plain();
  Handlers handlers(m, "ExceptionState AState");
  handlers.fail("ExceptionState");
  m.add_error({"first"});
  EXPECT_EQ(m.last_error()->message, "ExceptionState fails");
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_EQ(handlers.count("AState"), 1U);
}

TEST(AThrowingHandler, StopsTheOtherBindingsOfItsName) {
  auto m = plain();
  Handlers first(m, "AState");
  Handlers second(m, "AState");
  first.fail("AState");
  m.add("A");
  EXPECT_EQ(second.called(), "");
}

TEST(AddError, ActivatesTheStateAndException) {
  auto m = plain();
  const auto wait = m.when_error();
  m.add_error({"broken"}, "B");
  EXPECT_TRUE(m.is({"B", "Exception"}));
  EXPECT_TRUE(wait.done());
  m.add_error({"again"});
  EXPECT_EQ(tick(m, "Exception"), 3U);
  EXPECT_EQ(m.last_error()->message, "again");
}

TEST(AddError, InTheHandlersOfExceptionRunsAgain) {
  auto m = plain();
  int calls = 0;
  m.on("ExceptionState", [&](am::Event& e) {
    if (++calls < 5) e.machine().add_error({"another"});
  });
  m.add_error({"first"});
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(tick(m, "Exception"), 9U);
}

TEST(LastError, StaysWhenExceptionIsRemoved) {
  auto m = plain();
  m.add_error({"broken"});
  m.remove("Exception");
  EXPECT_FALSE(m.is("Exception"));
  EXPECT_EQ(m.last_error()->message, "broken");
}

TEST(LastError, KeepsTheExceptionThatWasThrown) {
  struct Sentinel : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  auto m = plain();
  m.on("AState", [](am::Event&) { throw Sentinel("mine"); });
  m.add("A");
  EXPECT_THROW(std::rethrow_exception(m.last_error()->cause), Sentinel);
}

TEST(AStateThatRequiresException, GoesWithIt) {
  am::Machine m{{{"Err", {.require = {"Exception"}}}}};
  m.add_error({"broken"}, "Err");
  EXPECT_TRUE(m.is({"Err", "Exception"}));
  m.remove("Exception");
  EXPECT_TRUE(m.is_not({"Err", "Exception"}));
}

TEST(HandlersOfException, BoundLaterSeeLaterErrors) {
  auto m = plain();
  m.add_error({"early"});
  Handlers handlers(m, "ExceptionState");
  EXPECT_EQ(handlers.called(), "");
  m.add_error({"late"});
  EXPECT_EQ(handlers.called(), "ExceptionState");
  EXPECT_EQ(tick(m, "Exception"), 3U);
}

}  // namespace
