#include <am/rpc/internal/transport/arrival.hpp>

#include <am/rpc/internal/transport/transport_test.hpp>

#include <gtest/gtest.h>

#include <thread>

namespace am::rpc::internal {
namespace {

using testing::patience;

TEST(Arrival, IsSeenWithWhatWasWrittenBefore) {
  for (int round = 0; round < 200; ++round) {
    Arrival arrival;
    int value = 0;
    std::thread other([&] {
      value = round + 1;
      arrival.arrive();
    });
    EXPECT_TRUE(arrival.wait_until(std::chrono::steady_clock::now() + patience));
    EXPECT_EQ(value, round + 1);
    other.join();
  }
}

TEST(Arrival, IsNotWaitedForAfterTheDeadline) {
  Arrival arrival;
  EXPECT_FALSE(arrival.wait_until(std::chrono::steady_clock::now()));
  EXPECT_FALSE(arrival.wait_until(TransportTime{}));
  // Before the clock began to count: the kernel takes no such time.
  EXPECT_FALSE(arrival.wait_until(TransportTime::min()));
  arrival.arrive();
  EXPECT_TRUE(arrival.wait_until(TransportTime::min()));
}

}  // namespace
}  // namespace am::rpc::internal
