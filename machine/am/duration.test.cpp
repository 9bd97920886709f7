#include <am/duration.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;
using am::Duration;

TEST(Duration, KeepsWhatNanosecondsCount) {
  static_assert(Duration{} == 0ns);
  static_assert(Duration(1500us) == 1'500'000ns);
  static_assert(Duration(24h).get() == 86'400s);
  static_assert(Duration(-3s) == -3s);
  static_assert(Duration(0.25s) == 250ms);
  static_assert(Duration(1s) < Duration(2s) && Duration(1s) <= am::forever);
  SUCCEED();
}

TEST(Duration, SaysForeverOfWhatIsLonger) {
  static_assert(Duration(am::forever) == am::forever);
  static_assert(Duration(std::chrono::microseconds::max()) == am::forever);
  static_assert(Duration(std::chrono::milliseconds::max()) == am::forever);
  static_assert(Duration(std::chrono::hours::max()) == am::forever);
  static_assert(Duration(std::chrono::years(293)) == am::forever);
  static_assert(Duration(std::chrono::years(290)) < am::forever);
  static_assert(Duration(std::chrono::duration<double>(1e300)) == am::forever);
  static_assert(Duration(std::chrono::milliseconds::min()) == std::chrono::nanoseconds::min());
  static_assert(Duration(std::chrono::duration<double>(-1e300)) == std::chrono::nanoseconds::min());
  SUCCEED();
}

}  // namespace
