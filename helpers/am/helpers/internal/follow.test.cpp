#include <am/helpers/internal/follow.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <thread>

namespace {

using am::internal::Follow;

am::Schema letters() { return {{"A", {}}, {"B", {}}}; }

/// Both ways of following, on a local machine.
class FollowBoth : public ::testing::TestWithParam<Follow::By> {};

TEST_P(FollowBoth, tells_of_followed_states_only) {
  am::Machine m{letters()};
  std::vector<am::TickChange> seen;
  const Follow follow{m,
                      {m.state("B").index()},
                      {.changed =
                           [&](auto changes, const am::Transition*) {
                             seen.insert(seen.end(), changes.begin(), changes.end());
                           }},
                      GetParam()};
  m.add("A");
  EXPECT_TRUE(seen.empty());
  m.add("B");
  m.remove("B");
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].before, am::Tick{1});
  EXPECT_EQ(seen[1].after, am::Tick{2});
}

TEST_P(FollowBoth, tells_when_the_machine_goes) {
  int gone = 0;
  std::optional<am::Machine> m(letters());
  const Follow follow{*m, {0}, {.changed = [](auto, auto) {}, .gone = [&] { ++gone; }}, GetParam()};
  m.reset();
  EXPECT_EQ(gone, 1);
}

TEST_P(FollowBoth, is_silent_once_it_is_gone) {
  am::Machine m{letters()};
  int calls = 0;
  {
    const Follow follow{m, {0}, {.changed = [&](auto, auto) { ++calls; }}, GetParam()};
    m.add("A");
  }
  m.remove("A");
  EXPECT_EQ(calls, 1);
}

TEST_P(FollowBoth, goes_on_when_clocks_are_taken_back) {
  am::Machine m{letters()};
  m.add("A");
  const auto saved = m.save();
  for (int i = 0; i < 4; ++i) m.toggle("A");
  int replaced = 0;
  am::Tick last;
  const Follow follow{
      m,
      {0},
      {.changed = [&](auto changes, const am::Transition*) { last = changes.back().after; },
       .replaced = [&] { ++replaced; }},
      GetParam()};
  m.restore(saved, am::Rewind::allowed);
  EXPECT_EQ(replaced, 1);
  m.remove("A");
  EXPECT_EQ(last, am::Tick{2});
}

TEST_P(FollowBoth, misses_no_tick_while_threads_mutate) {
  am::Machine m{letters(), {.queue_full = am::QueueFull::block}};
  std::atomic<std::uint64_t> last{0};
  std::atomic<bool> in_order{true};
  const Follow follow{m,
                      {0},
                      {.changed =
                           [&](auto changes, const am::Transition*) {
                             for (const auto& change : changes) {
                               if (change.before.value != last) in_order = false;
                               last = change.after.value;
                             }
                           }},
                      GetParam()};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 200; ++round) m.toggle("A");
      });
    }
  }
  while (last != m.tick("A").value) std::this_thread::yield();
  EXPECT_TRUE(in_order);
}

INSTANTIATE_TEST_SUITE_P(Follow, FollowBoth, ::testing::Values(Follow::By::best, Follow::By::ticks),
                         [](const auto& param) {
                           return param.param == Follow::By::best ? "tracer" : "ticks";
                         });

}  // namespace
