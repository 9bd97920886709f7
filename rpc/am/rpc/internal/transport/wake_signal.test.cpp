#include <am/rpc/internal/transport/wake_signal.hpp>

#include <gtest/gtest.h>
#include <poll.h>
#include <array>
#include <atomic>
#include <thread>

namespace am::rpc::internal {
namespace {

/// Milliseconds; a test that needs it has failed.
constexpr int patience = 20'000;

TEST(WakeSignal, TakesEachWakeOnce) {
  WakeSignal signal;
  EXPECT_FALSE(signal.take());
  signal.wake();
  signal.wake();
  EXPECT_TRUE(signal.take());
  EXPECT_FALSE(signal.take());
}

TEST(WakeSignal, RefusesToSleepAfterAWake) {
  WakeSignal signal;
  signal.wake();
  EXPECT_FALSE(signal.begin_sleep());
  EXPECT_TRUE(signal.take());
  EXPECT_TRUE(signal.begin_sleep());
}

TEST(WakeSignal, TouchesTheDescriptorOnlyForASleeper) {
  WakeSignal signal;
  pollfd descriptor{signal.descriptor(), POLLIN, 0};
  signal.wake();
  EXPECT_EQ(poll(&descriptor, 1, 0), 0);
  EXPECT_TRUE(signal.take());
  ASSERT_TRUE(signal.begin_sleep());
  signal.wake();
  EXPECT_EQ(poll(&descriptor, 1, 0), 1);
  signal.clear();
  EXPECT_EQ(poll(&descriptor, 1, 0), 0);
}

TEST(WakeSignal, IsNeverLostToFourWakers) {
  constexpr int wakers = 4;
  constexpr int rounds = 20'000;
  WakeSignal signal;
  std::array<std::atomic<int>, wakers> given{};
  std::atomic<int> seen{0};

  // Each waker goes on only when its number has been seen: one lost wake stops everything.
  std::atomic<bool> lost{false};
  std::thread sleeper([&] {
    const auto all_seen = [&] {
      int total = 0;
      for (auto& number : given) total += number.load(std::memory_order_relaxed);
      seen.store(total, std::memory_order_release);
      return total == wakers * rounds;
    };
    for (bool done = false; !done && !lost;) {
      if (signal.begin_sleep()) {
        pollfd descriptor{signal.descriptor(), POLLIN, 0};
        if (poll(&descriptor, 1, patience) == 0) lost = true;
        if ((descriptor.revents & POLLIN) != 0) signal.clear();
      }
      if (signal.take()) done = all_seen();
    }
  });
  std::array<std::thread, wakers> threads;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&, i] {
      for (int round = 0; round < rounds; ++round) {
        given[i].fetch_add(1, std::memory_order_relaxed);
        signal.wake();
        // Now and then wait until it has been seen, so that the sleeper really sleeps.
        if (round % 64 == 0) {
          int total = 0;
          for (auto& number : given) total += number.load(std::memory_order_relaxed);
          while (seen.load(std::memory_order_acquire) < total - (wakers - 1) * 64 && !lost) {
            std::this_thread::yield();
          }
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  sleeper.join();
  EXPECT_FALSE(lost);
  EXPECT_EQ(seen, wakers * rounds);
}

}  // namespace
}  // namespace am::rpc::internal
