// What has to hold for whatever schemas are combined and grown, tried on random ones.
#include <am/machine.hpp>

#include <am/error.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using am::Schema;
using am::State;
using am::StateName;

constexpr int runs = 200;

/// Random schemas over the names N0, N1, ..., which relate to states of their own only and never
/// contradict themselves.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  std::size_t below(std::size_t n) { return engine_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }

  Schema schema(std::size_t names, std::size_t at_least = 1) {
    std::vector<std::string> chosen;
    for (std::size_t i = 0; i < names; ++i) {
      if (!one_in(3)) chosen.push_back("N" + std::to_string(i));
    }
    while (chosen.size() < at_least) chosen.push_back("M" + std::to_string(chosen.size()));
    std::ranges::shuffle(chosen, engine_);
    return schema_of(chosen);
  }
  Schema schema_of(const std::vector<std::string>& names) {
    std::vector<Schema::Entry> entries;
    for (const auto& name : names) entries.push_back({name, state(names)});
    return Schema(std::move(entries));
  }
  State state(const std::vector<std::string>& names) {
    State state{.automatic = one_in(8), .multi = one_in(4)};
    for (const auto& name : names) {
      switch (below(4 * names.size())) {
        case 0: state.require.emplace_back(name); break;
        case 1: state.add.emplace_back(name); break;
        case 2: state.remove.emplace_back(name); break;
        case 3: state.after.emplace_back(name); break;
        default: break;
      }
    }
    return state;
  }

 private:
  std::mt19937 engine_;
};

std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> names;
  for (const auto& entry : schema.entries()) names.push_back(entry.name.text);
  return names;
}

bool is_subset(const std::vector<StateName>& a, const std::vector<StateName>& b) {
  return std::ranges::all_of(
      a, [&](const StateName& n) { return std::ranges::find(b, n) != b.end(); });
}

TEST(RandomSchemas, MergeIntoTheLaterDefinitions) {
  Random random(1);
  for (int i = 0; i < runs; ++i) {
    const auto a = random.schema(12);
    const auto b = random.schema(12);
    const auto c = random.schema(12);
    const auto both = a.merge(b);
    for (const auto& [name, state] : b.entries()) EXPECT_EQ(*both.find(name.text), state);
    for (const auto& [name, state] : a.entries()) {
      if (b.find(name.text) == nullptr) {
        EXPECT_EQ(*both.find(name.text), state);
      }
    }
    const auto names = names_of(both);
    EXPECT_TRUE(std::ranges::equal(names_of(a), std::span(names).first(a.entries().size())));
    EXPECT_EQ(both.merge(c), a.merge(b.merge(c)));
    EXPECT_EQ(a.merge(a), a);
    (void)am::CompiledSchema(both);  // relations name states of either
  }
}

TEST(RandomSchemas, ExtendedHaveTheRelationsOfBoth) {
  Random random(2);
  for (int i = 0; i < runs; ++i) {
    const auto a = random.schema(12);
    const auto b = random.schema(12);
    const auto both = a.extend(b);
    EXPECT_EQ(names_of(both), names_of(a.merge(b)));
    for (const auto* part : {&a, &b}) {
      for (const auto& [name, state] : part->entries()) {
        const auto& joined = *both.find(name.text);
        EXPECT_TRUE(is_subset(state.require, joined.require) && is_subset(state.add, joined.add));
        EXPECT_TRUE(is_subset(state.remove, joined.remove) && is_subset(state.after, joined.after));
        EXPECT_TRUE(joined.automatic >= state.automatic && joined.multi >= state.multi);
      }
    }
    EXPECT_EQ(both.extend(b), both);
  }
}

TEST(RandomSchemas, PrefixedBehaveTheSameUnderOtherNames) {
  Random random(3);
  for (int i = 0; i < runs; ++i) {
    const auto plain = random.schema(12, 2);
    const auto prefixed = plain.prefix("P");
    EXPECT_EQ(prefixed.prefix("P", {.keep_prefixed = true}), prefixed);
    am::Machine a{plain};
    am::Machine b{prefixed};
    const auto names = names_of(plain);
    for (int step = 0; step < 20; ++step) {
      const auto& name = names[random.below(names.size())];
      const auto result = a.toggle(name);
      EXPECT_EQ(b.toggle("P" + name), result);
      EXPECT_EQ(a.time().ticks, b.time().ticks);
    }
  }
}

TEST(RandomSchemas, GrowStepByStepIntoWhatTheyAreAtOnce) {
  Random random(4);
  for (int i = 0; i < runs; ++i) {
    const auto all = names_of(random.schema(90, 3));
    const std::size_t first = 1 + random.below(all.size() - 1);
    const std::size_t second = first + random.below(all.size() - first + 1);
    const auto part = [&](std::size_t n) {
      return random.schema_of({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n)});
    };
    const auto whole = part(all.size()).merge(Schema{{"Exception", {.multi = true}}});
    try {
      (void)am::CompiledSchema(whole);
    } catch (const am::Error&) {
      continue;
    }
    am::Machine grown{Schema{{"Exception", {.multi = true}}}.merge(part(first))};
    am::Machine made{Schema{{"Exception", {.multi = true}}}.merge(whole)};
    grown.extend_schema(part(second));
    grown.extend_schema(whole);
    EXPECT_EQ(grown.schema().fingerprint(), made.schema().fingerprint());
    for (int step = 0; step < 30; ++step) {
      const auto& name = all[random.below(all.size())];
      EXPECT_EQ(grown.toggle(name), made.toggle(name));
      EXPECT_EQ(grown.time().ticks, made.time().ticks);
      EXPECT_EQ(grown.active_states(), made.active_states());
    }
  }
}

/// Readers, mutating threads, waits and bindings on other threads while a machine grows.
TEST(AGrowingMachine, IsReadAndChangedByOthersAllTheWhile) {
  constexpr std::size_t steps = 60;
  constexpr std::size_t per_step = 7;
  std::vector<Schema::Entry> entries{{"Even", {.remove = {"Odd"}}}, {"Odd", {.remove = {"Even"}}}};
  am::Machine machine{Schema(entries), {.queue_full = am::QueueFull::block}};
  machine.add("Even");
  const auto even = machine.state("Even");
  const auto odd = machine.state("Odd");
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> ended{0};
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    std::uint64_t last = 0;
    while (!stop) {
      EXPECT_TRUE(machine.any({even, odd}));
      EXPECT_FALSE(machine.is({even, odd}));
      const auto tick = machine.tick(even).value;
      EXPECT_GE(tick, last) << "clocks never go back";
      last = tick;
    }
  });
  threads.emplace_back([&] {
    while (!stop) {
      const auto time = machine.time();
      EXPECT_NE(time.ticks[0].value % 2, time.ticks[1].value % 2) << "as of one instant";
      const auto& schema = machine.schema();
      const auto newest = static_cast<am::StateIndex>(schema.size() - 1);
      (void)machine.is(schema.id(newest));
      (void)machine.tick(schema.names()[newest]);
    }
  });
  threads.emplace_back([&] {
    while (!stop) {
      machine.add(machine.is(even) ? odd : even);
      machine.toggle(machine.schema().names().back());
    }
  });
  threads.emplace_back([&] {
    while (!stop) {
      const auto newest = machine.schema().names().back();
      const auto wait = machine.when_ticks(newest, 1);
      const auto id = machine.on_state(newest, [&](am::Event&) { ++ended; });
      (void)wait.wait_for(std::chrono::milliseconds(1));
      machine.detach(id);
    }
  });
  for (std::size_t step = 0; step < steps; ++step) {
    for (std::size_t i = 0; i < per_step; ++i) {
      entries.push_back({"S" + std::to_string(step * per_step + i)});
    }
    ASSERT_EQ(machine.extend_schema(Schema(entries), std::chrono::seconds(30)),
              am::Result::executed);
    EXPECT_EQ(machine.schema().size(), entries.size() + 1);
  }
  stop = true;
  threads.clear();
  EXPECT_EQ(machine.schema().size(), 3 + steps * per_step);
}

}  // namespace
