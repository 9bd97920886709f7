// Thousands of connects from clients that are none.
#include "process.hpp"

#include <am/rpc/client.hpp>
#include <am/rpc/internal/transport/raw_socket_test.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;
using am::rpc::internal::testing::PlainSocket;
using am::rpc::internal::testing::short_frame;
using am::rpc::internal::testing::zmtp_hello;
using system_test::patience;
using system_test::Source;

/// What a server on the open network gets to hear.
std::string garbage(std::mt19937& random) {
  std::string noise(random() % 600, '\0');
  for (auto& byte : noise) byte = static_cast<char>(random());
  // A complete hello of the protocol, as far as its client id.
  const std::string hello(
      "\x01\x01"
      "amrp\x01\x01\x00\x08\x07\x06\x05\x04\x03\x02\x01",
      17);
  switch (random() % 8) {
    case 0: return {};  // a port scan
    case 1: return "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    case 2: return std::string("\x16\x03\x01\x02\x00\x01", 6) + noise;  // TLS
    case 3: return noise;
    case 4: return zmtp_hello().substr(0, random() % 100);
    case 5: return zmtp_hello() + noise;
    case 6: return zmtp_hello() + short_frame(noise.substr(0, 200));
    default: return zmtp_hello() + short_frame(hello + noise.substr(0, 200));
  }
}

/// `connects` connections from each of four threads, one after the other.
void flood(const std::string& endpoint, int connects, std::uint32_t seed) {
  std::vector<std::jthread> threads;
  for (std::uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&endpoint, connects, seed, thread] {
      std::mt19937 random(seed + thread);
      for (int i = 0; i < connects; ++i) {
        const PlainSocket peer(endpoint);
        ASSERT_TRUE(peer.open());
        peer.write(garbage(random));
      }
    });
  }
}

TEST(Garbage, from_thousands_of_connects_harms_nobody_and_leaves_nothing_behind) {
  Source source{{"--idle"}};
  am::rpc::Client client{{.endpoint = source.endpoint, .call_timeout = patience}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  // What the source has open while it serves one client; it closes the others a moment after they
  // have gone.
  const auto descriptors = system_test::descriptors_of(source.process.pid());
  const auto quiet = [&] {
    const auto limit = std::chrono::steady_clock::now() + patience;
    while (source.process.ask("connections") != "1" ||
           system_test::descriptors_of(source.process.pid()) > descriptors) {
      if (std::chrono::steady_clock::now() > limit) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  };
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  int wrong = 0;
  const auto wave = [&](std::uint32_t number) {
    std::jthread caller([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) wrong += remote->toggle("Light") == Result::executed ? 0 : 1;
    });
    flood(source.endpoint, 1000, seed + 4 * number);
    caller = {};
    ASSERT_TRUE(quiet()) << source.process.ask("connections") << " connections, "
                         << system_test::descriptors_of(source.process.pid()) << " descriptors for "
                         << descriptors;
  };
  wave(0);  // brings the process to its size
  const auto memory = system_test::memory_of(source.process.pid());
  wave(1);
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(remote->connected());
  // 4,000 connections that leave more than 256 bytes each would be seen.
  EXPECT_LT(system_test::memory_of(source.process.pid()), memory + (1U << 20U));
}

}  // namespace
