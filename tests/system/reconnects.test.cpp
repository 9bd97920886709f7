// Memory and descriptors over an hour's worth of lost connections.
//
// How they are counted: by default a client pauses 100 ms after a loss, less up to a quarter, so a
// connection that is lost whenever it has just been made is lost some ten times a second, 36,000
// times an hour: no hour has more. Here 16 clients are cut off 2,250 times each, with a pause of
// 1 ms, and each makes a call in between. A server that is away for an hour is tried every 5 s, 720
// times. Clients and server are in one process, so that what either leaves behind shows in the same
// figure.
#include "process.hpp"

#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/loopback_test.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <malloc.h>
#include <sys/socket.h>

#include <functional>
#include <list>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;
using system_test::descriptors_of;
using system_test::memory_of;
using system_test::patience;

bool eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Bytes that are allocated.
std::size_t heap_in_use() { return mallinfo2().uordblks; }

/// Ends all connections of this process that lead to `port`, as a router that forgets them does.
void cut_off(std::uint16_t port) {
  std::vector<int> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    all.push_back(std::stoi(entry.path().filename()));
  }
  for (const int descriptor : all) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    // Most are no sockets; one that has been closed meanwhile, or taken for another file, neither.
    if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) {
      shutdown(descriptor, SHUT_RDWR);
    }
  }
}

struct Member {
  explicit Member(const std::string& endpoint)
      : client({.endpoint = endpoint,
                .call_timeout = patience,
                .when_down = am::rpc::WhenDown::wait,
                .retry_delay = 1ms,
                .retry_delay_max = 1ms}) {
    auto attached = client.attach({.timeout = patience});
    if (!attached) throw std::runtime_error(attached.error().message);
    remote.emplace(std::move(*attached));
  }
  am::rpc::Client client;
  std::optional<am::rpc::RemoteMachine> remote{};
};

TEST(Reconnects, of_an_hour_leave_memory_and_descriptors_as_they_were) {
  am::Machine machine{{{"Knock", {.multi = true}}, {"Light", {}}}, {.id = "source"}};
  unsigned long knocks = 0;
  machine.on("KnockState", [&](am::Event&) { ++knocks; });
  am::rpc::Server server{machine, {.push_interval = 1ms}};
  const auto port = am::rpc::testing::port_of(server.endpoint());
  constexpr unsigned long members = 16;
  std::list<Member> all;
  for (unsigned long i = 0; i < members; ++i) all.emplace_back(server.endpoint());
  unsigned long rounds = 0;
  int wrong = 0;
  const auto cut_all = [&](unsigned long times) {
    for (unsigned long i = 0; i < times; ++i) {
      cut_off(port);
      ++rounds;
      ASSERT_TRUE(eventually([&] { return server.stats().links_resumed >= rounds * members; }))
          << server.stats().links_resumed << " of " << rounds * members;
      std::vector<am::Pending<Result>> calls;
      for (auto& member : all) calls.push_back(member.remote->add_async("Knock"));
      for (auto& call : calls) wrong += call.get() == Result::executed ? 0 : 1;
    }
  };
  cut_all(250);  // brings the process to its size
  const auto heap = heap_in_use();
  const auto memory = memory_of("self");
  const auto descriptors = descriptors_of("self");
  cut_all(2000);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(knocks, rounds * members);
  EXPECT_EQ(server.stats().links_open, members);
  EXPECT_TRUE(eventually([&] { return descriptors_of("self") <= descriptors; }))
      << descriptors_of("self") << " descriptors, " << descriptors << " before";
  // 32,000 reconnects that leave more than 16 bytes each would be seen; what is free between used
  // pieces of the heap may grow for a while.
  EXPECT_LT(heap_in_use(), heap + (512U << 10U));
  EXPECT_LT(memory_of("self"), memory + (4U << 20U));
}

TEST(Reconnects, that_an_hour_of_absence_sees_tried_leave_memory_and_descriptors_as_they_were) {
  // Listens, but closes what comes: attempts can be counted.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = am::rpc::testing::loopback(0);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 16), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const am::rpc::Client client{
      {.endpoint = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
       .retry_delay = 1ms,
       .retry_delay_max = 1ms}};
  const auto turn_away = [&](int times) {
    for (int i = 0; i < times; ++i) {
      pollfd comes{listener, POLLIN, 0};
      ASSERT_EQ(poll(&comes, 1, 60'000), 1) << "attempt " << i;
      const int peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      ASSERT_GE(peer, 0);
      close(peer);
    }
  };
  turn_away(100);
  const auto heap = heap_in_use();
  const auto descriptors = descriptors_of("self");
  turn_away(720);
  EXPECT_TRUE(eventually([&] { return descriptors_of("self") <= descriptors; }));
  EXPECT_LT(heap_in_use(), heap + (32U << 10U));
  close(listener);
}

}  // namespace
