#include <am/rpc/internal/id_window.hpp>

#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <random>
#include <string>

namespace am::rpc::internal {
namespace {

TEST(IdWindow, ValuesAreFoundUntilTheyAreRemoved) {
  IdWindow<std::string> window;
  window.add(3, "three");
  window.add(7, "seven");
  EXPECT_EQ(*window.find(3), "three");
  EXPECT_EQ(window.find(5), nullptr);
  EXPECT_EQ(window.lowest(), 3U);
  EXPECT_EQ(window.remove(3), "three");
  EXPECT_EQ(window.remove(3), std::nullopt);
  EXPECT_EQ(window.lowest(), 7U);
  EXPECT_EQ(window.size(), 1U);
}

TEST(IdWindow, BehavesLikeAMapInAnyOrderOfRemoval) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random{seed};
    IdWindow<std::uint64_t> window;
    std::map<std::uint64_t, std::uint64_t> model;
    std::uint64_t id = 0;
    for (int i = 0; i < 3000; ++i) {
      if (model.empty() || random() % 2 == 0) {
        id += 1 + random() % 3;
        window.add(id, id * 2);
        model[id] = id * 2;
      } else if (random() % 4 == 0) {
        const auto any = std::next(model.begin(), static_cast<long>(random() % model.size()));
        EXPECT_EQ(window.remove(any->first), any->second);
        model.erase(any);
      } else {
        EXPECT_EQ(window.remove(model.begin()->first), model.begin()->second);
        model.erase(model.begin());
      }
      ASSERT_EQ(window.size(), model.size());
      ASSERT_EQ(window.lowest().value_or(0), model.empty() ? 0 : model.begin()->first);
    }
    std::map<std::uint64_t, std::uint64_t> visited;
    window.for_each([&](std::uint64_t key, std::uint64_t value) { visited[key] = value; });
    EXPECT_EQ(visited, model);
  }
}

TEST(IdWindow, AnIdThatStaysForeverDoesNotKeepTheOthers) {
  IdWindow<int> window;
  window.add(1, 0);
  for (std::uint64_t id = 2; id < 100'000; ++id) {
    window.add(id, 0);
    window.remove(id);
  }
  EXPECT_EQ(window.size(), 1U);
  EXPECT_LT(window.entries(), 100U);
}

}  // namespace
}  // namespace am::rpc::internal
