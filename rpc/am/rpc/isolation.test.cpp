// Handlers that take long behind an endpoint, and who waits for them: one process, real sockets.
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/door_test.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;
using am::rpc::testing::Noted;
using am::rpc::testing::patience;

/// Three machines behind one endpoint, the first two with a handler that waits for the test.
struct Isolation : testing::Test {
  Isolation() {
    for (auto* machine : {&slow, &slower}) {
      machine->on("BusyState", [this](am::Event&) {
        ++inside;
        inside.notify_all();
        go_on.wait();
      });
      server.expose(*machine);
    }
    server.expose(quick);
  }
  ~Isolation() override {
    if (!gone_on.exchange(true)) go_on.count_down();
  }

  am::rpc::RemoteMachine attach(const char* machine) {
    auto attached = client.attach({.machine = machine});
    if (!attached) throw std::runtime_error(attached.error().message);
    return std::move(*attached);
  }
  void wait_until_inside(int handlers) {
    for (int now = inside; now < handlers; now = inside) inside.wait(now);
  }
  void let_go_on() {
    gone_on = true;
    go_on.count_down();
  }
  static void expect_answers(am::rpc::RemoteMachine& machine) {
    for (int i = 0; i < 100; ++i) ASSERT_EQ(machine.add("Knock"), Result::executed);
  }

  static am::Schema schema() { return {{"Busy", {}}, {"Knock", {.multi = true}}}; }

  std::atomic<int> inside{0};
  std::latch go_on{1};
  std::atomic<bool> gone_on{false};
  am::Machine slow{schema(), {.id = "slow"}};
  am::Machine slower{schema(), {.id = "slower"}};
  am::Machine quick{schema(), {.id = "quick"}};
  am::rpc::Server server{am::rpc::ServerOptions{}};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
};

TEST_F(Isolation, a_handler_that_blocks_delays_no_other_machine) {
  auto blocked = attach("slow");
  auto free = attach("quick");
  const auto busy = blocked.add_async("Busy");
  wait_until_inside(1);
  expect_answers(free);
  EXPECT_FALSE(busy.done());
  let_go_on();
  EXPECT_EQ(busy.get_for(patience), Result::executed);
  expect_answers(free);
  expect_answers(blocked);
}

TEST_F(Isolation, several_handlers_that_block_delay_no_other_machine) {
  auto blocked = attach("slow");
  auto blocked_too = attach("slower");
  auto free = attach("quick");
  const auto busy = blocked.add_async("Busy");
  const auto busy_too = blocked_too.add_async("Busy");
  wait_until_inside(2);
  expect_answers(free);
  let_go_on();
  EXPECT_EQ(busy.get_for(patience), Result::executed);
  EXPECT_EQ(busy_too.get_for(patience), Result::executed);
}

TEST_F(Isolation, clocks_are_pushed_while_a_handler_blocks) {
  auto blocked = attach("slow");
  auto free = attach("quick");
  const auto busy = blocked.add_async("Busy");
  wait_until_inside(1);
  const auto knocked = free.when("Knock");
  quick.add("Knock");
  EXPECT_EQ(knocked.wait_for(patience), am::Ended::fired);
  let_go_on();
  EXPECT_EQ(busy.get_for(patience), Result::executed);
}

TEST_F(Isolation, requests_of_a_link_run_in_order_when_another_thread_takes_over) {
  constexpr std::size_t count = 200;
  std::vector<std::string> names;
  std::vector<am::Schema::Entry> entries{{"Busy", {}}};
  for (std::size_t i = 0; i < count; ++i) {
    names.push_back("S" + std::to_string(i));
    entries.push_back({names.back(), {}});
  }
  am::Machine ordered{am::Schema(entries), {.id = "ordered"}};
  Noted<std::vector<std::string>> ran;
  ordered.on("BusyState", [&](am::Event&) {
    ++inside;
    inside.notify_all();
    go_on.wait();
  });
  for (const auto& name : names) {
    ordered.on(name + "State",
               [&ran, name](am::Event&) { ran.change([&](auto& all) { all.push_back(name); }); });
  }
  server.expose(ordered);
  auto remote = attach("ordered");
  auto free = attach("quick");
  std::vector<am::Pending<Result>> results;
  results.push_back(remote.add_async("Busy"));
  for (std::size_t i = 0; i < count / 2; ++i) results.push_back(remote.add_async(names[i]));
  wait_until_inside(1);
  expect_answers(free);  // by another thread
  for (std::size_t i = count / 2; i < count; ++i) results.push_back(remote.add_async(names[i]));
  expect_answers(free);
  let_go_on();
  for (const auto& result : results) EXPECT_EQ(result.get_for(patience), Result::executed);
  EXPECT_EQ(ran.get(), names);
}

TEST_F(Isolation, a_handler_may_call_another_machine_of_its_own_server) {
  auto free = attach("quick");
  am::Machine caller{{{"Call", {}}}, {.id = "caller"}};
  std::promise<Result> result;
  caller.on("CallState", [&](am::Event&) { result.set_value(free.add("Knock")); });
  server.expose(caller);
  auto remote = attach("caller");
  EXPECT_EQ(remote.add("Call"), Result::executed);
  EXPECT_EQ(result.get_future().get(), Result::executed);
}

TEST_F(Isolation, many_threads_call_through_one_client) {
  constexpr int threads = 16;
  constexpr int calls = 200;
  auto remote = attach("quick");
  std::atomic<int> executed{0};
  {
    std::vector<std::jthread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&] {
        for (int call = 0; call < calls; ++call) {
          executed += remote.add("Knock") == Result::executed ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(executed, threads * calls);
  EXPECT_EQ(remote.tick("Knock"), quick.tick("Knock"));
}

}  // namespace
