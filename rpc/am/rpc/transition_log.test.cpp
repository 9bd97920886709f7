// Remote machines that see each transition of their source.
#include <am/event.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/door_test.hpp>
#include <am/rpc/server.hpp>
#include <am/rpc/wire_test.hpp>
#include <am/tracer.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Ended;
using am::rpc::SyncOptions;
using am::rpc::testing::door;
using am::rpc::testing::Noted;
using am::rpc::testing::patience;
using am::rpc::testing::Wire;

using Lines = std::vector<std::string>;

/// Notes the transitions that it is told of.
struct Trace final : am::Tracer {
  void transition_end(const am::Transition& t) override {
    if (t.accepted && t.changes.empty()) return;  // the queue went on over what is not followed
    std::string line = to_string(t.type);
    for (const auto state : t.called) line += fmt::format(" {}", t.name(state));
    if (t.automatic) line += " automatic";
    if (!t.accepted) line += " canceled";
    for (const auto& change : t.changes) {
      line += fmt::format(" {}:{}", t.name(change.state), change.after.value);
    }
    lines.change([&](Lines& held) { held.push_back(std::move(line)); });
  }
  Lines take() {
    Lines taken;
    lines.change([&](Lines& held) { taken.swap(held); });
    return taken;
  }
  Noted<Lines> lines;
};

struct Logged : testing::Test {
  am::Machine source{door(), {.id = "door"}};
  am::rpc::Server server{source, {.push_interval = 1h}};
  Wire wire{server.endpoint()};
  am::rpc::Client client{
      {.endpoint = wire.endpoint(), .retry_delay = 5ms, .retry_delay_max = 20ms}};
  std::shared_ptr<Trace> trace = std::make_shared<Trace>();
  am::rpc::RemoteMachine remote{attached({.log = true})};

  am::rpc::RemoteMachine attached(SyncOptions sync) {
    auto machine = client.attach({.timeout = patience, .sync = std::move(sync)});
    if (!machine) throw std::runtime_error(machine.error().message);
    machine->trace(trace);
    return std::move(*machine);
  }
  /// What the remote machine was told until it is where the source is.
  Lines told() { return told(remote); }
  Lines told(am::rpc::RemoteMachine& machine) {
    EXPECT_EQ(machine.when_queue(source.queue_tick()).wait_for(patience), Ended::fired);
    return trace->take();
  }
};

TEST_F(Logged, EachTransitionIsAnUpdateWithItsTypeAndCalledStates) {
  source.add("Closed");
  source.add({"Locked", "Knock"});
  source.remove("Closed");
  source.add("Locked");
  source.set("Open");
  EXPECT_EQ(told(), (Lines{"add Closed Closed:1", "add Locked Knock Locked:1 Knock:1",
                           "remove Closed Closed:2 Locked:2", "add Locked canceled",
                           "set Open Open:1 Knock:2"}));
  EXPECT_EQ(remote.time(), source.time());
  EXPECT_EQ(remote.traffic().merged, 0U);
}

TEST_F(Logged, WaitsSeeStatesThatCameAndWent) {
  const auto open = remote.when("Open");
  source.add("Open");
  source.add("Closed");
  EXPECT_EQ(open.wait_for(patience), Ended::fired) << "for an instant it was";
}

TEST_F(Logged, TransitionsComeBeforeTheAnswerToWhatMadeThem) {
  source.on_state("Open", [this](am::Event&) { source.add("Knock"); });
  EXPECT_EQ(remote.add("Open"), am::Result::executed);
  EXPECT_EQ(trace->take(), (Lines{"add Open Open:1", "add Knock Knock:1"}));
  EXPECT_EQ(remote.traffic().merged, 0U);
}

TEST_F(Logged, ThousandsAreSeenInTheirOrder) {
  for (int i = 0; i < 2000; ++i) {
    remote.add_async("Knock");
    if (i % 100 == 99) remote.add("Knock");
  }
  const auto lines = told();
  ASSERT_EQ(lines.size(), 2020U);
  std::uint64_t tick = 1;
  for (const auto& line : lines) {
    ASSERT_EQ(line, fmt::format("add Knock Knock:{}", tick));
    tick += 2;
  }
}

TEST_F(Logged, WhatIsNotFollowedIsNotTold) {
  auto some = attached({.states = {{"Open", "Knock"}}, .log = true});
  static_cast<void>(told());
  trace->take();
  auto only = std::make_shared<Trace>();
  some.trace(only);
  source.add({"Open", "Closed"});  // they remove each other: canceled
  source.add({"Closed", "Knock"});
  source.add("Locked");
  source.add("Open");
  some.add("Knock");
  EXPECT_EQ(only->take(), (Lines{"add Open canceled", "add Knock Knock:1", "add Open Open:1",
                                 "add Knock Knock:3"}));
  EXPECT_EQ(some.tick("Knock"), source.tick("Knock"));
}

TEST_F(Logged, WhatHappensWithoutALinkComesMerged) {
  const auto stale = [this] {
    const auto limit = std::chrono::steady_clock::now() + patience;
    while (remote.connected() && std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(1ms);
    }
    return !remote.connected();
  };
  wire.cut();
  ASSERT_TRUE(stale());
  source.add("Closed");
  source.add("Open");
  wire.mend();
  ASSERT_EQ(remote.when("Open").wait_for(patience), Ended::fired);
  EXPECT_EQ(trace->take(), (Lines{"set Open Closed:2 Open:1"}));
  EXPECT_EQ(remote.traffic().merged, 1U);
  remote.add("Closed");
  EXPECT_EQ(trace->take(), (Lines{"add Closed Closed:3 Open:2"}));
}

TEST_F(Logged, MayBeTurnedOffAndOn) {
  ASSERT_FALSE(remote.choose({}));
  trace->take();
  source.add("Knock");
  source.add("Knock");
  remote.add("Knock");
  EXPECT_EQ(trace->take(), (Lines{"set Knock Knock:5"}));
  ASSERT_FALSE(remote.choose({.log = true}));
  trace->take();
  source.add("Knock");
  remote.add("Knock");
  EXPECT_EQ(trace->take(), (Lines{"add Knock Knock:7", "add Knock Knock:9"}));
}

TEST_F(Logged, ShallowTicksHaveNoLog) {
  EXPECT_FALSE(client.attach({.sync = SyncOptions{.shallow = true, .log = true}}));
  EXPECT_TRUE(remote.choose({.shallow = true, .log = true}));
}

TEST_F(Logged, ARestoredSourceComesMerged) {
  source.add("Open");
  static_cast<void>(told());
  const auto saved = source.save();
  source.add("Closed");
  static_cast<void>(told());
  source.restore(saved, am::Rewind::allowed);
  remote.add("Knock");
  EXPECT_TRUE(remote.is("Open"));
  EXPECT_EQ(remote.time(), source.time());
}

TEST_F(Logged, AProxyOfAProxySeesThemToo) {
  const am::rpc::Server between(
      remote, {.endpoint = am::rpc::testing::fresh_inproc(), .push_interval = 1h});
  am::rpc::Client far({.endpoint = between.endpoint()});
  auto leaf = far.attach({.timeout = patience, .sync = SyncOptions{.log = true}});
  ASSERT_TRUE(leaf);
  const auto seen = std::make_shared<Trace>();
  leaf->trace(seen);
  source.add("Closed");
  source.add("Locked");
  EXPECT_EQ(leaf->when_queue(source.queue_tick()).wait_for(patience), Ended::fired);
  EXPECT_EQ(seen->take(), (Lines{"add Closed Closed:1", "add Locked Locked:1"}));
}

}  // namespace
