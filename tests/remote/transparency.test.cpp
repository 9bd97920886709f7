// Specification 11.2: the suite of a local machine, here, through a proxy in the process, over
// tcp, and through a proxy of a proxy. What a call did shows when it returns, wherever the machine
// is.
#include "support.hpp"

#include <am/helpers/pipe.hpp>

#include <thread>

namespace {

using am::Ended;
using am::Result;
using remote::active;
using remote::patience;
using remote::plain;
using remote::related;
using remote::ticks;
using remote::Where;

class Everywhere : public testing::TestWithParam<Where> {
 protected:
  am::Api& start(am::Schema schema, std::initializer_list<am::StateRef> states = {}) {
    return **(subject_ = std::make_unique<remote::Subject>(GetParam(), std::move(schema), states));
  }
  am::Machine& source() { return subject_->source(); }
  void TearDown() override {
    if (subject_) subject_->expect_strict();
  }

 private:
  std::unique_ptr<remote::Subject> subject_;
};

INSTANTIATE_TEST_SUITE_P(Transparency, Everywhere,
                         testing::Values(Where::local, Where::inproc, Where::tcp, Where::tree),
                         [](const auto& one) { return remote::name_of(one.param); });

// -- mutations ------------------------------------------------------------------------------------

TEST_P(Everywhere, AddActivatesOneState) {
  auto& m = start(plain());
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_EQ(active(m), "A");
}

TEST_P(Everywhere, AddKeepsWhatIsActive) {
  auto& m = start(plain(), {"A"});
  m.add("B");
  EXPECT_EQ(active(m), "A B");
}

TEST_P(Everywhere, TheSchemaHasAllNames) {
  auto& m = start(plain(), {"A"});
  EXPECT_EQ(fmt::format("{}", fmt::join(m.schema().names(), " ")), "A B C D Exception");
}

TEST_P(Everywhere, SetReplacesWhatIsActive) {
  auto& m = start(plain(), {"A"});
  m.set("B");
  EXPECT_EQ(active(m), "B");
}

TEST_P(Everywhere, RemoveDeactivatesOneState) {
  auto& m = start(plain(), {"B", "C"});
  m.remove("C");
  EXPECT_EQ(active(m), "B");
}

TEST_P(Everywhere, ASnapshotThatTheSourceTakesOverShows) {
  auto& m = start(plain(), {"A"});
  const auto saved = source().save();
  EXPECT_EQ(m.set({"B", "C"}), Result::executed);
  EXPECT_EQ(m.remove("C"), Result::executed);
  const auto left = m.while_active("B");
  const auto back = m.when("A");
  const auto tick = m.when_time("A", am::Tick{9});
  const auto next = m.when_next_active("C");
  source().restore(saved, am::Rewind::allowed);
  EXPECT_EQ(back.wait_for(patience), Ended::fired);
  EXPECT_EQ(tick.wait_for(patience), Ended::epoch_changed);
  EXPECT_EQ(next.wait_for(patience), Ended::epoch_changed);
  EXPECT_EQ(m.core()->epochs(), 1U);
  EXPECT_EQ(active(m), "A");
  EXPECT_EQ(ticks(m, {"A", "B", "C"}), "1 0 0");
  EXPECT_TRUE(left.stop_requested());
  EXPECT_EQ(m.machine_tick().value, 1U);
  EXPECT_EQ(m.add("B"), Result::executed);
  EXPECT_EQ(ticks(m, {"A", "B", "C"}), "1 1 0");
}

TEST_P(Everywhere, ToggleAsyncTogglesWhatIsActiveAtTheSource) {
  auto& m = start(plain(), {"A"});
  const auto off = m.toggle_async("A");
  const auto on = m.toggle_async({"B", "C"});
  EXPECT_EQ(off.get(), Result::executed);
  EXPECT_EQ(on.get(), Result::executed);
  EXPECT_EQ(active(m), "B C");
}

TEST_P(Everywhere, MutationsOfHandlersHaveRunWhenTheCallReturns) {
  auto& m = start(plain());
  source().on_state("A", [](am::Event& e) {
    for (int i = 0; i < 3; ++i) e.machine().add("B");
    for (int i = 0; i < 2; ++i) e.machine().remove("B");
  });
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_EQ(active(m), "A");
  EXPECT_EQ(m.tick("B").value, 2U);
}

// -- relations ------------------------------------------------------------------------------------

am::Schema c_removes_d() { return {{"A"}, {"B"}, {"C", {.remove = {"D"}}}, {"D"}}; }
am::Schema c_and_d_remove_each_other() {
  return {{"C", {.remove = {"D"}}}, {"D", {.remove = {"C"}}}};
}

TEST_P(Everywhere, ARemoveRelationDeactivates) {
  auto& m = start(c_removes_d(), {"D"});
  m.add("C");
  EXPECT_EQ(active(m), "C");
}

TEST_P(Everywhere, ARemoveRelationBetweenCalledStatesCancels) {
  auto& m = start(c_removes_d(), {"D"});
  EXPECT_EQ(m.set({"C", "D"}), Result::canceled);
  EXPECT_EQ(active(m), "D");
}

TEST_P(Everywhere, StatesThatRemoveEachOtherTakeTurns) {
  {
    auto& m = start(c_and_d_remove_each_other(), {"D"});
    m.set("C");
    EXPECT_EQ(active(m), "C");
    m.set("D");
    EXPECT_EQ(active(m), "D");
  }
  auto& m = start(c_and_d_remove_each_other(), {"D"});
  m.add("C");
  EXPECT_EQ(active(m), "C");
  m.add("D");
  EXPECT_EQ(active(m), "D");
}

TEST_P(Everywhere, AnAddRelationImpliesUnlessItIsBlocked) {
  auto& m = start({{"A", {.remove = {"D"}}}, {"B"}, {"C", {.add = {"D"}}}, {"D"}});
  m.set("C");
  EXPECT_EQ(active(m), "C D");
  m.set({"A", "C"});
  EXPECT_EQ(active(m), "A C");
}

TEST_P(Everywhere, ARequirementMayBeCalledWithIt) {
  auto& m = start({{"A", {.require = {"D"}}}, {"B"}, {"C"}, {"D"}});
  m.set({"C", "D"});
  EXPECT_EQ(active(m), "C D");
}

TEST_P(Everywhere, AStateWithoutItsRequirementIsLeftOut) {
  auto& m = start({{"A"}, {"B"}, {"C", {.require = {"D"}}}, {"D"}}, {"A"});
  m.set({"C", "A"});
  EXPECT_EQ(active(m), "A");
}

TEST_P(Everywhere, AutomaticStatesFollow) {
  auto& m = start(
      {{"A"}, {"B", {.automatic = true, .require = {"A"}}}, {"C", {.require = {"D"}}}, {"D"}});
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_EQ(active(m), "A B");
}

TEST_P(Everywhere, AutomaticStatesWithoutTheirRequirementStayOut) {
  auto& m = start({{"A"},
                   {"B"},
                   {"C", {.automatic = true, .require = {"B"}}},
                   {"D", {.automatic = true, .require = {"B"}}}},
                  {"A"});
  m.add("A");
  EXPECT_EQ(active(m), "A");
}

TEST_P(Everywhere, AnImpliedStateWinsOverOneThatItRemoves) {
  auto& m = start({{"A", {.remove = {"B"}}}, {"B", {.remove = {"A"}}}, {"Z", {.add = {"B"}}}});
  m.set("Z");
  EXPECT_EQ(active(m), "B Z");
}

TEST_P(Everywhere, AnImpliedStateIsNotBlockedByOneThatGoes) {
  auto& m = start({{"Wet", {.require = {"Water"}}},
                   {"Dry", {.remove = {"Wet"}}},
                   {"Water", {.add = {"Wet"}, .remove = {"Dry"}}}});
  m.set("Dry");
  m.set("Water");
  EXPECT_EQ(active(m), "Water Wet");
}

// -- reading --------------------------------------------------------------------------------------

am::Schema b_follows_a() {
  return {{"A"}, {"B", {.automatic = true, .require = {"A"}}}, {"C"}, {"D"}};
}

TEST_P(Everywhere, IsNeedsAllStates) {
  auto& m = start(b_follows_a(), {"A"});
  EXPECT_TRUE(m.is({"A", "B"}));
  EXPECT_FALSE(m.is({"A", "B", "C"}));
}

TEST_P(Everywhere, IsNotNeedsNone) {
  auto& m = start(b_follows_a(), {"A"});
  EXPECT_FALSE(m.is_not({"A", "B"}));
  EXPECT_FALSE(m.is_not({"A", "B", "C"}));
  EXPECT_TRUE(m.is_not("D"));
}

TEST_P(Everywhere, AnyNeedsOne) {
  auto& m = start(b_follows_a(), {"A"});
  EXPECT_TRUE(m.is({"A", "B"}) || m.is("C"));
  EXPECT_TRUE(m.is({"A", "B", "C"}) || m.is("A"));
  EXPECT_TRUE(m.any({"C", "B"}));
  EXPECT_FALSE(m.any({"C", "D"}));
}

TEST_P(Everywhere, TheFirstActiveOfAGroupIsFound) {
  auto& m = start(plain(), {"A"});
  EXPECT_EQ(m.first_active({"A", "B"}).name(), "A");
  EXPECT_FALSE(m.first_active({"C", "B"}).valid());
}

TEST_P(Everywhere, ClocksCountEveryChange) {
  auto& m = start({{"A"}, {"B", {.multi = true}}, {"C"}, {"D"}});
  const auto now = [&] { return ticks(m, {"A", "B", "C", "D"}); };
  m.add({"A", "B"});
  EXPECT_EQ(now(), "1 1 0 0");
  m.add({"A", "B"});
  EXPECT_EQ(now(), "1 3 0 0");
  m.add({"A", "B", "C"});
  EXPECT_EQ(now(), "1 5 1 0");
  m.set("D");
  EXPECT_EQ(now(), "2 6 2 1");
  m.add({"D", "C"});
  EXPECT_EQ(now(), "2 6 3 1");
  m.remove({"B", "C"});
  EXPECT_EQ(now(), "2 6 4 1");
  m.add({"A", "B"});
  EXPECT_EQ(now(), "3 7 4 1");
  const auto before = m.time();
  EXPECT_EQ(m.tick("Exception").value, 0U);
  m.add("C");
  EXPECT_EQ(now(), "3 7 5 1");
  EXPECT_EQ(active(m), "A B C D");
  const auto after = m.time();
  EXPECT_GT(after.sum(), before.sum());
  for (std::size_t i = 0; i < after.size(); ++i) EXPECT_GE(after[i], before[i]);
}

TEST_P(Everywhere, ATimeDiffersOnceSomethingHasChanged) {
  auto& m = start(plain());
  const auto time = m.time();
  const auto a = m.tick("A");
  EXPECT_EQ(m.time(), time);
  m.add({"A", "B"});
  EXPECT_NE(m.time(), time);
  EXPECT_NE(m.tick("A"), a);
}

TEST_P(Everywhere, TextFormsAreThoseOfTheSource) {
  auto& m = start(plain(), {"A", "B"});
  EXPECT_EQ(am::to_string(m), "(A:1 B:1)");
  EXPECT_EQ(am::to_string(m, am::Form::all), "(A:1 B:1) [C:0 D:0 Exception:0]");
}

TEST_P(Everywhere, InspectIsThatOfTheSource) {
  auto& m = start(related(), {"A", "C"});
  EXPECT_EQ(am::inspect(m, {"A", "B", "C", "D", "Exception"}),
            am::inspect(source(), {"A", "B", "C", "D", "Exception"}));
  m.remove("C");
  m.add("B");
  m.add("D");
  EXPECT_EQ(ticks(m, {"Exception", "A", "B", "C", "D"}), "0 3 1 3 1");
  EXPECT_EQ(active(m), "A B C D");
  EXPECT_EQ(am::inspect(m), am::inspect(source()));
}

// -- waiting --------------------------------------------------------------------------------------

/// How a wait ended that two threads are in.
std::pair<Ended, Ended> wait_twice(const am::Wait& first, const am::Wait& second,
                                   const std::function<void()>& act) {
  std::pair<Ended, Ended> ended;
  {
    const std::jthread one([&] { ended.first = first.wait_for(patience); });
    const std::jthread other([&] { ended.second = second.wait_for(patience); });
    act();
  }
  return ended;
}

TEST_P(Everywhere, WhenReleasesEveryoneWhoWaits) {
  auto& m = start(plain());
  EXPECT_EQ(wait_twice(m.when({"A", "B"}), m.when({"A", "B"}),
                       [&] {
                         m.add({"A", "B"});
                       }),
            std::pair(Ended::fired, Ended::fired));
}

TEST_P(Everywhere, WhenNotReleasesEveryoneWhoWaits) {
  auto& m = start(plain(), {"A", "B"});
  EXPECT_EQ(wait_twice(m.when_not({"A", "B"}), m.when_not({"A", "B"}),
                       [&] {
                         m.remove({"A", "B"});
                       }),
            std::pair(Ended::fired, Ended::fired));
}

TEST_P(Everywhere, WaitsForWhatHoldsAreOverAtOnce) {
  auto& m = start(plain(), {"A"});
  EXPECT_EQ(m.when("A").ended(), Ended::fired);
  EXPECT_EQ(m.when_not("B").ended(), Ended::fired);
  EXPECT_EQ(active(m), "A");
}

TEST_P(Everywhere, WhenTimeEndsWhenTheClockGetsThere) {
  auto& m = start(plain(), {"A", "B"});
  const auto a = m.when_time("A", am::Tick{5});
  const auto b = m.when_time("B", am::Tick{2});
  m.remove({"A", "B"});
  m.add({"A", "B"});
  EXPECT_EQ(ticks(m, {"A", "B"}), "3 3");
  EXPECT_EQ(b.wait_for(patience), Ended::fired);
  EXPECT_FALSE(a.done());
  m.remove("A");
  m.add("A");
  EXPECT_EQ(ticks(m, {"A", "B"}), "5 3");
  EXPECT_EQ(a.wait_for(patience), Ended::fired);
}

TEST_P(Everywhere, WhenQueueEndsWhenTheMutationHasRun) {
  auto& m = start(plain());
  const auto a = m.when("A");
  const std::jthread follower([&] {
    ASSERT_EQ(a.wait_for(patience), Ended::fired);
    m.add("B");
    m.add("C");
    m.add("D");
  });
  const auto last = m.when_queue(am::QueueTick{5});  // 1 at the start and four mutations
  m.add("A");
  EXPECT_EQ(last.wait_for(patience), Ended::fired);
  EXPECT_EQ(active(m), "A B C D");
}

TEST_P(Everywhere, WhenQueryEndsWhenItHolds) {
  auto& m = start(plain(), {"A"});
  m.add("B");
  const auto more = m.when_query([](const am::Time& t) { return t[0].value > 4 * t[1].value; });
  const auto less = m.when_query([](const am::Time& t) { return t[0] < t[1]; });
  m.remove("A");
  m.add("A");
  m.remove("A");
  EXPECT_EQ(ticks(m, {"A", "B"}), "4 1");
  EXPECT_FALSE(more.done());
  m.add("A");
  EXPECT_EQ(more.wait_for(patience), Ended::fired);
  EXPECT_FALSE(less.done());
}

TEST_P(Everywhere, AWaitIsLeftAloneByAStopToken) {
  auto& m = start(plain());
  const auto wait = m.when("A");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(wait.wait(stop.get_token()), Ended::stopped);
  m.add("A");
  EXPECT_EQ(wait.wait_for(patience), Ended::fired);
}

TEST_P(Everywhere, AContextEndsWithItsActivation) {
  auto& m = start(plain());
  m.add("A");
  const auto a = m.while_active("A");
  EXPECT_FALSE(a.stop_requested());
  m.remove("A");
  EXPECT_TRUE(a.stop_requested());
  EXPECT_TRUE(m.while_active("B").stop_requested());
  m.add("B");
  EXPECT_FALSE(m.while_active("B").stop_requested());
}

// -- pipes ----------------------------------------------------------------------------------------

TEST_P(Everywhere, APipeFollowsTheSource) {
  auto& m = start(plain(), {"A"});
  am::Machine near{plain()};
  near.set("A");
  const auto pipe = am::bind_all(m, near);
  source().add({"A", "B"});
  EXPECT_EQ(near.when({"A", "B"}).wait_for(patience), Ended::fired);
}

}  // namespace
