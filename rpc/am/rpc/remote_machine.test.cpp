// Machines behind an endpoint, as their users see them: one process, real sockets.
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/door_test.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using am::Result;
using am::rpc::LinkErrc;
using am::rpc::testing::door;
using am::rpc::testing::fresh_inproc;
using am::rpc::testing::Noted;
using am::rpc::testing::patience;

std::string fresh_endpoint(const std::string& scheme) {
  if (scheme == "tcp") return "tcp://127.0.0.1:0";
  if (scheme == "ipc") return "ipc://*";
  return fresh_inproc();
}

/// A door, its server and a client, over one kind of transport.
class Remote : public testing::TestWithParam<const char*> {
 protected:
  am::Machine source{door(), {.id = "door"}};
  am::rpc::Server server{source, {.endpoint = fresh_endpoint(GetParam()), .push_interval = 1ms}};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
};

INSTANTIATE_TEST_SUITE_P(Over, Remote, testing::Values("tcp", "ipc", "inproc"),
                         [](const auto& over) { return std::string(over.param); });

TEST_P(Remote, knows_schema_and_clocks_once_attached) {
  source.add("Closed");
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  EXPECT_EQ(remote->id(), "door");
  EXPECT_FALSE(remote->is_local());
  EXPECT_EQ(remote->schema().fingerprint(), source.schema().fingerprint());
  EXPECT_TRUE(remote->is("Closed"));
  EXPECT_EQ(remote->time(), source.time());
  EXPECT_EQ(remote->queue_tick(), source.queue_tick());
  EXPECT_EQ(fmt::format("{:a}", *remote), fmt::format("{:a}", source));
}

TEST_P(Remote, shows_the_effect_of_a_mutation_when_it_returns) {
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  EXPECT_EQ(remote->add({"Closed", "Locked"}), Result::executed);
  EXPECT_TRUE(remote->is({"Closed", "Locked"}));
  EXPECT_EQ(remote->add("Open"), Result::executed);
  EXPECT_TRUE(remote->is_not({"Closed", "Locked"}));
  EXPECT_EQ(remote->add("Locked"), (Result{Result::canceled, am::Reason::requirement}));
  EXPECT_EQ(remote->toggle("Open"), Result::executed);
  EXPECT_EQ(remote->set({"Closed"}), Result::executed);
  EXPECT_EQ(remote->remove("Closed"), Result::executed);
  EXPECT_EQ(remote->can_add("Locked"), Result::canceled);
  EXPECT_EQ(remote->can_add("Open"), Result::executed);
  EXPECT_EQ(remote->time(), source.time());
}

TEST_P(Remote, waits_are_answered_by_pushes) {
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto locked = remote->when("Locked");
  const auto knocked = remote->when_ticks("Knock", 5);
  const auto open = remote->when("Open");
  source.add({"Closed", "Locked"});
  EXPECT_EQ(locked.wait_for(patience), am::Ended::fired);
  const auto token = remote->while_active("Locked");
  EXPECT_FALSE(token.stop_requested());
  const auto unlocked = remote->when_not("Locked");
  for (int i = 0; i < 3; ++i) source.add("Knock");
  EXPECT_EQ(knocked.wait_for(patience), am::Ended::fired);
  source.remove("Locked");
  EXPECT_EQ(unlocked.wait_for(patience), am::Ended::fired);
  EXPECT_TRUE(token.stop_requested());
  EXPECT_FALSE(open.done());
}

TEST_P(Remote, several_machines_share_one_connection) {
  am::Machine second{{{"A", {}}}, {.id = "second"}};
  server.expose(second);
  auto first = client.attach();
  auto again = client.attach({.machine = "door"});
  auto other = client.attach({.machine = "second"});
  ASSERT_TRUE(first && again && other);
  EXPECT_EQ(other->add("A"), Result::executed);
  EXPECT_TRUE(second.is("A"));
  first->add("Open");
  EXPECT_EQ(again->when("Open").wait_for(patience), am::Ended::fired);
  EXPECT_EQ(server.stats().links_open, 3U);
}

TEST_P(Remote, refuses_a_machine_that_is_not_exposed_by_name) {
  const auto missing = client.attach({.machine = "window"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, LinkErrc::refused);
  EXPECT_NE(missing.error().message.find("\"window\""), std::string::npos);
  EXPECT_EQ(server.stats().links_refused, 1U);
}

TEST_P(Remote, does_not_send_a_schema_that_is_known) {
  auto adopted = client.attach({.schema = source.schema(), .require_same_schema = true});
  ASSERT_TRUE(adopted);
  EXPECT_EQ(adopted->add("Open"), Result::executed);
  const auto other = client.attach(
      {.schema = am::CompiledSchema(am::Schema{{"A", {}}}), .require_same_schema = true});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, LinkErrc::schema);
  auto taken_over = client.attach({.schema = am::CompiledSchema(am::Schema{{"A", {}}})});
  ASSERT_TRUE(taken_over);
  EXPECT_TRUE(taken_over->is("Open"));
}

TEST_P(Remote, carries_arguments_and_errors) {
  Noted<std::string> said;
  source.on("KnockState",
            [&](am::Event& e) { said.set(std::get<std::string>(*e.args().get_if("say"))); });
  Noted<std::string> error;
  source.on("ExceptionState", [&](am::Event& e) { error.set(e.args<am::ErrorInfo>().message); });
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  EXPECT_EQ(remote->add("Knock", am::Args{}.with("say", std::string("hello"))), Result::executed);
  EXPECT_EQ(said.get(), "hello");
  EXPECT_EQ(remote->add_error({"stuck"}), Result::executed);
  EXPECT_EQ(error.get(), "stuck");
  EXPECT_TRUE(remote->is("Exception"));
  EXPECT_EQ(source.last_error()->message, "stuck");
  struct Unregistered {};
  EXPECT_THROW(remote->add("Knock", Unregistered{}), am::Error);
}

TEST_P(Remote, throws_for_unknown_states_before_anything_is_sent) {
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto sent = remote->traffic().mutations;
  EXPECT_THROW(remote->add("Opem"), am::Error);
  EXPECT_THROW(remote->is("Opem"), am::Error);
  EXPECT_THROW(remote->when("Opem"), am::Error);
  EXPECT_EQ(remote->traffic().mutations, sent);
}

TEST_P(Remote, tells_everyone_when_the_server_stops) {
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  remote->add("Closed");
  const auto never = remote->when("Open");
  const auto token = remote->while_active("Closed");
  EXPECT_TRUE(server.stop());
  EXPECT_EQ(never.wait_for(patience), am::Ended::unknown);
  EXPECT_TRUE(token.stop_requested());
  EXPECT_FALSE(remote->connected());
  EXPECT_NE(remote->link_error(), "");
  EXPECT_EQ(remote->add("Open"), (Result{Result::not_sent, am::Reason::link}));
  EXPECT_TRUE(remote->is("Closed"));
  EXPECT_EQ(remote->when("Closed").ended(), am::Ended::unknown);
  EXPECT_EQ(source.add("Open"), Result::executed);
}

TEST_P(Remote, ends_waits_as_disposed_when_it_goes) {
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  am::Api handle = *remote;
  const auto never = handle.when("Open");
  { const auto gone = std::move(*remote); }
  EXPECT_EQ(never.wait_for(patience), am::Ended::disposed);
  EXPECT_TRUE(handle.disposed());
  EXPECT_EQ(handle.add("Open"), Result::not_sent);
  auto next = client.attach();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->add("Open"), Result::executed);
}

TEST_P(Remote, grows_with_its_source) {
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  remote->add("Closed");
  const auto open = remote->when("Open");
  const auto token = remote->while_active("Closed");
  source.extend_schema(door().merge({{"Window", {.require = {"Closed"}}}}));
  source.add("Window");
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (remote->schema().size() == 5 && std::chrono::steady_clock::now() < limit) {
    remote->when_ticks("Open", 1).wait_for(1ms);
  }
  ASSERT_EQ(remote->schema().fingerprint(), source.schema().fingerprint());
  EXPECT_EQ(remote->when({"Closed", "Window"}).wait_for(patience), am::Ended::fired);
  EXPECT_EQ(remote->epochs(), 0U);
  EXPECT_FALSE(token.stop_requested());
  EXPECT_EQ(remote->remove("Closed"), Result::executed);
  EXPECT_FALSE(remote->is("Window"));
  EXPECT_EQ(remote->add("Open"), Result::executed);
  EXPECT_EQ(open.ended(), am::Ended::fired);
}

TEST_P(Remote, never_hears_of_states_that_it_does_not_know) {
  am::rpc::Client once{{.endpoint = server.endpoint(), .reconnect = am::rpc::Reconnect::never}};
  auto schema = door();
  std::atomic<bool> stop{false};
  std::jthread toggling([&] {
    while (!stop) source.toggle(source.schema().names().back());
  });
  for (int step = 0; step < 20; ++step) {
    auto remote = once.attach();
    ASSERT_TRUE(remote) << remote.error().message;
    const auto known = remote->schema().size();
    schema = schema.merge({{"S" + std::to_string(step)}});
    std::jthread growing([&] { source.extend_schema(schema); });
    while (remote->connected()) {
      EXPECT_NE(remote->add("Knock"), Result::canceled);
      EXPECT_EQ(remote->time().ticks.size(), known);
    }
  }
  stop = true;
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  EXPECT_EQ(remote->schema().size(), 25U);
}

TEST_P(Remote, ends_as_disposed_when_its_source_does) {
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  remote->add("Closed");
  const auto never = remote->when("Open");
  const auto token = remote->while_active("Closed");
  source.dispose();
  EXPECT_EQ(never.wait_for(patience), am::Ended::disposed);
  EXPECT_TRUE(token.stop_requested());
  EXPECT_FALSE(remote->connected());
  EXPECT_TRUE(remote->disposed());
  const auto again = client.attach();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, LinkErrc::refused);
}

TEST_P(Remote, leaves_the_others_alone_when_thousands_go_at_once) {
  auto keep = client.attach();
  ASSERT_TRUE(keep);
  std::vector<am::rpc::RemoteMachine> many;
  for (int i = 0; i < 2'000; ++i) many.push_back(std::move(*client.attach()));
  many.clear();
  EXPECT_EQ(keep->add("Open"), Result::executed);
  EXPECT_TRUE(keep->connected()) << keep->link_error();
}

TEST_P(Remote, replies_after_the_mutations_that_handlers_queued) {
  source.on("ClosedState", [](am::Event& e) { e.machine().add("Locked"); });
  source.on("LockedState", [](am::Event& e) { e.machine().add("Knock"); });
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  EXPECT_EQ(remote->add("Closed"), Result::executed);
  EXPECT_TRUE(remote->is({"Closed", "Locked", "Knock"}));
}

// Design: the mutation is the caller's own, whoever happens to run the source's queue.
TEST_P(Remote, reads_its_own_writes_while_the_source_mutates_itself) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  const int calls = 2'000;
#else
  const int calls = 20'000;
#endif
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  std::atomic<bool> over{false};
  int bad = 0;
  {
    std::jthread first([&] {
      while (!over) source.toggle("Open");
    });
    std::jthread second([&] {
      while (!over) source.toggle("Locked");
    });
    const auto knock = remote->state("Knock");
    for (int i = 0; i < calls; ++i) {
      const auto before = remote->tick(knock);
      const auto result = remote->add(knock);
      bad += result == Result::executed ? 0 : 1;
      bad += remote->is(knock) ? 0 : 1;
      bad += remote->tick(knock) > before ? 0 : 1;
    }
    over = true;
  }
  EXPECT_EQ(bad, 0);
  EXPECT_EQ(remote->tick("Knock"), source.tick("Knock"));
  // Quiet now: everything that was held back arrives within a push interval.
  for (const auto* state : {"Closed", "Open", "Locked"}) {
    EXPECT_EQ(remote->when_time(state, source.tick(state)).wait_for(patience), am::Ended::fired);
  }
  EXPECT_EQ(remote->time(), source.time());
  EXPECT_EQ(remote->traffic().resyncs, 0U);
}

TEST_P(Remote, takes_calls_of_many_threads_at_once) {
  constexpr int threads = 8;
  constexpr int calls = 250;
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  std::atomic<int> executed{0};
  {
    std::latch start(threads);
    std::vector<std::jthread> callers;
    for (int t = 0; t < threads; ++t) {
      callers.emplace_back([&] {
        start.arrive_and_wait();
        for (int i = 0; i < calls; ++i)
          executed += remote->add("Knock") == Result::executed ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(executed, threads * calls);
  EXPECT_EQ(remote->tick("Knock").value, 2U * threads * calls - 1);
}

}  // namespace
