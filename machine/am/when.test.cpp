// The kinds of waits beyond states and ticks.
#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

am::Schema letters() {
  return {{"A", {.add = {"C"}}}, {"B", {}}, {"C", {}}, {"M", {.multi = true}}};
}

TEST(When, next_active_leaves_out_the_present_activation) {
  am::Machine m{letters()};
  const auto first = m.when_next_active("A");
  m.add("A");
  EXPECT_TRUE(first.done());
  const auto second = m.when_next_active("A");
  m.remove("A");
  EXPECT_FALSE(second.done());
  m.add("A");
  EXPECT_TRUE(second.done());
}

TEST(When, next_active_of_a_multi_state_sees_it_activated_again) {
  am::Machine m{letters()};
  m.add("M");
  const auto again = m.when_next_active("M");
  m.add("M");
  EXPECT_TRUE(again.done());
}

TEST(When, change_ends_with_the_next_transition_that_moves_a_clock) {
  am::Machine m{letters()};
  m.add("A");
  const auto changed = m.when_change();
  m.add("A");  // accepted, and nothing new
  EXPECT_FALSE(changed.done());
  m.remove("C");
  EXPECT_EQ(changed.ended(), am::Ended::fired);
}

TEST(When, error_ends_with_the_exception) {
  am::Machine m{letters()};
  const auto error = m.when_error();
  m.on("AState", [](am::Event&) { throw std::runtime_error("broken"); });
  m.add("A");
  EXPECT_TRUE(error.done());
  EXPECT_TRUE(m.when_error().done());
}

TEST(When, query_is_looked_at_at_once_and_after_each_transition) {
  am::Machine m{letters()};
  EXPECT_TRUE(m.when_query([](const am::Time& t) { return t.sum() == 0; }).done());
  const auto a = m.state("A").index();
  const auto b = m.state("B").index();
  const auto often = m.when_query([=](const am::Time& t) { return t[a].value > 4 * t[b].value; });
  EXPECT_FALSE(often.done());
  m.add("B");
  for (const auto expected : {false, false, true}) {
    m.add("A");
    EXPECT_EQ(often.done(), expected);
    m.remove("A");
  }
}

TEST(When, query_ends_as_disposed_with_the_machine) {
  am::Wait never;
  {
    am::Machine m{letters()};
    never = m.when_query([](const am::Time&) { return false; });
  }
  EXPECT_EQ(never.ended(), am::Ended::disposed);
}

TEST(When, query_misses_nothing_while_others_mutate) {
  am::Machine m{letters(), {.queue_full = am::QueueFull::block}};
  std::atomic<bool> go_on{true};
  std::jthread mutator([&] {
    while (go_on) m.add("M");
  });
  const auto i = m.state("M").index();
  for (int n = 0; n < 500; ++n) {
    const auto target = m.tick("M").value + 2;
    const auto grown = m.when_query([=](const am::Time& t) { return t[i].value >= target; });
    ASSERT_EQ(grown.wait_for(patience), am::Ended::fired);
  }
  go_on = false;
}

TEST(When, args_ends_when_they_match) {
  am::Machine m{letters()};
  const auto bar = m.when_args("B", am::Args{}.with("foo", std::string("bar")));
  m.add("B", am::Args{}.with("foo", std::string("foo")));
  m.remove("B", am::Args{}.with("foo", std::string("bar")));
  EXPECT_FALSE(bar.done());
  m.add("B", am::Args{}.with("foo", std::string("bar")).with("more", std::int64_t{1}));
  EXPECT_TRUE(bar.done());
}

struct Key {
  int number;
};

TEST(When, args_takes_a_function_for_typed_ones) {
  am::Machine m{letters()};
  const auto implied = m.when_args("C", [](const am::Args& args) {
    const auto* key = args.get_if<Key>();
    return key != nullptr && key->number == 7;
  });
  m.add("A", Key{6});
  m.remove({"A", "C"});
  EXPECT_FALSE(implied.done());
  m.add("A", Key{7});  // which adds C
  EXPECT_TRUE(implied.done());
  EXPECT_THROW(m.when_args("A", Key{7}), am::Error);
}

TEST(When, args_ends_right_after_the_handlers_of_the_state) {
  am::Machine m{letters()};
  const auto any = [](const am::Args&) { return true; };
  const auto b = m.when_args("B", any);
  m.on("BState", [&](am::Event&) { EXPECT_FALSE(b.done()); });
  m.on("AnyState", [&](am::Event&) { EXPECT_TRUE(b.done()); });
  m.add("B");
  EXPECT_TRUE(m.is_not("Exception"));
}

// Spec machine 12.6, X-WhenArgsPanic.
TEST(When, args_goes_on_when_the_handler_throws) {
  am::Machine m{letters()};
  const auto a = m.when_args("A", [](const am::Args&) { return true; });
  m.on("AState", [](am::Event&) { throw std::runtime_error("broken"); });
  m.add("A");
  EXPECT_FALSE(a.done());
}

TEST(When, queue_ends_is_over_at_once_at_rest_and_else_at_the_end_of_the_drain) {
  am::Machine m{letters()};
  EXPECT_TRUE(m.when_queue_ends().done());
  am::Wait end;
  m.on("BState", [&](am::Event&) { EXPECT_FALSE(end.done()); });
  m.on("AState", [&](am::Event& e) {
    end = e.machine().when_queue_ends();
    e.machine().add("B");
  });
  m.add("A");
  EXPECT_EQ(end.ended(), am::Ended::fired);
}

TEST(When, queue_ends_is_never_missed) {
  am::Machine m{letters(), {.queue_full = am::QueueFull::block}};
  std::atomic<bool> go_on{true};
  std::jthread mutator([&] {
    while (go_on) m.add("M");
  });
  for (int i = 0; i < 2'000; ++i) {
    ASSERT_EQ(m.when_queue_ends().wait_for(patience), am::Ended::fired);
  }
  go_on = false;
}

TEST(When, any_tells_which_was_first) {
  am::Machine m{letters()};
  am::Machine other{letters()};
  const auto first = am::when_any({m.when("A"), other.when("B"), m.when("M")});
  EXPECT_FALSE(first.value());
  other.add("B");
  EXPECT_EQ(first.get(), 1U);
  m.add("A");
  EXPECT_EQ(first.get(), 1U);
  EXPECT_EQ(am::when_any({m.when("M"), m.when("A")}).value(), 1U);
  EXPECT_THROW(am::when_any({}), am::Error);
}

TEST(When, any_lets_go_of_its_waits) {
  am::Machine m{letters()};
  for (int i = 0; i < 10'000; ++i) am::when_any({m.when("A"), m.when("B")});
  int told = -1;
  am::when_any({m.when("A"), m.when("B")}).then([&](std::size_t i) { told = static_cast<int>(i); });
  m.add("B");
  EXPECT_EQ(told, 1);
}

TEST(When, ticks_beyond_all_counting_are_waited_for) {
  am::Machine m{letters()};
  m.add("B");
  const auto never = m.when_ticks("B", ~std::uint64_t{0});
  m.remove("B");
  EXPECT_FALSE(never.done());
}

TEST(When, query_and_args_need_a_function) {
  am::Machine m{letters()};
  EXPECT_THROW(m.when_query(nullptr), am::Error);
  EXPECT_THROW(m.when_args("A", std::function<bool(const am::Args&)>{}), am::Error);
}

}  // namespace
