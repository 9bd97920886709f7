#include <am/rpc/testing.hpp>

#include <am/machine.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

namespace {

using am::Result;
using am::rpc::testing::RemotePair;

struct Pair : testing::Test {
  am::Machine source{{{"A"}, {"B", {.require = {"A"}}}}};
  RemotePair pair{source};
  am::Api remote = pair.remote();
};

TEST_F(Pair, PassesMutationsOn) {
  am::testing::Recorder seen(source);
  EXPECT_EQ(remote.add("B"), (Result{Result::canceled, am::Reason::requirement}));
  EXPECT_EQ(remote.add({"A", "B"}), Result::executed);
  EXPECT_EQ(seen.difference({"add B canceled: B requires A", "add A B"}), "");
  EXPECT_FALSE(remote.is_local());
}

TEST_F(Pair, SettlesOnWhatTheMachineHasComeTo) {
  for (int i = 0; i < 100; ++i) source.toggle("A");
  EXPECT_TRUE(pair.settle());
  EXPECT_EQ(remote.time(), source.time());
}

TEST_F(Pair, ComesToRestWithItsMachine) {
  remote.when("B").then([&] { source.remove("B"); });
  source.add({"A", "B"});
  ASSERT_EQ(source.when_not("B").wait_for(std::chrono::seconds(30)), am::Ended::fired);
  EXPECT_TRUE(am::testing::run_until_idle(source, remote));
  EXPECT_TRUE(pair.settle());
  EXPECT_FALSE(remote.is("B"));
}

TEST_F(Pair, IsCutOnce) {
  const auto wait = remote.when("A");
  EXPECT_TRUE(pair.cut());
  EXPECT_FALSE(pair.remote().connected());
  EXPECT_EQ(wait.ended(), am::Ended::unknown);
  EXPECT_EQ(remote.add("A"), Result::not_sent);
  EXPECT_FALSE(pair.settle());
  EXPECT_FALSE(source.is("A"));
  EXPECT_TRUE(pair.cut());
}

TEST(Pairs, ShareAMachine) {
  am::Machine source{{{"A"}}};
  RemotePair one(source);
  RemotePair other(source);
  one.remote().add("A");
  ASSERT_TRUE(other.settle());
  EXPECT_TRUE(other.remote().is("A"));
}

}  // namespace
