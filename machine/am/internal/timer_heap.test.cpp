#include <am/internal/timer_heap.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace std::chrono_literals;
using am::internal::TimerHeap;

TimerHeap::Time at(int second) { return TimerHeap::Time{} + std::chrono::seconds{second}; }

TEST(TimerHeap, gives_timers_in_the_order_of_their_times_and_then_of_their_making) {
  TimerHeap heap;
  std::vector<int> order;
  heap.push(at(3), [&] { order.push_back(3); }, {});
  heap.push(at(1), [&] { order.push_back(1); }, {});
  heap.push(at(2), [&] { order.push_back(20); }, {});
  heap.push(at(2), [&] { order.push_back(21); }, {});
  EXPECT_EQ(heap.first(), at(1));
  EXPECT_FALSE(heap.pop(at(0)));
  while (auto due = heap.pop(at(2))) due->fn();
  EXPECT_EQ(order, (std::vector{1, 20, 21}));
  EXPECT_EQ(heap.size(), 1U);
}

TEST(TimerHeap, forgets_what_is_canceled_at_once) {
  TimerHeap heap;
  const auto kept = std::make_shared<int>();
  const auto first = heap.push(at(1), [kept] {}, {});
  heap.push(at(2), [] {}, {});
  EXPECT_TRUE(heap.take(first));
  EXPECT_EQ(kept.use_count(), 1);
  EXPECT_FALSE(heap.take(first));
  EXPECT_FALSE(heap.take({}));
  EXPECT_EQ(heap.first(), at(2));
}

TEST(TimerHeap, does_not_take_an_old_id_for_a_new_timer) {
  TimerHeap heap;
  const auto old = heap.push(at(1), [] {}, {});
  EXPECT_TRUE(heap.pop(at(1)));
  const auto young = heap.push(at(1), [] {}, {});
  EXPECT_FALSE(old == young);
  EXPECT_FALSE(heap.take(old));
  EXPECT_TRUE(heap.take(young));
}

TEST(TimerHeap, stays_small_when_timers_are_canceled_all_the_time) {
  TimerHeap heap;
  for (int i = 0; i < 100'000; ++i) heap.take(heap.push(at(i), [] {}, {}));
  EXPECT_LT(heap.entries(), 100U);
  EXPECT_EQ(heap.size(), 0U);
}

}  // namespace
