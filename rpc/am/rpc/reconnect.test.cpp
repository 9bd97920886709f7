// Remote machines over connections that are lost, and servers that are replaced.
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/door_test.hpp>
#include <am/rpc/server.hpp>
#include <am/rpc/wire_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <optional>
#include <string>

namespace {

using namespace std::chrono_literals;
using am::Ended;
using am::Result;
using am::rpc::LinkState;
using am::rpc::Reconnect;
using am::rpc::WhenDown;
using am::rpc::testing::door;
using am::rpc::testing::patience;
using am::rpc::testing::reaches;
using am::rpc::testing::Wire;

struct Reconnecting : testing::Test {
  am::Machine source{door(), {.id = "door"}};
  std::optional<am::rpc::Server> server{std::in_place, source,
                                        am::rpc::ServerOptions{.push_interval = 1ms}};
  Wire wire{server->endpoint()};

  am::rpc::ClientOptions fast() const {
    return {.endpoint = wire.endpoint(), .retry_delay = 5ms, .retry_delay_max = 20ms};
  }
};

/// A door that takes until `go_on` to open.
struct SlowlyOpening : Reconnecting {
  SlowlyOpening() {
    source.on("OpenState", [this](am::Event&) {
      ++runs;
      running.count_down();
      go_on.wait();
    });
  }

  std::latch running{1};
  std::latch go_on{1};
  std::atomic<int> runs{0};
};

TEST_F(Reconnecting, WaitsThatCameToHoldWhileTheConnectionWasLostEndAfterIt) {
  source.add("Closed");
  am::rpc::Client client{fast()};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto locked = remote->when("Locked");
  const auto knocked = remote->when_ticks("Knock", 3);
  const auto open = remote->when("Open");
  const auto token = remote->while_active("Closed");
  wire.cut();
  ASSERT_TRUE(reaches(*remote, LinkState::stale));
  EXPECT_NE(remote->link_error().find("lost"), std::string::npos);
  EXPECT_TRUE(remote->is("Closed")) << "the clocks stay readable";
  EXPECT_EQ(remote->add("Knock"), (Result{Result::not_sent, am::Reason::link}));
  source.add("Locked");
  source.add("Knock");
  source.add("Knock");
  EXPECT_FALSE(locked.done());
  wire.mend();
  EXPECT_EQ(locked.wait_for(patience), Ended::fired);
  EXPECT_EQ(knocked.wait_for(patience), Ended::fired);
  EXPECT_FALSE(open.done());
  EXPECT_FALSE(token.stop_requested()) << "Closed has been active all the time";
  ASSERT_TRUE(reaches(*remote, LinkState::connected));
  EXPECT_EQ(remote->link_error(), "");
  EXPECT_EQ(remote->time(), source.time());
  EXPECT_EQ(remote->epochs(), 0U);
  EXPECT_EQ(remote->add("Open"), Result::executed);
  EXPECT_EQ(open.ended(), Ended::fired);
  EXPECT_EQ(server->stats().links_resumed, 1U);
}

TEST_F(Reconnecting, ContextsStopWhenTheirStateWasLeftAndEnteredAgainMeanwhile) {
  source.add("Closed");
  am::rpc::Client client{fast()};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto token = remote->while_active("Closed");
  const auto other = remote->when_ticks("Closed", 2);
  wire.cut();
  ASSERT_TRUE(reaches(*remote, LinkState::stale));
  source.add("Open");
  source.add("Closed");
  wire.mend();
  EXPECT_EQ(other.wait_for(patience), Ended::fired);
  EXPECT_TRUE(token.stop_requested()) << "active before and after, but not the same activation";
  EXPECT_TRUE(remote->is("Closed"));
}

TEST_F(SlowlyOpening, ACallThatWasUnderWayIsAnsweredAndRunsOnce) {
  am::rpc::Client client{fast()};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto opened = remote->add_async("Open");
  const auto knocked = remote->add_async("Knock");
  running.wait();
  wire.cut();
  ASSERT_TRUE(reaches(*remote, LinkState::stale));
  wire.mend();
  go_on.count_down();
  EXPECT_EQ(opened.get(), Result::executed);
  EXPECT_EQ(knocked.get(), Result::executed);
  EXPECT_TRUE(remote->is({"Open", "Knock"}));
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(source.tick("Knock"), am::Tick{1});
}

TEST_F(SlowlyOpening, WithoutASessionAnUnansweredCallEndsAsUnknown) {
  server.emplace(source, am::rpc::ServerOptions{.push_interval = 1ms, .session_ttl = 0ms});
  wire.aim(server->endpoint());
  am::rpc::Client client{fast()};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto opened = remote->add_async("Open");
  running.wait();
  wire.cut();
  ASSERT_TRUE(reaches(*remote, LinkState::stale));
  go_on.count_down();
  wire.mend();
  EXPECT_EQ(opened.get(), (Result{Result::unknown, am::Reason::link}));
  EXPECT_EQ(remote->when("Open").wait_for(patience), Ended::fired);
  EXPECT_EQ(server->stats().links_resumed, 0U);
}

TEST_F(Reconnecting, AnotherSourceIsANewEpoch) {
  source.add("Closed");
  source.add("Knock");
  auto options = fast();
  options.reconnect = Reconnect::when_lost;
  am::rpc::Client client{options};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto open = remote->when("Open");
  const auto not_closed = remote->when_not("Closed");
  const auto query = remote->when_query(
      [](const am::Time& time) { return time.ticks[1].active() && time.ticks[3].value == 0; });
  const auto ticks = remote->when_ticks("Knock", 100);
  const auto next = remote->when_next_active("Locked");
  const auto queue = remote->when_queue(am::QueueTick{1000});
  const auto token = remote->while_active("Closed");
  am::Machine second{door(), {.id = "door"}};
  am::rpc::Server after{second, {.push_interval = 1ms}};
  wire.aim(after.endpoint());
  EXPECT_TRUE(server->stop(am::rpc::Restarting{.retry_after = 1ms}));
  EXPECT_EQ(ticks.wait_for(patience), Ended::epoch_changed);
  EXPECT_EQ(next.wait_for(patience), Ended::epoch_changed);
  EXPECT_EQ(queue.wait_for(patience), Ended::epoch_changed);
  EXPECT_EQ(not_closed.wait_for(patience), Ended::fired);
  EXPECT_TRUE(token.stop_requested());
  EXPECT_FALSE(open.done());
  EXPECT_EQ(remote->epochs(), 1U);
  EXPECT_EQ(remote->tick("Knock"), am::Tick{0}) << "clocks may go back now";
  second.add("Open");
  EXPECT_EQ(open.wait_for(patience), Ended::fired);
  EXPECT_EQ(query.wait_for(patience), Ended::fired);
  ASSERT_TRUE(reaches(*remote, LinkState::connected));
  EXPECT_EQ(remote->add("Closed"), Result::executed);
  EXPECT_TRUE(second.is("Closed"));
}

TEST_F(Reconnecting, ASourceThatIsAnotherMachineEndsIt) {
  am::rpc::Client client{fast()};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto never = remote->when("Open");
  am::Machine second{{{"Closed"}, {"Elsewhere"}, {"Locked"}, {"Knock"}, {"More"}}, {.id = "door"}};
  am::rpc::Server after{second};
  wire.aim(after.endpoint());
  wire.cut();
  wire.mend();
  EXPECT_EQ(never.wait_for(patience), Ended::unknown);
  EXPECT_EQ(remote->link().state, LinkState::ended);
  EXPECT_NE(remote->link_error().find("schema_changed"), std::string::npos) << remote->link_error();
}

TEST_F(Reconnecting, GivesUpAfterItsLimit) {
  auto options = fast();
  options.give_up_after = 50ms;
  am::rpc::Client client{options};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto never = remote->when("Open");
  wire.cut();
  EXPECT_EQ(never.wait_for(patience), Ended::unknown);
  EXPECT_EQ(remote->link().state, LinkState::ended);
  EXPECT_NE(remote->link_error().find("given up"), std::string::npos) << remote->link_error();
  EXPECT_EQ(remote->add("Open"), (Result{Result::not_sent, am::Reason::link}));
}

TEST_F(Reconnecting, DoesNotEvenTryWhenToldSo) {
  auto options = fast();
  options.reconnect = Reconnect::never;
  am::rpc::Client client{options};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto never = remote->when("Open");
  wire.cut();
  EXPECT_EQ(never.wait_for(patience), Ended::unknown);
  EXPECT_EQ(remote->link().state, LinkState::ended);
}

TEST_F(Reconnecting, AMutationMayWaitForTheLink) {
  auto options = fast();
  options.call_timeout = 30s;
  am::rpc::Client client{options};
  auto patient = client.attach({.when_down = WhenDown::wait});
  auto hasty = client.attach();
  ASSERT_TRUE(patient && hasty);
  wire.cut();
  ASSERT_TRUE(reaches(*patient, LinkState::stale));
  ASSERT_TRUE(reaches(*hasty, LinkState::stale));
  const auto opened = patient->add_async("Open");
  const auto closed = patient->add_async("Closed");
  const auto expired = patient->add_async("Knock", {}, {.ttl = 1ms});
  EXPECT_EQ(hasty->add("Knock"), (Result{Result::not_sent, am::Reason::link}));
  EXPECT_EQ(expired.get(), (Result{Result::not_sent, am::Reason::expired}));
  EXPECT_FALSE(opened.done());
  wire.mend();
  EXPECT_EQ(opened.get(), Result::executed);
  EXPECT_EQ(closed.get(), Result::executed);
  EXPECT_TRUE(patient->is("Closed"));
  EXPECT_EQ(source.tick("Open"), am::Tick{2}) << "in the order of the calls";
  EXPECT_EQ(source.tick("Knock"), am::Tick{0});
}

TEST_F(Reconnecting, AMutationThatWaitedTooLongWasNotSent) {
  auto options = fast();
  options.call_timeout = 20ms;
  options.when_down = WhenDown::wait;
  am::rpc::Client client{options};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  wire.cut();
  ASSERT_TRUE(reaches(*remote, LinkState::stale));
  EXPECT_EQ(remote->add("Open"), (Result{Result::not_sent, am::Reason::timeout}));
}

TEST_F(Reconnecting, ASessionEndsWithItsRemoteMachineOrItsTime) {
  server.emplace(source, am::rpc::ServerOptions{.session_ttl = 50ms});
  wire.aim(server->endpoint());
  am::rpc::Client client{fast()};
  const auto waiting = [&] { return server->stats().sessions_waiting; };
  const auto comes_to = [&](std::uint64_t wanted) {
    const auto limit = std::chrono::steady_clock::now() + patience;
    while (waiting() != wanted && std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(1ms);
    }
    return waiting() == wanted;
  };
  {
    auto remote = client.attach();
    ASSERT_TRUE(remote);
    remote->add("Open");
  }
  ASSERT_TRUE(client.attach());
  EXPECT_EQ(waiting(), 0U) << "it said bye";
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  wire.cut();
  EXPECT_TRUE(comes_to(1));
  EXPECT_TRUE(comes_to(0));
}

TEST_F(Reconnecting, AServerThatClosesIsLeftAloneUnlessWantedOtherwise) {
  am::rpc::Client modest{{.endpoint = server->endpoint()}};
  auto options = fast();
  options.reconnect = Reconnect::always;
  am::rpc::Client insistent{options};
  auto first = modest.attach();
  auto second = insistent.attach();
  ASSERT_TRUE(first && second);
  am::Machine next{door(), {.id = "door"}};
  am::rpc::Server after{next};
  wire.aim(after.endpoint());
  EXPECT_TRUE(server->stop());
  EXPECT_TRUE(reaches(*first, LinkState::ended));
  const auto open = second->when("Open");
  next.add("Open");
  EXPECT_EQ(open.wait_for(patience), Ended::fired);
}

TEST(ReconnectingInproc, FindsTheServerThatReplacesAnother) {
  am::Machine first{door(), {.id = "door"}};
  am::Machine second{door(), {.id = "door"}};
  const am::rpc::ServerOptions options{.endpoint = "inproc://reconnecting"};
  std::optional<am::rpc::Server> server{std::in_place, first, options};
  am::rpc::Client client{
      {.endpoint = options.endpoint, .retry_delay = 5ms, .handshake_timeout = 200ms}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  const auto open = remote->when("Open");
  EXPECT_TRUE(server->stop(am::rpc::Restarting{}));
  ASSERT_TRUE(reaches(*remote, LinkState::stale));
  server.reset();
  server.emplace(second, options);
  second.add("Open");
  EXPECT_EQ(open.wait_for(patience), Ended::fired);
  EXPECT_EQ(remote->epochs(), 1U);
}

}  // namespace
