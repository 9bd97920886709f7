// Specification 12.4: transitions and handlers; what handlers throw is in transition_errors.test.
#include "support.hpp"

#include <am/testing.hpp>

#include <gtest/gtest.h>

namespace {

using am::Result;
using spec::Handlers;
using spec::order;
using spec::plain;
using spec::recorded;
using spec::text;
using spec::tick;

TEST(HandlerOrder, OfSetFromSeveralToOne) {
  auto m = plain({"A", "B"});
  Handlers handlers(m, recorded);
  m.set("C");
  EXPECT_EQ(order(m), "C");
  EXPECT_EQ(handlers.called(), "AExit BExit CEnter AC BC AnyEnter AEnd BEnd CState AnyState");
}

TEST(HandlerOrder, OfSetFromOneToSeveral) {
  auto m = plain({"A"});
  Handlers handlers(m, recorded);
  m.set({"B", "C"});
  EXPECT_EQ(order(m), "B C");
  EXPECT_EQ(handlers.called(), "AExit BEnter CEnter AB AC AnyEnter AEnd BState CState AnyState");
}

TEST(HandlerOrder, OfSetFromSeveralToSeveral) {
  auto m = plain({"A", "B"});
  Handlers handlers(m, recorded);
  m.set({"D", "C"});
  EXPECT_EQ(order(m), "D C");
  EXPECT_EQ(handlers.called(),
            "AExit BExit DEnter CEnter AD AC BD BC AnyEnter AEnd BEnd DState CState AnyState");
}

TEST(HandlerOrder, OfSetToWhatIsActive) {
  auto m = plain({"A", "B"});
  Handlers handlers(m, recorded);
  m.set("A");
  EXPECT_EQ(order(m), "A");
  EXPECT_EQ(handlers.called(), "BExit AA AnyEnter BEnd AnyState");
}

TEST(HandlerOrder, OfRemoveHasAllPairs) {
  auto m = plain({"C", "A", "B"});
  Handlers handlers(m);
  m.remove("A");
  EXPECT_EQ(handlers.called(), "AExit CB AC AB BC AnyEnter AEnd AnyState");
}

TEST(HandlerOrder, OfAddingWhatIsActiveHasSelfHandlersAndPairs) {
  auto m = plain({"C", "B"});
  Handlers handlers(m);
  const auto before = m.time();
  EXPECT_EQ(m.add("B"), Result::executed);
  EXPECT_EQ(m.time(), before);
  EXPECT_EQ(order(m), "B C");
  EXPECT_EQ(handlers.called(), "BB CC CB BC AnyEnter AnyState");
}

TEST(HandlerOrder, OfAMutationMadeByAHandlerFollows) {
  auto m = plain({"A"});
  Handlers handlers(m, recorded);
  Result nested;
  m.on("BEnter", [&](am::Event& e) { nested = e.machine().add("C"); });
  m.set("B", am::Args{}.with("note", am::Value{"x"}));
  EXPECT_EQ(nested, (Result{Result::queued, am::Reason::none, am::QueueTick{4}}));
  EXPECT_EQ(order(m), "C B");
  EXPECT_EQ(handlers.called(),
            "AExit BEnter AB AnyEnter AEnd BState AnyState CEnter BB BC AnyEnter CState AnyState");
}

TEST(Negotiation, IsRefusedByEnterOfSet) {
  auto m = plain({"A"});
  Handlers handlers(m, "DEnter");
  handlers.refuse("DEnter");
  const am::testing::Recorder seen(m);
  EXPECT_EQ(m.set("D"), (Result{Result::canceled, am::Reason::handler}));
  EXPECT_EQ(seen.difference({"set D canceled: DEnter refused"}), "");
  EXPECT_EQ(order(m), "A");
}

TEST(Negotiation, IsRefusedByEnterOfAdd) {
  auto m = plain({"A"});
  Handlers handlers(m, "DEnter");
  handlers.refuse("DEnter");
  const am::testing::Recorder seen(m);
  EXPECT_EQ(m.add("D"), Result::canceled);
  EXPECT_EQ(seen.difference({"add D canceled: DEnter refused"}), "");
  EXPECT_EQ(order(m), "A");
}

TEST(Negotiation, IsRefusedByExit) {
  auto m = plain({"A"});
  Handlers handlers(m, "AExit");
  handlers.refuse("AExit");
  const am::testing::Recorder seen(m);
  EXPECT_EQ(m.remove("A"), Result::canceled);
  EXPECT_EQ(seen.difference({"remove A canceled: AExit refused"}), "");
  EXPECT_EQ(order(m), "A");
}

TEST(Negotiation, IsRefusedByAPair) {
  auto m = plain({"A"});
  Handlers handlers(m, "AB");
  handlers.refuse("AB");
  EXPECT_EQ(m.add("B"), Result::canceled);
}

TEST(Negotiation, AsksAnyEnterLastAlsoForChecks) {
  auto m = plain({"A"});
  Handlers handlers(m);
  handlers.refuse("AnyEnter");
  EXPECT_EQ(m.add("B"), Result::canceled);
  EXPECT_EQ(handlers.called(), "BEnter AA AB AnyEnter");
  EXPECT_EQ(m.can_add("B"), Result::canceled);
  EXPECT_EQ(handlers.count("AnyEnter"), 1U);
}

TEST(Transitions, ShowHandlersWhatTheyAre) {
  auto m = plain({"A"});
  Handlers handlers(m, recorded);
  const auto names = [](const am::Transition& t, auto list) {
    std::string joined;
    for (const auto s : list) joined += t.name(s);
    return joined;
  };
  std::string entering;
  std::string entered;
  m.on("DEnter", [&](am::Event& e) {
    const auto& t = e.transition();
    entering = fmt::format("{} called {} before {} targets {} exits {} enters {}",
                           am::to_string(t.type), names(t, t.called), names(t, t.before),
                           names(t, t.targets), names(t, t.exits), names(t, t.enters));
  });
  m.on("DState", [&](am::Event& e) {
    for (const auto& change : e.transition().changes) {
      entered += fmt::format("{}:{}-{} ", e.transition().name(change.state), change.before.value,
                             change.after.value);
    }
  });
  m.set("D");
  EXPECT_EQ(entering, "set called D before A targets D exits A enters D");
  EXPECT_EQ(entered, "A:1-2 D:0-1 ");
  EXPECT_EQ(handlers.count("DEnter"), 1U);
}

TEST(Arguments, ReachHandlersOfEveryKindOfMutation) {
  auto m = plain({"A"});
  std::vector<std::string> seen;
  for (const auto* name : {"BEnter", "AExit", "CState"}) {
    m.on(name, [&seen](am::Event& e) {
      if (e.args().get_if("foo") != nullptr) seen.push_back(e.name());
    });
  }
  const auto args = am::Args{}.with("foo", am::Value{"bar"});
  m.add("B", args);
  m.remove("A", args);
  m.set("C", args);
  EXPECT_EQ(seen, (std::vector<std::string>{"BEnter", "AExit", "CState"}));
}

TEST(HandlersOfBothKinds, RunWhenAStateGoes) {
  auto m = plain({"A"});
  Handlers handlers(m, "AExit AEnd");
  m.remove("A");
  EXPECT_FALSE(m.is("A"));
  EXPECT_EQ(handlers.called(), "AExit AEnd");
}

TEST(SelfHandlers, CanRefuse) {
  auto m = plain({"A"});
  Handlers handlers(m, recorded);
  handlers.refuse("AA");
  m.set({"A", "B"});
  EXPECT_EQ(handlers.count("AA"), 1U);
  EXPECT_FALSE(m.is("B"));
}

TEST(SelfHandlers, ComeAfterEnterAndBeforePairs) {
  auto m = plain({"A"});
  Handlers handlers(m, recorded);
  m.set({"A", "B"});
  EXPECT_EQ(handlers.called(), "BEnter AA AB AnyEnter BState AnyState");
}

TEST(SelfHandlers, RunForEveryStateThatStays) {
  auto m = plain({"A"});
  Handlers handlers(m, recorded);
  m.add("B");
  m.add("A");
  EXPECT_EQ(handlers.count("AA"), 2U);
  EXPECT_EQ(handlers.count("BB"), 1U);
}

TEST(AutomaticStates, FollowAChange) {
  am::Machine m{{{"A"}, {"B", {.automatic = true, .require = {"A"}}}, {"C"}, {"D"}}};
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_TRUE(m.is({"A", "B"}));
}

TEST(AutomaticStates, DoNotFollowHealthChecks) {
  const auto after = [](const auto& mutate) {
    am::Machine m{
        {{"A", {.automatic = true}}, {"Heartbeat"}, {"Healthcheck", {.multi = true}}, {"Other"}}};
    mutate(m);
    return m.is("A");
  };
  EXPECT_FALSE(after([](am::Machine& m) { m.add("Heartbeat"); }));
  EXPECT_FALSE(after([](am::Machine& m) { m.add("Healthcheck"); }));
  EXPECT_TRUE(after([](am::Machine& m) { m.add("Other"); }));
  EXPECT_TRUE(after([](am::Machine& m) { m.set("Heartbeat"); }));
  EXPECT_TRUE(after([](am::Machine& m) { m.add({"Heartbeat", "Healthcheck"}); }));
}

TEST(AutomaticStates, ComeWithoutThoseThatCannot) {
  am::Machine m{{{"A", {.automatic = true}},
                 {"B", {.automatic = true, .require = {"C"}, .after = {"A"}}},
                 {"C"},
                 {"D"}}};
  EXPECT_EQ(m.add("D"), Result::executed);
  EXPECT_TRUE(m.is({"A", "D"}));
  EXPECT_FALSE(m.is("B"));
}

TEST(AutomaticStates, ComeWithoutOneThatAPairRefuses) {
  am::Machine m{{{"A", {.automatic = true}}, {"B", {.automatic = true}}, {"C"}}};
  Handlers handlers(m, "CB BState");
  handlers.refuse("CB");
  m.add("C");
  EXPECT_TRUE(m.is({"C", "A"}));
  EXPECT_FALSE(m.is("B"));
  EXPECT_EQ(handlers.called(), "CB");
}

TEST(AutomaticStates, ComeWithoutOneThatRefusesAndWhatItImplies) {
  am::Machine m{
      {{"A", {.automatic = true}}, {"B", {.automatic = true, .add = {"D"}}}, {"C"}, {"D"}}};
  Handlers handlers(m, "BEnter");
  handlers.refuse("BEnter");
  m.add("C");
  EXPECT_TRUE(m.is({"C", "A"}));
  EXPECT_TRUE(m.is_not({"B", "D"}));
}

TEST(AutomaticStates, StayAwayWhenASelfHandlerRefuses) {
  am::Machine m{{{"A", {.automatic = true}}, {"B", {.automatic = true}}, {"C"}}};
  Handlers handlers(m, "CC");
  handlers.refuse("CC");
  m.add("C");
  EXPECT_EQ(order(m), "C");
}

TEST(AutomaticStates, StayAwayWhenNoneOfThemCanCome) {
  am::Machine m{{{"A"},
                 {"B"},
                 {"C", {.automatic = true, .require = {"B"}}},
                 {"D", {.automatic = true, .require = {"B"}}}}};
  m.add("A");
  EXPECT_EQ(order(m), "A");
}

TEST(AutomaticStates, AreCanceledByAnExitEvenOfAnAutomaticState) {
  auto m = spec::machine({{"A", {.automatic = true, .require = {"C"}, .remove = {"B"}}},
                          {"B", {.automatic = true}},
                          {"C"},
                          {"D"}},
                         {"B"});
  Handlers handlers(m, "BExit");
  handlers.refuse("BExit");
  EXPECT_EQ(m.add("C"), Result::executed);
  EXPECT_TRUE(m.is({"B", "C"}));
  EXPECT_FALSE(m.is("A"));
}

TEST(AutomaticStates, AreCanceledTogetherByAnExit) {
  auto m = spec::machine({{"A", {.automatic = true, .require = {"C"}, .remove = {"B"}}},
                          {"B"},
                          {"C"},
                          {"E", {.automatic = true, .require = {"C"}}}},
                         {"B"});
  Handlers handlers(m, "BExit");
  handlers.refuse("BExit");
  m.add("C");
  EXPECT_EQ(text(m), "(B:1 C:1) [A:0 E:0 Exception:0]");
}

TEST(AutomaticStates, AreCanceledByTheSelfHandlerOfOneThatIsActive) {
  auto m = spec::machine(
      {{"A", {.automatic = true}}, {"B", {.automatic = true, .require = {"C"}}}, {"C"}}, {"A"});
  m.on("AA", [](am::Event& e) { return !e.transition().automatic; });
  EXPECT_EQ(m.add("C"), Result::executed);
  EXPECT_EQ(text(m), "(A:1 C:1) [B:0 Exception:0]");
}

TEST(AutomaticStates, ThatRemoveEachOtherAreDecidedByTheirIndex) {
  for (int i = 0; i < 20; ++i) {
    am::Machine m{{{"A", {.automatic = true, .remove = {"B"}}},
                   {"B", {.automatic = true, .remove = {"A"}}},
                   {"C"}}};
    m.add("C");
    EXPECT_TRUE(m.is("A"));
    EXPECT_FALSE(m.is("B"));
  }
}

TEST(AutomaticStates, ComeBackWhenTheyAreRemoved) {
  auto m = spec::machine({{"A", {.automatic = true}}, {"B"}}, {"A", "B"});
  m.remove("A");
  EXPECT_EQ(tick(m, "A"), 3U);
}

TEST(AutomaticStates, ThatAllRefuseMakeAnAcceptedTransition) {
  am::Machine m{{{"A", {.automatic = true}}, {"C"}}};
  Handlers handlers(m, "AEnter");
  handlers.refuse("AEnter");
  struct Last final : am::Tracer {
    void transition_end(const am::Transition& t) override {
      automatic = t.automatic;
      accepted = t.accepted;
    }
    bool automatic = false, accepted = false;
  };
  const auto last = std::make_shared<Last>();
  m.trace(last);
  m.add("C");
  EXPECT_EQ(order(m), "C");
  EXPECT_TRUE(last->automatic);
  EXPECT_TRUE(last->accepted);
}

TEST(AutomaticStates, ThatAreMultiAreNotActivatedAgain) {
  am::Machine m{{{"A", {.automatic = true, .multi = true}}, {"B"}}};
  m.add("B");
  m.remove("B");
  EXPECT_EQ(tick(m, "A"), 1U);
}

TEST(Bindings, RunNameByNameInTheirOrder) {
  auto m = plain();
  std::string log;
  const auto note = [&log](std::string text) {
    return [&log, text](am::Event& e) { log += text + e.name() + " "; };
  };
  m.bind({{"AEnter", am::detail::make_handler(note("1."))},
          {"AState", am::detail::make_handler(note("1."))}});
  const auto second = m.bind({{"AEnter", am::detail::make_handler(note("2."))},
                              {"AState", am::detail::make_handler(note("2."))}});
  m.add("A");
  EXPECT_EQ(log, "1.AEnter 2.AEnter 1.AState 2.AState ");
  m.detach(second);
  log.clear();
  m.remove("A");
  m.add("A");
  EXPECT_EQ(log, "1.AEnter 1.AState ");
}

TEST(Bindings, AreGoneOnceDetached) {
  auto m = plain();
  int calls = 0;
  const auto id = m.on("AState", [&](am::Event&) { ++calls; });
  EXPECT_TRUE(m.detach(id));
  EXPECT_FALSE(m.detach(id));
  m.add("A");
  EXPECT_EQ(calls, 0);
}

TEST(Bindings, AreNotAskedAfterARefusal) {
  auto m = plain();
  Handlers first(m, "AEnter");
  Handlers second(m, "AEnter");
  first.refuse("AEnter");
  m.add("A");
  EXPECT_EQ(second.called(), "");
}

TEST(NestedMutations, AreQueuedInOrderAndDuplicatesDropped) {
  auto m = plain({"B"});
  std::vector<std::uint64_t> ticks;
  std::vector<std::size_t> lengths;
  m.on("AState", [&](am::Event& e) {
    for (int i = 0; i < 5; ++i) {
      auto machine = e.machine();
      const auto result = i < 3 ? machine.add("B") : machine.remove("B");
      ticks.push_back(result.queue_tick().value);
      lengths.push_back(m.queue_length());
    }
  });
  m.add("A", am::Args{}.with("x", am::Value{"y"}));
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{4, 4, 4, 5, 5}));
  EXPECT_EQ(lengths, (std::vector<std::size_t>{1, 1, 1, 2, 2}));
  EXPECT_EQ(text(m), "(A:1) [B:2 C:0 D:0 Exception:0]");
  EXPECT_EQ(m.queue_tick().value, 5U);
}

TEST(Checks, AskLikeAMutationAndChangeNothing) {
  auto m = plain({"A", "B"});
  Handlers handlers(m);
  const auto wait = m.when("C");
  const auto before = m.time();
  EXPECT_EQ(m.can_add("C"), Result::executed);
  EXPECT_EQ(handlers.called(), "CEnter AA BB AC AB BC BA AnyEnter");
  EXPECT_EQ(m.time(), before);
  EXPECT_FALSE(wait.done());
}

TEST(HandlerNames, ThatEndLikeAKindAreStillPairs) {
  auto m = spec::machine({{"A"}, {"BackEnd"}}, {"A"});
  Handlers handlers(m, "ABackEnd");
  handlers.refuse("ABackEnd");
  EXPECT_EQ(m.add("BackEnd"), Result::canceled);
}

TEST(OnChange, HasTheClocksAroundEachTransition) {
  am::Machine m{{{"A"}, {"B", {.require = {"A"}}}}};
  std::vector<std::string> seen;
  m.on_change([&](const am::Time& before, const am::Time& after) {
    seen.push_back(
        fmt::format("{}{} {}{}", before[0].value, before[1].value, after[0].value, after[1].value));
  });
  m.add("A"), m.add("B"), m.remove("A"), m.add("B");
  EXPECT_EQ(seen, (std::vector<std::string>{"00 10", "10 11", "11 22", "22 22"}));
}

TEST(OnChange, ComesBeforeTheAutomaticTransition) {
  am::Machine m{{{"A", {.automatic = true}}, {"B"}}};
  std::vector<std::string> seen;
  m.on("AnyState", [&](am::Event& e) { seen.push_back(fmt::format("any {}", e.machine())); });
  m.on_change([&](const am::Time&, const am::Time&) { seen.push_back(fmt::format("now {}", m)); });
  m.add("B");
  EXPECT_EQ(seen,
            (std::vector<std::string>{"any (B:1)", "now (B:1)", "any (A:1 B:1)", "now (A:1 B:1)"}));
}

TEST(Source, OfAMutationMadeInAHandlerIsItsMachine) {
  auto m = plain();
  std::string from;
  m.on("AState", [](am::Event& e) { e.machine().add("B"); });
  m.on("BState", [&](am::Event& e) { from = e.transition().source.machine; });
  m.add("A");
  EXPECT_EQ(from, m.id());
}

}  // namespace
