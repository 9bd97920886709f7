// A client whose I/O thread is held up for long, between a real server and real clients.
#include <am/event.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace am::rpc {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;
/// More than the queues of both ends take.
constexpr std::uint64_t changes = 3'000;

struct HeldUpClient : ::testing::Test {
  ~HeldUpClient() override { let_go(); }
  void let_go() {
    if (!std::exchange(gone, true)) release.set_value();
  }
  RemoteMachine attach(Client& client) {
    auto attached = client.attach({.timeout = patience});
    if (!attached) throw std::runtime_error(attached.error().message);
    return std::move(*attached);
  }

  std::mutex mutex;
  std::vector<std::string> lines;
  Machine source{{{"On", {}}, {"Hold", {}}}};
  // Queues of a known size: a socket of the system would hide how much is on its way.
  Server server{
      source, {.endpoint = "inproc://held-up-client", .push_interval = 0ms, .log = [this](auto l) {
                 const std::lock_guard lock(mutex);
                 lines.emplace_back(l);
               }}};
  Client quick_client{{.endpoint = server.endpoint()}};
  Client held_client{{.endpoint = server.endpoint()}};
  RemoteMachine quick = attach(quick_client);
  RemoteMachine held = attach(held_client);
  std::promise<void> release;
  bool gone = false;
};

TEST_F(HeldUpClient, GetsTheNewestClocksAndKeepsItsConnection) {
  std::promise<void> inside;
  held.on_state("Hold", [&, released = release.get_future().share()](Event&) {
    inside.set_value();
    released.wait();
  });
  source.add("Hold");
  ASSERT_EQ(inside.get_future().wait_for(patience), std::future_status::ready);

  for (std::uint64_t i = 1; i <= changes; ++i) {
    source.toggle("On");
    // Each change is a push of its own to those who read.
    ASSERT_EQ(quick.when_time("On", Tick{i}).wait_for(patience), Ended::fired);
  }
  EXPECT_LT(held.tick("On"), source.tick("On"));
  let_go();

  EXPECT_EQ(held.when_time("On", Tick{changes}).wait_for(patience), Ended::fired);
  EXPECT_TRUE(held.connected());
  EXPECT_LT(held.traffic().pushes, changes / 2);
  const auto stats = server.stats();
  EXPECT_EQ(stats.links_broken, 0U);
  EXPECT_EQ(stats.links_opened, 2U);
  const std::lock_guard lock(mutex);
  EXPECT_TRUE(lines.empty()) << lines.front();
}

}  // namespace
}  // namespace am::rpc
