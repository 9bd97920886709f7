// Waiting for remote machines without blocking: one process, real sockets.
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>
#include <am/task.hpp>
#include <am/thread_executor.hpp>

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

struct RemoteAsync : testing::Test {
  am::Machine source{{{"A", {}}, {"B", {.require = {"A"}}}, {"M", {.multi = true}}}};
  am::rpc::Server server{source, {.endpoint = "tcp://127.0.0.1:0", .push_interval = 1ms}};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  am::rpc::RemoteMachine remote = [&] {
    auto attached = client.attach();
    if (!attached) throw std::runtime_error("no link");
    return std::move(*attached);
  }();
};

TEST_F(RemoteAsync, mutations_follow_one_another_without_waiting) {
  std::vector<am::Pending<Result>> results;
  for (int i = 0; i < 200; ++i) results.push_back(remote.add_async("M"));
  for (const auto& result : results) EXPECT_EQ(result.get_for(patience), Result::executed);
  EXPECT_EQ(remote.tick("M"), am::Tick{399});
  EXPECT_EQ(remote.add_async("B").get().reason(), source.add("B").reason());
}

TEST_F(RemoteAsync, continuations_may_mutate_the_machine) {
  std::promise<Result> result;
  remote.when("A").then([&] { result.set_value(remote.add("B")); });
  source.add("A");
  auto future = result.get_future();
  ASSERT_EQ(future.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(future.get(), Result::executed);
}

am::Task<Result> follow(am::Api machine) {
  co_await machine.when("A");
  const auto added = co_await machine.add_async("B");
  if (added != Result::executed) co_return added;
  co_return machine.remove("B");
}

TEST_F(RemoteAsync, tasks_wait_for_it_as_for_a_local_one) {
  const auto worker = std::make_shared<am::ThreadExecutor>();
  const auto here = am::spawn(worker, follow(remote));
  const auto anywhere = am::spawn(am::inline_executor(), follow(remote));
  source.add("A");
  ASSERT_TRUE(here.wait_for(patience));
  ASSERT_TRUE(anywhere.wait_for(patience));
  EXPECT_EQ(here.get(), Result::executed);
  EXPECT_EQ(anywhere.get(), Result::executed);
}

TEST_F(RemoteAsync, mutations_without_a_link_are_not_sent) {
  server.stop();
  remote.when("B").wait_for(patience);
  EXPECT_EQ(remote.add_async("A").get_for(patience), Result(Result::not_sent, am::Reason::link));
  client.stop();
  EXPECT_EQ(remote.add_async("A").get_for(patience), Result(Result::not_sent, am::Reason::link));
}

}  // namespace
