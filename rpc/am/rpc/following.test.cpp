// What a remote machine follows of its source: filters, shallow ticks, machines without a schema.
#include <am/error.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/door_test.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace std::chrono_literals;
using am::Result;
using am::rpc::SyncOptions;
using am::rpc::testing::fresh_inproc;
using am::rpc::testing::patience;

class Following : public testing::Test {
 protected:
  am::Machine source{{{"A", {}}, {"B", {}}, {"C", {.require = {"B"}}}, {"Bump", {.multi = true}}},
                     {.id = "source"}};
  am::rpc::Server server{source, {.endpoint = fresh_inproc(), .push_interval = {}}};
  am::rpc::Client client{{.endpoint = server.endpoint()}};

  am::rpc::RemoteMachine attach(SyncOptions sync) {
    auto attached = client.attach({.timeout = patience, .sync = std::move(sync)});
    if (!attached) throw std::runtime_error(attached.error().message);
    return std::move(*attached);
  }
};

TEST_F(Following, OnlyTheChosenStatesMove) {
  auto remote = attach({.states = {{"B", "C"}}});
  EXPECT_EQ(remote.schema().size(), source.schema().size());
  EXPECT_EQ(remote.add({"A", "B", "C"}), Result::executed);
  EXPECT_TRUE(remote.is({"B", "C"}));
  EXPECT_TRUE(remote.is_not("A"));
  EXPECT_EQ(remote.tick("A").value, 0U);
  EXPECT_EQ(remote.queue_tick(), source.queue_tick());
  EXPECT_EQ(remote.traffic().resyncs, 0U);
}

TEST_F(Following, ChangesOfOtherStatesAreNotPushed) {
  auto remote = attach({.states = {{"B"}}});
  const auto came = remote.when("B");
  source.add("A");
  source.add("B");
  EXPECT_EQ(came.wait_for(patience), am::Ended::fired);
  EXPECT_TRUE(remote.is_not("A"));
}

TEST_F(Following, SkippedStatesDoNotMove) {
  auto remote = attach({.skip = {"B"}});
  remote.add({"A", "B"});
  EXPECT_TRUE(remote.is("A"));
  EXPECT_TRUE(remote.is_not("B"));
}

// T-14: an empty list is not an absent one.
TEST_F(Following, OfNothingShowsNothingButTheQueue) {
  auto remote = attach({.states = {{}}});
  EXPECT_EQ(remote.add("A"), Result::executed);
  EXPECT_TRUE(remote.is_not("A"));
  EXPECT_TRUE(source.is("A"));
  EXPECT_EQ(remote.queue_tick(), source.queue_tick());
}

TEST_F(Following, UnknownStatesAreRefused) {
  const auto attached =
      client.attach({.timeout = patience, .sync = SyncOptions{.states = {{"A", "Nowhere"}}}});
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, am::rpc::LinkErrc::refused);
  EXPECT_NE(attached.error().message.find("Nowhere"), std::string::npos);
}

// T-13: whatever the order here, the states that were named are mutated.
TEST_F(Following, WithoutASchemaNamesAreAllThatComes) {
  source.add("A");
  auto remote = attach({.states = {{"C", "B"}}, .schema = false});
  EXPECT_EQ(remote.schema().size(), 3U);  // and Exception
  EXPECT_FALSE(remote.schema().find("A"));
  EXPECT_THROW(remote.is("A"), am::Error);
  EXPECT_EQ(remote.add("C"), Result::canceled);
  EXPECT_EQ(remote.add({"B", "C"}), Result::executed);
  EXPECT_TRUE(remote.is({"B", "C"}));
  EXPECT_TRUE(source.is({"A", "B", "C"}));
  const auto gone = remote.when_not("B");
  source.remove("B");
  EXPECT_EQ(gone.wait_for(patience), am::Ended::fired);
  EXPECT_TRUE(remote.is_not("C"));
  EXPECT_EQ(remote.tick("B"), source.tick("B"));
  EXPECT_EQ(remote.traffic().resyncs, 0U);
}

TEST_F(Following, WithoutASchemaAStateThatIsNotFollowedCannotBeMutated) {
  auto remote = attach({.states = {{"A"}}, .schema = false});
  EXPECT_THROW(remote.add("Exception"), am::Error);
}

// T-19.
TEST_F(Following, ShallowTicksCountActivityOnly) {
  for (int i = 0; i < 5; ++i) source.add("Bump");  // ticks 1, 3, 5, 7, 9
  auto remote = attach({.shallow = true});
  EXPECT_EQ(remote.tick("Bump").value, 1U);
  remote.add("Bump");
  EXPECT_EQ(remote.tick("Bump").value, 1U);
  remote.remove("Bump");
  EXPECT_EQ(remote.tick("Bump").value, 2U);
  EXPECT_EQ(remote.add({"A", "Bump"}), Result::executed);
  EXPECT_TRUE(remote.is({"A", "Bump"}));
  EXPECT_EQ(remote.traffic().resyncs, 0U);
}

TEST_F(Following, ASecondShallowMachineSeesTheSameTicks) {
  auto first = attach({.states = {{"A", "B"}}, .shallow = true});
  first.add("A");
  first.remove("A");
  auto second = attach({.states = {{"B", "A", "B"}}, .shallow = true});
  EXPECT_EQ(second.tick("A"), first.tick("A"));
  EXPECT_EQ(first.add("A"), Result::executed);
  EXPECT_EQ(second.when("A").wait_for(patience), am::Ended::fired);
}

TEST_F(Following, AnotherChoiceHoldsWhenTheCallReturns) {
  source.add({"A", "B"});
  auto remote = attach({.states = {{"A"}}});
  EXPECT_TRUE(remote.is_not("B"));
  EXPECT_EQ(remote.choose({.states = {{"A", "B"}}}), std::nullopt);
  EXPECT_TRUE(remote.is({"A", "B"}));
  EXPECT_EQ(remote.add("C"), Result::executed);
  EXPECT_TRUE(remote.is_not("C"));
  EXPECT_EQ(remote.traffic().resyncs, 0U);
}

TEST_F(Following, ANarrowerChoiceEndsWaitsOnTicks) {
  source.add("A");
  auto remote = attach({});
  const auto tick = remote.when_ticks("A", 100);
  const auto b = remote.when("B");
  EXPECT_EQ(remote.choose({.states = {{"B"}}}), std::nullopt);
  EXPECT_EQ(tick.wait_for(patience), am::Ended::epoch_changed);
  EXPECT_TRUE(remote.is_not("A"));
  source.add("B");
  EXPECT_EQ(b.wait_for(patience), am::Ended::fired);
}

TEST_F(Following, AChoiceThatIsRefusedChangesNothing) {
  auto remote = attach({.states = {{"A"}}});
  const auto error = remote.choose({.states = {{"Nowhere"}}});
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("Nowhere"), std::string::npos);
  EXPECT_EQ(remote.add({"A", "B"}), Result::executed);
  EXPECT_TRUE(remote.is("A"));
  EXPECT_TRUE(remote.is_not("B"));
}

TEST_F(Following, WhoAttachedForEverythingCannotChoose) {
  auto attached = client.attach({.timeout = patience});
  ASSERT_TRUE(attached);
  EXPECT_TRUE(attached->choose({}));
}

TEST_F(Following, WithoutASchemaNewStatesComeAfterTheOthers) {
  source.add({"A", "B"});
  auto remote = attach({.states = {{"B"}}, .schema = false});
  EXPECT_EQ(remote.choose({.states = {{"A", "B"}}, .schema = false}), std::nullopt);
  EXPECT_TRUE(remote.is({"A", "B"}));
  EXPECT_EQ(remote.remove("A"), Result::executed);
  EXPECT_TRUE(source.is_not("A"));
  EXPECT_TRUE(remote.is_not("A"));
  EXPECT_TRUE(remote.is("B"));
}

TEST_F(Following, FromDeepToShallowAndBackWhileTheSourceRuns) {
  auto remote = attach({});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(remote.choose({.states = {{"A", "Bump"}}, .shallow = i % 2 == 0}), std::nullopt);
    EXPECT_EQ(remote.add("Bump"), Result::executed);
    EXPECT_EQ(remote.toggle("A"), Result::executed);
    EXPECT_EQ(remote.is("A"), source.is("A"));
    EXPECT_TRUE(remote.is("Bump"));
  }
  EXPECT_EQ(remote.tick("Bump"), source.tick("Bump"));
  EXPECT_EQ(remote.traffic().resyncs, 0U);
}

}  // namespace
