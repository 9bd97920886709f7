#include <am/rpc/internal/transport/transport_test.hpp>

#include <am/error.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <array>
#include <thread>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;
using namespace testing;

// -- round trips ---------------------------------------------------------------------------------

class RoundTrip : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string endpoint() {
    const std::string kind = GetParam();
    if (kind == "tcp") return any_tcp;
    return kind == "ipc" ? fresh_ipc() : "inproc://round-trip";
  }
};

TEST_P(RoundTrip, ReturnsFramesOfEverySizeInOrder) {
  RunningServer server(endpoint());
  server.start();
  RunningClient client(server.transport.endpoint());
  client.start();
  std::vector<std::string> sent;
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 29, 33, 34, 255, 256, 4096, 65'536, 128 * 1024}) {
    sent.emplace_back(size, static_cast<char>('a' + sent.size()));
  }
  for (const auto& frame : sent) client.handler->post(frame);
  EXPECT_TRUE(client.handler->wait([&] { return client.handler->frames.size() == sent.size(); }));
  EXPECT_EQ(client.handler->frames, sent);
}

TEST_P(RoundTrip, CountsFramesAndTheirBytesOnTheWire) {
  RunningServer server(endpoint());
  server.start();
  RunningClient client(server.transport.endpoint());
  client.start();
  client.handler->post(std::string(32, 'x'));
  client.handler->post(std::string(300, 'x'));
  ASSERT_TRUE(client.handler->wait([&] { return client.handler->frames.size() == 2; }));
  // The server counts a frame when it is sent, maybe just after it has arrived.
  ASSERT_TRUE(eventually([&] { return server.transport.counters().frames_out == 2; }));
  for (const auto& counters : {client.transport.counters(), server.transport.counters()}) {
    EXPECT_EQ(counters.frames_in, 2U);
    EXPECT_EQ(counters.frames_out, 2U);
    EXPECT_EQ(counters.bytes_in, 34U + 309U);
    EXPECT_EQ(counters.bytes_out, 34U + 309U);
    EXPECT_EQ(counters.refused, 0U);
  }
}

TEST_P(RoundTrip, ServesAHundredClients) {
  RunningServer server(endpoint());
  server.start();
  std::vector<std::unique_ptr<RunningClient>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<RunningClient>(server.transport.endpoint()));
    clients.back()->handler->outbox = {std::to_string(i), "again"};
    clients.back()->start();
  }
  for (int i = 0; i < 100; ++i) {
    auto& client = *clients[static_cast<std::size_t>(i)]->handler;
    ASSERT_TRUE(client.wait([&] { return client.frames.size() == 2; }));
    EXPECT_EQ(client.frames, (std::vector<std::string>{std::to_string(i), "again"}));
  }
  EXPECT_EQ(server.handler->read([&] { return server.handler->peers.size(); }), 100U);
}

INSTANTIATE_TEST_SUITE_P(Over, RoundTrip, ::testing::Values("tcp", "ipc", "inproc"),
                         [](const auto& test) { return std::string{test.param}; });

TEST(Transport, RefusesToSendMoreThanItsLimit) {
  RunningServer server(any_tcp);
  server.start();
  RunningClient client(server.transport.endpoint(), {.max_frame_bytes = 1000});
  std::atomic<int> refused{0};
  client.handler->connected_hook = [&] {
    if (client.transport.send(bytes(std::string(1001, 'x'))) == SendStatus::too_large) ++refused;
  };
  client.handler->outbox = {"fits"};
  client.start();
  ASSERT_TRUE(client.handler->wait([&] { return client.handler->frames.size() == 1; }));
  EXPECT_EQ(refused, 1);
}

// -- wakes and deadlines -------------------------------------------------------------------------

TEST(Transport, LosesNoWakeOfFourThreads) {
  RunningServer server(any_tcp);
  constexpr int rounds = 5'000;
  std::array<std::atomic<int>, 4> given{};
  std::array<std::atomic<int>, 4> seen{};
  server.handler->wake_hook = [&] {
    for (std::size_t i = 0; i < given.size(); ++i) seen[i] = given[i].load();
  };
  server.start();
  std::vector<std::thread> threads;
  std::atomic<bool> lost{false};
  for (std::size_t i = 0; i < given.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 1; round <= rounds && !lost; ++round) {
        given[i] = round;
        server.transport.wake();
        // Every other time at full speed.
        if (round % 2 == 0 && !eventually([&] { return seen[i] >= round; })) lost = true;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(lost);
}

TEST(Transport, CallsADeadlineNotBeforeItsTime) {
  RunningServer server(any_tcp);
  const auto due = std::chrono::steady_clock::now() + 20ms;
  server.handler->deadline = due;
  server.start();
  ASSERT_TRUE(server.handler->wait([&] { return server.handler->deadlines == 1; }));
  EXPECT_GE(std::chrono::steady_clock::now(), due);
}

TEST(Transport, WakesAndDeadlinesAreNotStarvedByAFlood) {
  RunningServer server(any_tcp);
  std::atomic<bool> flooded{false};
  server.handler->frame_hook = [&](PeerId, FrameView) { flooded = true; };
  server.start();
  std::atomic<bool> enough{false};
  RunningClient client(server.transport.endpoint());
  struct Flooder : Client {
    std::atomic<bool>* enough = nullptr;
    void on_turn_end() override {
      if (*enough) return;
      for (int i = 0; i < 1000; ++i) transport->send(bytes("flood"));
      transport->wake();
    }
  };
  auto flooder = std::make_shared<Flooder>();
  flooder->transport = &client.transport;
  flooder->enough = &enough;
  client.transport.start(flooder);
  ASSERT_TRUE(eventually([&] { return flooded.load(); }));
  for (int i = 1; i <= 100; ++i) {
    server.handler->deadline = std::chrono::steady_clock::now();
    server.transport.wake();
    ASSERT_TRUE(server.handler->wait([&] { return server.handler->deadlines == i; }));
    ASSERT_TRUE(server.handler->wait([&] { return server.handler->wakes >= 1; }));
  }
  enough = true;
}

// -- stopping ------------------------------------------------------------------------------------

TEST(Transport, StopsUnderTrafficWithinItsDeadline) {
  for (int round = 0; round < 10; ++round) {
    RunningServer server(any_tcp);
    server.start();
    std::vector<std::unique_ptr<RunningClient>> clients;
    for (int i = 0; i < 4; ++i) {
      clients.push_back(std::make_unique<RunningClient>(server.transport.endpoint()));
      auto& client = *clients.back();
      // Each echo makes the next frame; a hundred are always on the way.
      struct Bouncer : Client {
        void on_connected() override {
          Client::on_connected();
          for (int k = 0; k < 100; ++k) transport->send(bytes("x"));
        }
        void on_frame(FrameView frame) override {
          Client::on_frame(frame);
          transport->send(frame);
        }
      };
      client.handler = std::make_shared<Bouncer>();
      client.handler->transport = &client.transport;
      client.start();
    }
    auto& last = *clients.back()->handler;
    ASSERT_TRUE(last.wait([&] { return last.frames.size() > 100; }));
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(server.transport.stop(patience));
    EXPECT_TRUE(clients.front()->transport.stop(patience));
    EXPECT_LT(std::chrono::steady_clock::now() - before, patience / 4);
  }
}

TEST(Transport, MayBeStoppedTwiceAndBeforeItsStart) {
  RunningServer server(any_tcp);
  server.start();
  EXPECT_TRUE(server.transport.stop());
  EXPECT_TRUE(server.transport.stop());
  RunningServer idle(any_tcp);
  EXPECT_TRUE(idle.transport.stop());
  EXPECT_THROW(idle.start(), Error);
  RunningClient client("tcp://127.0.0.1:1");
  EXPECT_TRUE(client.transport.stop());
}

TEST(Transport, RefusesToBeStoppedFromItsOwnThread) {
  RunningServer server(any_tcp);
  std::atomic<bool> refused{false};
  server.handler->wake_hook = [&] {
    try {
      server.transport.stop();
    } catch (const Error& error) {
      refused = error.code() == Errc::would_deadlock;
    }
  };
  server.start();
  server.transport.wake();
  EXPECT_TRUE(eventually([&] { return refused.load(); }));
}

TEST(Transport, SaysWhenAHangingCallKeepsItFromStopping) {
  RunningServer server(any_tcp);
  Watched gate;
  bool entered = false;
  bool open = false;
  server.handler->wake_hook = [&] {
    gate.change([&] { entered = true; });
    gate.wait([&] { return open; });
  };
  server.start();
  server.transport.wake();
  ASSERT_TRUE(gate.wait([&] { return entered; }));
  EXPECT_FALSE(server.transport.stop(1ms));
  gate.change([&] { open = true; });
  EXPECT_TRUE(server.transport.stop(patience));
}

TEST(Transport, LetsGoOfItsHandlerWhenStopped) {
  RunningServer server(any_tcp);
  server.start();
  server.transport.stop();
  EXPECT_EQ(server.handler.use_count(), 1);
}

TEST(Transport, MayBeDestroyedByItsOwnHandler) {
  // The handler owns the transport; the last word is said on the I/O thread.
  struct Owner : Server {
    std::unique_ptr<RouterTransport> owned;
    std::atomic<bool>* done = nullptr;
    void on_wake() override {
      owned.reset();
      *done = true;
    }
  };
  std::atomic<bool> done{false};
  auto owner = std::make_shared<Owner>();
  owner->done = &done;
  owner->owned = std::make_unique<RouterTransport>(Context::shared(), RouterOptions{any_tcp});
  auto* transport = owner->owned.get();
  const std::weak_ptr<Owner> watch = owner;
  transport->start(std::move(owner));
  transport->wake();
  EXPECT_TRUE(eventually([&] { return done.load() && watch.expired(); }));
}

TEST(Transport, RefusesOptionsOutsideTheirLimits) {
  const auto context = Context::shared();
  EXPECT_THROW(RouterTransport(context, {.endpoint = "nowhere"}), Error);
  EXPECT_THROW(RouterTransport(context, {.endpoint = any_tcp, .backlog = 0}), Error);
  EXPECT_THROW(RouterTransport(context, {.endpoint = any_tcp, .limits = {.max_frame_bytes = 0}}),
               Error);
  EXPECT_THROW(DealerTransport(context, {.endpoint = any_tcp}), Error);
  EXPECT_THROW(
      DealerTransport(context, {.endpoint = "tcp://h:1", .reconnect_min = 2s, .reconnect_max = 1s}),
      Error);
}

// -- contexts and fork ---------------------------------------------------------------------------

TEST(Context, SeparatesInprocEndpoints) {
  RunningServer first("inproc://same", {}, Context{});
  RunningServer second("inproc://same", {}, Context{});
  EXPECT_EQ(first.transport.endpoint(), second.transport.endpoint());
}

TEST(Context, IsMadeAnewInAForkedChild) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer does not go along into the child of many threads";
#endif
  RunningServer server(any_tcp);
  server.start();
  {
    // A round trip first: afterwards the threads of this process are at rest, and hold no lock that
    // would stay locked in the child.
    RunningClient first(server.transport.endpoint());
    first.start();
    first.handler->post("hello");
    ASSERT_TRUE(first.handler->wait([&] { return !first.handler->frames.empty(); }));
  }
  const auto child = fork();
  if (child == 0) {
    // The inherited server is left alone; its destructor does not run here.
    bool answered = false;
    {
      RunningServer own(any_tcp);
      own.start();
      RunningClient client(own.transport.endpoint());
      client.start();
      client.handler->post("hello");
      answered = client.handler->wait([&] { return !client.handler->frames.empty(); });
    }
    _exit(answered ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  RunningClient client(server.transport.endpoint());
  client.start();
  client.handler->post("hello");
  EXPECT_TRUE(client.handler->wait([&] { return !client.handler->frames.empty(); }));
}

}  // namespace
}  // namespace am::rpc::internal
