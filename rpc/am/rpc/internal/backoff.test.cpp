#include <am/rpc/internal/backoff.hpp>

#include <gtest/gtest.h>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToTheCapAndStartsAnewAfterReset) {
  Backoff backoff{100ms, 1s, 7};
  for (const auto full : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    const auto pause = backoff.next();
    EXPECT_LE(pause, full);
    EXPECT_GE(pause, full * 3 / 4);
  }
  backoff.reset();
  EXPECT_LE(backoff.next(), 100ms);
}

TEST(Backoff, SpreadsThoseThatStartTogether) {
  Backoff one{1s, 1s, 1};
  Backoff other{1s, 1s, 2};
  EXPECT_NE(one.next(), other.next());
}

TEST(Backoff, NeverPausesWhenTheFirstPauseAndTheCapAreNone) {
  Backoff backoff{0ms, 0ms, 1};
  EXPECT_EQ(backoff.next(), 0ms);
  EXPECT_EQ(backoff.next(), 0ms);
}

}  // namespace
}  // namespace am::rpc::internal
