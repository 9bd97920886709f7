// The trap register of the specification: what must not happen here. Named by number; the traps
// that other tests show are listed in README.md.
#include "support.hpp"

#include <am/helpers/pipe.hpp>
#include <am/task.hpp>

#include <future>
#include <optional>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Ended;
using am::Result;
using remote::patience;
using remote::plain;
using remote::Subject;
using remote::ticks;
using remote::Where;

TEST(Trap, T4AChangeOfTheQueueAloneReachesTheProxy) {
  Subject m{Where::inproc, {{"A", {.require = {"B"}}}, {"B"}}, {}, {.push_interval = 1ms}};
  const auto tick = am::QueueTick{m->queue_tick().value + 3};
  const auto run = m->when_queue(tick);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(m.source().add("A"), Result::canceled);
  EXPECT_EQ(run.wait_for(patience), Ended::fired);
  m.source().add("B");  // and the next digest fits
  EXPECT_EQ(m->when("B").wait_for(patience), Ended::fired);
  m.expect_strict();
}

TEST(Trap, T5ACallThatTimesOutHasRunOnce) {
  std::promise<void> release;
  std::atomic<int> calls{0};
  Subject m{Where::tcp, plain(), {}, {}, {.call_timeout = 50ms}};
  m.source().on_state("D", [&](am::Event&) {
    ++calls;
    release.get_future().wait();
  });
  EXPECT_EQ(m->add("D"), (Result{Result::unknown, am::Reason::timeout}));
  release.set_value();
  EXPECT_EQ(m->when("D").wait_for(patience), Ended::fired);
  EXPECT_TRUE(m.settle());
  EXPECT_EQ(calls, 1);
}

TEST(Trap, T6APermanentErrorIsAnsweredOnceAndAtOnce) {
  Subject m{Where::inproc, plain()};
  EXPECT_FALSE(m.client().attach({.machine = "nobody", .timeout = patience}));
  EXPECT_EQ(m.server().stats().links_refused, 1U);
  EXPECT_EQ(m->add("A"), Result::executed);
}

TEST(Trap, T7APushRightAfterTheWelcomeIsNotLost) {
  am::Machine source{{{"A", {.multi = true}}}};
  am::rpc::Server server{source,
                         {.endpoint = remote::endpoint(Where::inproc), .push_interval = 1ms}};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  for (int i = 0; i < 20; ++i) {
    auto proxy = [&] {
      const std::jthread busy([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) source.add("A");
      });
      auto attached = client.attach({.timeout = patience});
      const auto more = attached->when_ticks("A", 10);
      EXPECT_EQ(more.wait_for(patience), Ended::fired);
      return attached;
    }();
    const auto goal = source.tick("A");
    EXPECT_EQ(proxy->when_time("A", goal).wait_for(patience), Ended::fired);
    EXPECT_EQ(proxy->time(), source.time());
    EXPECT_EQ(proxy->traffic().resyncs, 0U);
  }
}

TEST(Trap, T8CallsArriveInTheirOrder) {
  Subject m{Where::tcp, plain()};
  std::vector<std::int64_t> order;
  m.source().on("AEnter", [&](am::Event& e) {
    order.push_back(std::get<std::int64_t>(*e.args().get_if("n")));
    return false;
  });
  std::vector<am::Pending<Result>> results;
  for (std::int64_t n = 0; n < 500; ++n) {
    results.push_back(m->add_async("A", am::Args{}.with("n", am::Value{n})));
  }
  for (const auto& result : results) EXPECT_EQ(result.get_for(patience), Result::canceled);
  ASSERT_EQ(order.size(), 500U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(Trap, T14AnEmptyListIsNotAMissingOne) {
  Subject m{Where::tcp, plain(), {"A", "B"}};
  EXPECT_EQ(m->set(am::StateList{}), Result::executed);
  EXPECT_EQ(remote::active(*m), "");
  m.expect_strict();
}

TEST(Trap, T24TheEndOfAProxyReleasesEverything) {
  am::Machine source{plain()};
  source.add("A");
  am::rpc::Server server{source, {.endpoint = remote::endpoint(Where::inproc)}};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  auto proxy = client.attach({.timeout = patience});
  ASSERT_TRUE(proxy);
  const std::vector<am::Wait> waits{proxy->when("B"), proxy->when_not("A"),
                                    proxy->when_time("A", am::Tick{9}),
                                    proxy->when_query([](const am::Time&) { return false; }),
                                    proxy->when_queue(am::QueueTick{99})};
  const auto context = proxy->while_active("A");
  std::promise<Ended> continued;
  const auto continuation = waits[0].then([&](Ended ended) { continued.set_value(ended); });
  { const auto gone = std::move(*proxy); }
  for (const auto& wait : waits) EXPECT_EQ(wait.wait_for(patience), Ended::disposed);
  EXPECT_TRUE(context.stop_requested());
  EXPECT_EQ(continued.get_future().get(), Ended::disposed);
}

TEST(Trap, T27ARestoredSourceIsFollowed) {
  Subject m{Where::tcp, plain(), {}, {.push_interval = 1ms}};
  m->add({"A", "B"});
  auto saved = m.source().save();
  saved.time.ticks.assign(saved.time.size(), am::Tick{0});
  saved.time.ticks[2] = am::Tick{(std::uint64_t{1} << 33U) + 1};
  m.source().restore(saved, am::Rewind::allowed);
  EXPECT_EQ(m->when("C").wait_for(patience), Ended::fired);
  EXPECT_TRUE(m.settle());
  EXPECT_EQ(m->machine_tick().value, 1U);
  EXPECT_EQ(m->add("D"), Result::executed);
  EXPECT_EQ(m->time(), m.source().time());
  EXPECT_EQ(m.proxy().traffic().resyncs, 0U);
}

struct NotRegistered {};

TEST(Trap, T28WhatCannotBeEncodedLeavesNothingBehind) {
  Subject m{Where::tcp, plain()};
  const auto before = m.client().traffic().frames_out;
  EXPECT_THROW(m->add("A", NotRegistered{}), am::Error);
  EXPECT_EQ(m.client().traffic().frames_out, before);
  EXPECT_EQ(m->add("B"), Result::executed);
  EXPECT_EQ(remote::active(*m), "B");
}

TEST(Trap, T30APipeLeadsFromProxyToProxy) {
  Subject from{Where::inproc, plain()};
  Subject to{Where::tcp, plain()};
  const am::Pipe pipe{*from, *to, {{"A"}, {"B", "C"}}};
  from.source().add({"A", "B"});
  EXPECT_EQ(to.source().when({"A", "C"}).wait_for(patience), Ended::fired);
  from->remove("A");
  EXPECT_EQ(to.source().when_not("A").wait_for(patience), Ended::fired);
}

TEST(Trap, T31AQueryMayBeWaitedForWithAToken) {
  Subject m{Where::inproc, plain()};
  const auto query = m->when_query([](const am::Time& now) { return now[0].active(); });
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(query.wait(stop.get_token()), Ended::stopped);
  m->add("A");
  EXPECT_EQ(query.wait_for(patience), Ended::fired);
}

TEST(Trap, T32ARestartInsideOneUpdateIsNoticed) {
  // Everything below happens within one push.
  Subject m{Where::inproc, plain(), {"A"}, {.push = false}};
  const auto a = m->while_active("A");
  const auto again = m->when_next_active("A");
  const auto on_and_off = m->when_ticks("C", 2);
  for (const auto* state : {"A", "C"}) {
    m.source().toggle(state);
    m.source().toggle(state);
  }
  EXPECT_FALSE(a.stop_requested());
  m->add("B");  // its reply brings all of it
  EXPECT_EQ(ticks(*m, {"A", "B", "C"}), "3 1 2");
  EXPECT_TRUE(a.stop_requested());
  EXPECT_TRUE(m->is("A"));
  EXPECT_EQ(again.wait_for(patience), Ended::fired);
  EXPECT_EQ(on_and_off.wait_for(patience), Ended::fired);
}

TEST(Trap, T33AnErrorMayBeAddedThroughAProxy) {
  Subject m{Where::tcp, plain()};
  std::string said;
  m.source().on("ExceptionState", [&](am::Event& e) { said = e.args<am::ErrorInfo>().message; });
  EXPECT_EQ(m->add_error({"it broke", "here"}), Result::executed);
  EXPECT_TRUE(m->is("Exception"));
  EXPECT_EQ(said, "it broke");
}

TEST(Trap, T43EachLinkHasItsOwnSettings) {
  am::Machine source{remote::related()};
  am::rpc::Server server{source, {.endpoint = remote::endpoint(Where::inproc)}};
  // One that knows the schema, one that knows none, one that knows another, in turns.
  const std::vector<std::optional<am::CompiledSchema>> all_known{source.schema(), std::nullopt,
                                                                 am::CompiledSchema(plain())};
  for (const auto& known : all_known) {
    am::rpc::Client client{{.endpoint = server.endpoint()}};
    auto proxy = client.attach({.schema = known, .timeout = patience});
    ASSERT_TRUE(proxy);
    EXPECT_EQ(proxy->add("D"), Result::executed);
    EXPECT_EQ(proxy->time(), source.time());
    EXPECT_EQ(remote::active(*proxy), "A B C D");
    proxy->set(am::StateList{});
  }
}

TEST(Trap, T44AStuckCallHoldsUpNoOther) {
  am::Machine stuck{plain(), {.id = "stuck"}};
  am::Machine other{plain(), {.id = "other"}};
  am::rpc::Server server{stuck, {.endpoint = "tcp://127.0.0.1:0"}};
  server.expose(other);
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  auto to_stuck = client.attach({.machine = "stuck", .timeout = patience});
  auto to_other = client.attach({.machine = "other", .timeout = patience});
  ASSERT_TRUE(to_stuck && to_other);
  std::promise<void> release;
  std::promise<void> entered;
  stuck.on_state("A", [&](am::Event&) {
    entered.set_value();
    release.get_future().wait();
  });
  std::jthread drainer([&] { stuck.add("A"); });
  entered.get_future().wait();
  const auto call = to_stuck->add_async("B");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(to_other->toggle("A"), Result::executed);
  EXPECT_FALSE(call.done());
  release.set_value();
  EXPECT_EQ(call.get_for(patience), Result::executed);
  EXPECT_TRUE(to_stuck->is({"A", "B"}));
}

}  // namespace
