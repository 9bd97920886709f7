// What a remote machine asks its source for, and is told of it, besides clocks: waits on arguments,
// and errors.
#include <am/error.hpp>
#include <am/event.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/door_test.hpp>
#include <am/rpc/internal/wait_messages.hpp>
#include <am/rpc/server.hpp>
#include <am/rpc/wire_test.hpp>
#include <am/tracer.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Ended;
using am::rpc::LinkState;
using am::rpc::testing::door;
using am::rpc::testing::Noted;
using am::rpc::testing::patience;
using am::rpc::testing::reaches;
using am::rpc::testing::Wire;

am::Args who(const std::string& name) { return am::Args{}.with("who", name); }

struct Asking : testing::Test {
  am::Machine source{door(), {.id = "door"}};
  std::optional<am::rpc::Server> server{std::in_place, source,
                                        am::rpc::ServerOptions{.push_interval = 1h}};
  Wire wire{server->endpoint()};
  am::rpc::Client client{
      {.endpoint = wire.endpoint(), .retry_delay = 5ms, .retry_delay_max = 20ms}};
  am::rpc::RemoteMachine remote{attached(client)};

  static am::rpc::RemoteMachine attached(am::rpc::Client& client) {
    auto remote = client.attach({.timeout = patience});
    if (!remote) throw std::runtime_error(remote.error().message);
    return std::move(*remote);
  }
  /// When a call has come back, so has what was asked before it.
  void settle() { remote.can_add("Knock"); }
};

TEST_F(Asking, AWaitOnArgumentsEndsWithTheMutationThatHasThem) {
  const auto ann = remote.when_args("Knock", who("Ann"));
  settle();
  source.add("Knock", who("Bob"));
  settle();
  EXPECT_FALSE(ann.done());
  source.add("Knock", who("Ann").with("loud", true));
  EXPECT_EQ(ann.wait_for(patience), Ended::fired);
  EXPECT_EQ(remote.tick("Knock"), source.tick("Knock")) << "long before the next push is due";
}

TEST_F(Asking, AWaitOnArgumentsComesBeforeTheMutationsMadeAfterIt) {
  for (int i = 0; i < 100; ++i) {
    const auto ann = remote.when_args("Knock", who("Ann"));
    remote.add_async("Knock", who("Ann"));
    ASSERT_EQ(ann.wait_for(patience), Ended::fired) << i;
  }
}

TEST_F(Asking, AMatchWhileTheConnectionWasLostIsToldAfterIt) {
  const auto ann = remote.when_args("Knock", who("Ann"));
  const auto bob = remote.when_args("Knock", who("Bob"));
  const auto open = remote.when_args("Open", {});
  settle();
  wire.cut();
  ASSERT_TRUE(reaches(remote, LinkState::stale));
  source.add("Knock", who("Ann"));
  wire.mend();
  EXPECT_EQ(ann.wait_for(patience), Ended::fired);
  EXPECT_EQ(remote.tick("Knock"), source.tick("Knock"));
  settle();
  EXPECT_FALSE(bob.done()) << "its source had it all the time";
  EXPECT_FALSE(open.done());
  source.add("Open", who("Eve"));
  EXPECT_EQ(open.wait_for(patience), Ended::fired) << "no arguments are asked for";
  source.add("Knock", who("Bob"));
  EXPECT_EQ(bob.wait_for(patience), Ended::fired);
}

TEST_F(Asking, AWaitThatMayHaveMissedAMatchEndsAsUnknown) {
  wire.cut();
  ASSERT_TRUE(reaches(remote, LinkState::stale));
  const auto knock = remote.when_args("Knock", who("Ann"));
  const auto open = remote.when_args("Open", who("Ann"));
  source.add("Knock", who("Bob"));
  wire.mend();
  EXPECT_EQ(knock.wait_for(patience), Ended::unknown) << "who says that it was not Ann?";
  ASSERT_TRUE(reaches(remote, LinkState::connected));
  settle();
  EXPECT_FALSE(open.done()) << "nothing can have been missed";
  source.add("Open", who("Ann"));
  EXPECT_EQ(open.wait_for(patience), Ended::fired);
}

TEST_F(Asking, WaitsOnArgumentsEndWithTheEpoch) {
  const auto ann = remote.when_args("Knock", who("Ann"));
  settle();
  am::Machine second{door(), {.id = "door"}};
  const am::rpc::Server after{second};
  wire.aim(after.endpoint());
  EXPECT_TRUE(server->stop(am::rpc::Restarting{.retry_after = 1ms}));
  EXPECT_EQ(ann.wait_for(patience), Ended::epoch_changed);
}

TEST_F(Asking, WaitsOnArgumentsEndWithTheRemoteMachine) {
  const auto ann = remote.when_args("Knock", who("Ann"));
  client.stop();
  EXPECT_EQ(ann.wait_for(patience), Ended::disposed);
}

TEST_F(Asking, ThereIsALimitOfWaitsOnArgumentsAndDroppedOnesDoNotCount) {
  for (std::size_t round = 0; round < 3; ++round) {
    std::vector<am::Wait> waits;
    for (std::size_t i = 0; i < am::rpc::internal::max_waits; ++i) {
      waits.push_back(remote.when_args("Knock", who("Ann")));
    }
    EXPECT_THROW(remote.when_args("Knock", who("Ann")), am::Error);
    settle();
    source.add("Knock", who("Ann"));
    for (const auto& wait : waits) EXPECT_EQ(wait.wait_for(patience), Ended::fired);
  }
}

TEST_F(Asking, OnlyNamedValuesCanBeAskedFor) {
  EXPECT_THROW(remote.when_args("Knock", [](const am::Args&) { return true; }), am::Error);
  EXPECT_THROW(remote.when_args("Knock", am::ErrorInfo{"typed"}), am::Error);
  EXPECT_THROW(remote.when_args("Knock", who(std::string(5000, 'x'))), am::Error);
}

TEST_F(Asking, AProxyOfAProxyAsksTheOrigin) {
  const am::rpc::Server between(remote, {.endpoint = am::rpc::testing::fresh_inproc()});
  am::rpc::Client far({.endpoint = between.endpoint()});
  auto leaf = attached(far);
  const auto ann = leaf.when_args("Knock", who("Ann"));
  leaf.can_add("Knock");
  source.add("Knock", who("Ann"));
  EXPECT_EQ(ann.wait_for(patience), Ended::fired);
}

// -- errors
// ----------------------------------------------------------------------------------------

TEST_F(Asking, AnErrorOfTheSourceIsThereWhenItsStateIs) {
  const auto failed = remote.when_error();
  source.add_error({"the lock is stuck", "LockedEnter"});
  remote.add("Knock");
  ASSERT_EQ(failed.wait_for(patience), Ended::fired);
  const auto error = remote.last_error();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->message, "the lock is stuck");
  EXPECT_EQ(error->where, "LockedEnter");
}

TEST_F(Asking, WhatAHandlerOfTheSourceThrowsIsReadableWhereItWasCalledFrom) {
  source.on("OpenState", [](am::Event&) { throw std::runtime_error("no key"); });
  EXPECT_EQ(remote.add("Open"), am::Result::canceled);
  EXPECT_TRUE(remote.is("Exception"));
  ASSERT_TRUE(remote.last_error());
  EXPECT_EQ(remote.last_error()->message, "no key");
  EXPECT_EQ(remote.last_error()->where, "OpenState");
}

TEST_F(Asking, AnErrorFromBeforeIsThereOnceAttached) {
  source.add_error({"old", "before"});
  const auto late = attached(client);
  EXPECT_TRUE(late.is("Exception"));
  ASSERT_TRUE(late.last_error());
  EXPECT_EQ(late.last_error()->message, "old");
}

TEST_F(Asking, AnErrorWhileTheConnectionWasLostIsThereAfterIt) {
  wire.cut();
  ASSERT_TRUE(reaches(remote, LinkState::stale));
  source.add_error({"alone", ""});
  const auto failed = remote.when_error();
  wire.mend();
  ASSERT_EQ(failed.wait_for(patience), Ended::fired);
  EXPECT_EQ(remote.last_error()->message, "alone");
}

TEST_F(Asking, LongErrorsAreCut) {
  source.add_error({std::string(5000, 'x'), std::string(5000, 'y')});
  remote.add("Knock");
  ASSERT_TRUE(remote.last_error());
  EXPECT_EQ(remote.last_error()->message, std::string(1024, 'x'));
  EXPECT_EQ(remote.last_error()->where, std::string(255, 'y'));
}

TEST_F(Asking, WhoDoesNotFollowExceptionIsNotToldOfErrors) {
  auto other = client.attach({.sync = am::rpc::SyncOptions{.skip = {"Exception"}}});
  ASSERT_TRUE(other);
  source.add_error({"secret", ""});
  remote.add("Knock");
  EXPECT_TRUE(remote.last_error());
  EXPECT_FALSE(other->last_error());
}

TEST_F(Asking, TracersAndProxiesOfProxiesAreToldOfErrors) {
  struct Errors final : am::Tracer {
    void error_added(const am::ErrorInfo& error) override { last.set(error.message); }
    Noted<std::string> last;
  };
  const auto errors = std::make_shared<Errors>();
  remote.trace(errors);
  const am::rpc::Server between(remote, {.endpoint = am::rpc::testing::fresh_inproc()});
  am::rpc::Client far({.endpoint = between.endpoint()});
  const auto leaf = attached(far);
  const auto failed = leaf.when_error();
  source.add_error({"stuck", ""});
  remote.add("Knock");
  EXPECT_EQ(errors->last.get(), "stuck");
  ASSERT_EQ(failed.wait_for(patience), Ended::fired);
  EXPECT_EQ(leaf.last_error()->message, "stuck");
}

}  // namespace
