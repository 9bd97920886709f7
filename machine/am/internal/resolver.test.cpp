// The resolver, and whole machines, against the naive ones on random schemas. A failure names the
// seed of its case: AM_SEED=n runs that case first. AM_CASES=n says how many.
#include <am/internal/resolver.hpp>

#include <am/internal/naive_resolver.hpp>
#include <am/machine.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <stdexcept>

namespace {

using am::MutationType;
using am::StateIndex;
using am::naive::Names;
using am::naive::operator-;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }
  bool chance(double probability) {
    return std::uniform_real_distribution<>()(engine_) < probability;
  }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return *(values.begin() + below(values.size()));
  }

 private:
  std::mt19937_64 engine_;
};

/// Up to 12 states, sometimes as many as need two or three words. Each kind of relation is absent,
/// sparse or dense on its own, as the interesting cases are where two kinds meet.
am::Schema random_schema(Random& random) {
  const bool large = random.chance(0.02);
  const auto size = large ? random.between(60, 130) : random.between(3, 12);
  Names names;
  for (std::size_t i = 0; i < size; ++i) names.push_back(fmt::format("S{}", i));
  if (random.chance(0.1)) names[random.below(size)] = "Heartbeat";
  if (random.chance(0.2)) names[random.below(size)] = "Exception";

  const auto share = [&] { return random.one_of({0.0, 0.1, 0.3}); };
  const auto targets = [&] { return random.one_of({0.0, 0.0, 0.4, 1.0, 2.0}); };
  const auto automatic = share(), multi = share();
  const auto require = targets(), add = targets(), remove = targets(), after = targets();
  const auto list = [&](double mean) {
    std::vector<am::StateName> result;
    for (int i = 0; i < 4; ++i) {
      if (random.chance(mean / 4)) result.emplace_back(names[random.below(size)]);
    }
    return result;
  };
  const bool ordered = random.chance(0.5);  // requirements of earlier states only: no cycle
  std::vector<am::Schema::Entry> entries;
  for (std::size_t i = 0; i < size; ++i) {
    am::State state{.automatic = random.chance(automatic),
                    .multi = random.chance(multi),
                    .require = list(require),
                    .add = list(add),
                    .remove = list(remove),
                    .after = list(after)};
    if (ordered) {
      std::erase_if(state.require, [&](const am::StateName& n) {
        return std::find(names.begin(), names.end(), n.text) - names.begin() >=
               static_cast<std::ptrdiff_t>(i);
      });
    }
    std::erase_if(state.remove, [&](const am::StateName& n) {
      return std::find(state.require.begin(), state.require.end(), n) != state.require.end();
    });
    entries.push_back({names[i], state});
  }
  return am::Schema(entries);
}

std::string text_of(const am::Schema& schema) {
  std::string text;
  for (const auto& [name, s] : schema.entries()) {
    text += fmt::format("{}{}{}", name.text, s.automatic ? " auto" : "", s.multi ? " multi" : "");
    const auto append = [&](const char* relation, const std::vector<am::StateName>& list) {
      for (const auto& n : list) text += fmt::format(" {}:{}", relation, n.text);
    };
    append("require", s.require);
    append("add", s.add);
    append("remove", s.remove);
    append("after", s.after);
    text += "\n";
  }
  return text;
}

struct Mutation {
  MutationType type;
  Names called;
};

Mutation random_mutation(Random& random, const Names& names) {
  const auto type = random.one_of(
      {MutationType::add, MutationType::add, MutationType::remove, MutationType::set});
  const auto most = random.chance(0.1) ? names.size() : std::size_t{3};
  Names called;
  for (auto n = random.between(random.chance(0.05) ? 0 : 1, most); n > 0; --n) {
    called.push_back(names[random.below(names.size())]);
  }
  return {type, called};
}

/// Instrumented builds do fewer cases: they are slower by an order of magnitude.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t default_cases = 200;
#else
constexpr std::uint64_t default_cases = 2'000;
#endif

/// Calls `check(random)` for each case, until one fails.
template <class Check>
void for_each_case(Check&& check) {
  const auto first = from_environment("AM_SEED", std::random_device{}());
  const auto cases = from_environment("AM_CASES", default_cases);
  for (auto seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE(fmt::format("AM_SEED={}", seed));
    Random random(seed);
    check(random);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Resolver, equals_the_naive_one_on_random_schemas) {
  am::internal::Resolver resolver;  // one for all: its scratch memory must not matter
  for_each_case([&](Random& random) {
    const auto schema = random_schema(random);
    const am::naive::Resolver naive(schema);
    const am::CompiledSchema compiled(schema);
    const auto indexes = [&](const Names& names) {
      std::vector<StateIndex> result;
      for (const auto& name : names) result.push_back(*compiled.find(name));
      return result;
    };
    const auto names = [&](const std::vector<StateIndex>& list) {
      Names result;
      for (const auto i : list) result.emplace_back(compiled.names()[i]);
      return result;
    };
    Names active;
    bool settled = true;
    for (int step = 0; step < 20; ++step) {
      const auto [type, states] = random_mutation(random, naive.names());
      const auto called = am::naive::unique(states);
      const auto expected = naive.targets(type, called, active);

      const auto called_indexes = indexes(called);
      const auto before = indexes(active);
      std::vector<am::internal::Word> before_bits;
      am::internal::assign(before_bits, compiled.data()->words, before);
      std::vector<StateIndex> targets;
      resolver.resolve(*compiled.data(), {type, called_indexes, before, before_bits, settled},
                       targets);
      std::vector<am::internal::Word> target_bits;
      am::internal::assign(target_bits, compiled.data()->words, targets);

      ASSERT_EQ(names(targets), expected) << fmt::format(
          "{} {} with {} active in\n{}", to_string(type), called, active, text_of(schema));
      ASSERT_TRUE(std::ranges::equal(resolver.target_bits(), target_bits)) << text_of(schema);
      ASSERT_EQ(resolver.settled() && !naive.settled(expected), false) << text_of(schema);
      auto exits = indexes(active - expected);
      resolver.order(*compiled.data(), exits);
      ASSERT_EQ(names(exits), naive.order(active - expected)) << text_of(schema);

      // Only what a machine would accept, so that the active states are those of a machine.
      if (type == MutationType::remove || am::naive::has_all(expected, called)) {
        active = expected;
        settled = resolver.settled() && !random.chance(0.1);  // the full way has to do as well
      }
    }
  });
}

/// Writes down transitions as the naive machine does.
class Recorder : public am::Tracer {
 public:
  void transition_end(const am::Transition& t) override {
    const auto names = [&](std::span<const StateIndex> list) {
      Names result;
      for (const auto i : list) result.emplace_back(t.name(i));
      return result;
    };
    steps.push_back({t.type, t.automatic, t.check, t.accepted, names(t.called), names(t.targets),
                     names(t.exits), names(t.enters)});
  }
  std::vector<am::naive::Step> steps;
};

TEST(Machine, equals_the_naive_one_on_random_schemas) {
  for_each_case([](Random& random) {
    const auto schema = random_schema(random);
    am::naive::Machine naive(schema);
    am::Machine machine(schema);
    const auto recorder = std::make_shared<Recorder>();
    machine.trace(recorder);
    for (int step = 0; step < 20; ++step) {
      const auto [type, called] = random_mutation(random, naive.names());
      const bool check = type != MutationType::set && random.chance(0.1);
      const bool toggle = type != MutationType::set && !check && random.chance(0.1);
      SCOPED_TRACE(fmt::format("{}{} {} with {} active in\n{}", check ? "can " : "",
                               toggle ? "toggle" : to_string(type), called, naive.active(),
                               text_of(schema)));
      const auto effective = !toggle                                      ? type
                             : am::naive::has_all(naive.active(), called) ? MutationType::remove
                                                                          : MutationType::add;
      am::Result result;
      if (toggle) {
        result = machine.toggle(called);
      } else if (type == MutationType::add) {
        result = check ? machine.can_add(called) : machine.add(called);
      } else if (type == MutationType::remove) {
        result = check ? machine.can_remove(called) : machine.remove(called);
      } else {
        result = machine.set(called);
      }
      std::vector<am::naive::Step> expected;
      const bool accepted = naive.mutate(effective, check, called, expected);
      ASSERT_EQ(result.kind(), accepted ? am::Result::executed : am::Result::canceled);
      ASSERT_EQ(std::exchange(recorder->steps, {}), expected);
      const auto active = machine.active_states();
      ASSERT_EQ(Names(active.begin(), active.end()), naive.active());
      for (const auto& name : naive.names()) {
        ASSERT_EQ(machine.tick(am::StateRef(name)).value, naive.tick(name)) << name;
      }
    }
  });
}

// A rollback leaves active states whose requirements are gone: no resolution may take them as met.
TEST(Machine, drops_what_a_rollback_left_without_its_requirement) {
  am::Machine machine{{{"Base", {.multi = true}}, {"Needy", {.require = {"Base"}}}}};
  ASSERT_EQ(machine.add({"Base", "Needy"}), am::Result::executed);
  machine.on("BaseState", [](am::Event&) { throw std::runtime_error("no"); });
  ASSERT_EQ(machine.add("Base"), am::Result::canceled);  // Base goes, then Exception is added
  const auto active = machine.active_states();
  EXPECT_EQ(Names(active.begin(), active.end()), Names{"Exception"});
}

}  // namespace
