// The simulation shows something only if its faults happen and if it finds bugs.
#include "world.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using simulation::Planted;
using simulation::Tally;
using simulation::World;

TEST(Simulation, FindsNoRuleBrokenAndHadItsFaults) {
  Tally total;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    World world(seed);
    world.run();
    ASSERT_TRUE(world.violations().empty()) << "seed " << seed << ": " << world.violations()[0];
    total.add(world.tally());
  }
  EXPECT_GT(total.executions, 5'000U);
  EXPECT_GT(total.resumed, 1'000U);
  EXPECT_GT(total.repeated, 1'000U);
  EXPECT_GT(total.unknown, 100U);
  EXPECT_GT(total.epochs, 50U);
  EXPECT_GT(total.new_clients, 50U);
  EXPECT_GT(total.corrupted, 100U);
  EXPECT_GT(total.jumps, 50U);
  EXPECT_GT(total.pauses, 300U);
}

TEST(Simulation, RunsASeedTheSameWayEachTime) {
  const auto trace_of = [](std::uint64_t seed) {
    std::string trace;
    World world(seed, Planted::none, [&](std::chrono::nanoseconds at, const std::string& what) {
      trace += std::to_string(at.count()) + ' ' + what + '\n';
    });
    world.run();
    return trace;
  };
  EXPECT_EQ(trace_of(7), trace_of(7));
  EXPECT_NE(trace_of(7), trace_of(15));
}

class PlantedBug : public testing::TestWithParam<Planted> {};

TEST_P(PlantedBug, IsFound) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    World world(seed, GetParam());
    world.run();
    if (!world.violations().empty()) return;
  }
  FAIL() << "fifty seeds have not found it";
}

INSTANTIATE_TEST_SUITE_P(Each, PlantedBug,
                         testing::Values(Planted::no_reply_cache, Planted::lost_diff,
                                         Planted::out_of_order));

}  // namespace
