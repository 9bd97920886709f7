#include <am/helpers/pipe.hpp>

#include <am/helpers/internal/pipe_route.hpp>
#include <am/log.hpp>
#include <am/machine.hpp>
#include <am/testing.hpp>
#include <am/thread_executor.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

struct Letter {
  std::string text;
};

am::Schema letters() {
  return {{"A", {}}, {"B", {}}, {"Ready", {}}, {"M", {.multi = true}}, {"ErrA", {}}};
}

TEST(Pipe, forwards_what_comes_and_goes) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  const auto pipe = am::pipe(source, target, {{"A", "B"}, {"M"}});
  source.add({"A", "M"});
  EXPECT_TRUE(target.is({"B", "M"}));
  source.remove("A");
  EXPECT_FALSE(target.is("B"));
  EXPECT_TRUE(target.is("M"));
  source.add("M");
  EXPECT_EQ(target.tick("M"), am::Tick{3}) << "a multi state is activated again";
  source.add("B");
  EXPECT_FALSE(target.is("A")) << "not piped";
}

TEST(Pipe, is_told_in_the_logs_of_both_machines) {
  am::Machine source{letters(), {.id = "from"}};
  am::Machine target{letters(), {.id = "into"}};
  std::string text;
  const auto log = [&](am::Machine& m) {
    am::attach_log(m, {.level = am::LogLevel::operations,
                       .prefix = am::LogPrefix::none,
                       .sink = [&](am::LogLevel, std::string_view line) {
                         if (line.starts_with("[pipe")) text += std::string(line) + "\n";
                       }});
  };
  log(source);
  log(target);
  const auto both = am::pipe(source, target, {{"A", "B"}});
  const auto some = am::pipe(source, target, {{"M"}}, {.what = am::PipeWhat::activations});
  EXPECT_EQ(text,
            "[pipe-out:add] A to into\n[pipe-in:add] B from from\n"
            "[pipe-out:remove] A to into\n[pipe-in:remove] B from from\n"
            "[pipe-out:add] M to into\n[pipe-in:add] M from from\n");
}

TEST(Pipe, is_told_to_the_machine_that_is_left_when_the_other_is_gone) {
  std::string text;
  const auto log = [&](am::Machine& m) {
    am::attach_log(m, {.level = am::LogLevel::operations,
                       .prefix = am::LogPrefix::none,
                       .sink = [&](am::LogLevel, std::string_view line) {
                         if (line.starts_with("[pipe:")) text += std::string(line) + "\n";
                       }});
  };
  am::Machine middle{letters(), {.id = "middle"}};
  log(middle);
  auto source = std::make_unique<am::Machine>(letters(), am::MachineOptions{.id = "from"});
  auto target = std::make_unique<am::Machine>(letters(), am::MachineOptions{.id = "into"});
  const am::Pipe in{*source, middle, {{"A"}}};
  const am::Pipe out{middle, *target, {{"B"}}};
  {
    am::Machine other{letters()};
    const am::Pipe closed{middle, other, {{"M"}}};
  }
  text.clear();
  source.reset();
  EXPECT_EQ(text, "[pipe:gc] from\n");
  target.reset();
  EXPECT_EQ(text, "[pipe:gc] from\n[pipe:gc] into\n");
}

TEST(Pipe, follows_a_snapshot_that_the_source_takes_over) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  source.add("A");
  const auto saved = source.save();
  const auto pipe = am::pipe(source, target, {{"A"}, {"M"}});
  source.set("M");
  EXPECT_TRUE(target.is("M") && target.is_not("A"));
  source.restore(saved, am::Rewind::allowed);
  EXPECT_EQ(target.when("A").wait_for(patience), am::Ended::fired);
  EXPECT_EQ(target.when_not("M").wait_for(patience), am::Ended::fired);
}

TEST(Pipe, brings_the_target_in_line_at_the_start) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  source.add("A");
  target.add({"B", "M"});
  const am::Pipe pipe{source, target, {{"A"}, {"B"}}};
  EXPECT_TRUE(target.is({"A", "M"}));
  EXPECT_FALSE(target.is("B"));

  am::Machine other{letters()};
  const am::Pipe later{source, other, {{"A"}}, {.sync = false}};
  EXPECT_FALSE(other.is("A"));
}

TEST(Pipe, forwards_one_direction_if_told_so) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  const am::Pipe on{source, target, {{"A"}}, {.what = am::PipeWhat::activations}};
  const am::Pipe off{source, target, {{"B"}}, {.what = am::PipeWhat::deactivations, .sync = false}};
  target.add("B");
  source.add({"A", "B"});
  source.remove({"A", "B"});
  EXPECT_TRUE(target.is("A"));
  EXPECT_FALSE(target.is("B"));
}

TEST(Pipe, carries_the_arguments) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  std::string text;
  target.on_state("A", [&](am::Event& e) { text = e.args<Letter>().text; });
  const am::Pipe pipe{source, target, {{"A"}}};
  source.add("A", Letter{"hello"});
  EXPECT_EQ(text, "hello");
}

TEST(Pipe, of_several_states_into_one_goes_off_with_the_last) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  const am::Pipe pipe{source, target, {{"A", "Ready"}, {"B", "Ready"}}};
  source.add({"A", "B"});
  source.remove("A");
  EXPECT_TRUE(target.is("Ready"));
  source.remove("B");
  EXPECT_FALSE(target.is("Ready"));
}

TEST(Pipe, flat_forwards_only_what_changes_the_target) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  target.add("A");
  int transitions = 0;
  target.on("AnyState", [&](am::Event&) { ++transitions; });
  const am::Pipe pipe{source, target, {{"A"}, {"M"}}, {.flat = true, .sync = false}};
  source.add("A");
  EXPECT_EQ(transitions, 0);
  source.add("M");
  source.add("M");
  EXPECT_EQ(target.tick("M"), am::Tick{1});
  source.remove({"A", "M"});
  EXPECT_TRUE(target.is_not({"A", "M"}));
}

TEST(Pipe, brings_errors_along) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  const am::Pipe errors = am::bind_error(source, target, "ErrA");
  const am::Pipe ready = am::bind_ready(source, target, "B");
  source.on_state("A", [](am::Event&) { throw std::runtime_error("out of ink"); });
  source.add({"A", "Ready"});
  EXPECT_TRUE(target.is({"ErrA", "Exception"}));
  EXPECT_EQ(target.last_error()->message, "out of ink");
  source.remove("Exception");
  EXPECT_TRUE(target.is({"ErrA", "Exception"})) << "the target's to remove";
}

TEST(Pipe, of_all_states_makes_a_follower) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  const am::Pipe pipe = am::bind_all(source, target);
  source.set({"A", "Ready"});
  source.set({"B", "Ready"});
  EXPECT_TRUE(target.is({"B", "Ready"}));
  EXPECT_FALSE(target.is("A"));
}

TEST(Pipe, ends_with_its_handle_or_lives_on_when_released) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  { const am::Pipe pipe{source, target, {{"A"}}}; }
  source.add("A");
  EXPECT_FALSE(target.is("A"));
  am::Pipe(source, target, {{"B"}}).release();
  source.add("B");
  EXPECT_TRUE(target.is("B"));
}

TEST(Pipe, ends_when_either_machine_goes) {
  am::Machine stays{letters()};
  std::optional<am::Machine> goes(letters());
  const am::Pipe from{*goes, stays, {{"A"}}};
  const am::Pipe to{stays, *goes, {{"A"}}};
  EXPECT_TRUE(from.active() && to.active());
  goes.reset();
  EXPECT_FALSE(from.active() || to.active());
  stays.add("A");
}

TEST(Pipe, refuses_states_that_are_not_there) {
  am::Machine source{letters()};
  am::Machine target{{{"Z", {}}}};
  EXPECT_THROW((void)am::pipe(source, target, {{"A"}}), am::Error);
  EXPECT_THROW((void)am::pipe(source, target, {}), am::Error);
  EXPECT_THROW((void)am::bind_all(source, target), am::Error);
}

TEST(Pipe, both_ways_keeps_two_machines_alike) {
  am::Machine left{letters()};
  am::Machine right{letters()};
  const am::Pipe there{left, right, {{"A"}, {"M"}}};
  const am::Pipe back{right, left, {{"A"}, {"M"}}};
  left.add("A");
  EXPECT_TRUE(right.is("A"));
  right.remove("A");
  EXPECT_FALSE(left.is("A"));
  left.add("M");
  left.add("M");
  EXPECT_EQ(left.tick("M"), am::Tick{3}) << "no echo";
  EXPECT_EQ(right.tick("M"), am::Tick{3});
}

TEST(Pipe, round_a_ring_ends_where_it_began) {
  am::Machine a{letters()};
  am::Machine b{letters()};
  am::Machine c{letters()};
  const am::Pipe ab{a, b, {{"M"}}};
  const am::Pipe bc{b, c, {{"M"}}};
  const am::Pipe ca{c, a, {{"M"}}};
  a.add("M");
  EXPECT_EQ(a.tick("M"), am::Tick{1});
  EXPECT_EQ(c.tick("M"), am::Tick{1});
}

TEST(Pipe, brings_in_line_what_a_full_queue_refused) {
  am::Machine source{letters()};
  am::Machine target{letters(), {.queue_limit = 1}};
  std::binary_semaphore busy{0};
  std::binary_semaphore go_on{0};
  target.on_state("Ready", [&](am::Event&) {
    busy.release();
    go_on.acquire();
  });
  const am::Pipe pipe{source, target, {{"A"}, {"B"}, {"M"}}};
  std::jthread other([&] { target.add("Ready"); });
  busy.acquire();
  source.add("A");
  source.add("B");
  source.add("M");
  source.remove("A");
  go_on.release();
  ASSERT_EQ(target.when({"B", "M"}).wait_for(patience), am::Ended::fired);
  EXPECT_EQ(target.when_not("A").wait_for(patience), am::Ended::fired);
  EXPECT_GT(pipe.counters().syncs, 1U);
}

TEST(Pipe, beyond_its_limit_brings_the_target_in_line) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  const auto loop = std::make_shared<am::ThreadExecutor>();
  std::binary_semaphore go_on{0};
  loop->post([&] { go_on.acquire(); });
  const am::Pipe pipe{source, target, {{"A"}, {"B"}}, {.executor = loop, .mailbox_limit = 2}};
  for (int i = 0; i < 10; ++i) source.toggle("A");
  source.add("B");
  go_on.release();
  ASSERT_EQ(target.when("B").wait_for(patience), am::Ended::fired);
  EXPECT_FALSE(target.is("A"));
}

/// Threads change the source at random; a target that refuses what comes out of order would differ.
TEST(Pipe, keeps_the_order_while_threads_mutate) {
  constexpr int threads = 4;
  constexpr int rounds = 300;
  am::Machine source{letters(), {.queue_full = am::QueueFull::block}};
  am::Machine target{letters(), {.queue_limit = 100'000}};
  // What the target sees must be what the source went through: each state comes and goes in turn.
  struct Order : am::Tracer {
    void transition_end(const am::Transition& transition) override {
      for (const auto& change : transition.changes) {
        if (change.state < 2)
          seen.push_back(change.after.active() ? 10 + change.state : change.state);
      }
    }
    std::vector<int> seen;
  };
  const auto sent = std::make_shared<Order>();
  const auto got = std::make_shared<Order>();
  source.trace(sent);
  target.trace(got);
  {
    const am::Pipe pipe{source, target, {{"A"}, {"B"}, {"Ready"}}, {.mailbox_limit = 100'000}};
    {
      std::vector<std::jthread> mutators;
      for (int i = 0; i < threads; ++i) {
        mutators.emplace_back([&source, i] {
          for (int round = 0; round < rounds; ++round) source.toggle(i % 2 == 0 ? "A" : "B");
        });
      }
    }
    source.add("Ready");
    ASSERT_EQ(target.when("Ready").wait_for(patience), am::Ended::fired);
  }
  EXPECT_EQ(sent->seen, got->seen);
  EXPECT_EQ(source.tick("A"), target.tick("A"));
  EXPECT_EQ(source.tick("B"), target.tick("B"));
}

TEST(Pipe, both_ways_under_load_neither_hangs_nor_swings_for_ever) {
  am::Machine left{letters(), {.queue_full = am::QueueFull::block}};
  am::Machine right{letters(), {.queue_full = am::QueueFull::block}};
  const am::Pipe there{left, right, {{"A"}, {"Ready"}}};
  const am::Pipe back{right, left, {{"B"}, {"Ready"}}};
  {
    std::jthread one([&] {
      for (int i = 0; i < 300; ++i) left.toggle("A");
    });
    std::jthread two([&] {
      for (int i = 0; i < 300; ++i) right.toggle("B");
    });
  }
  left.add("A");
  right.add("B");
  EXPECT_EQ(right.when("A").wait_for(patience), am::Ended::fired);
  EXPECT_EQ(left.when("B").wait_for(patience), am::Ended::fired);
  left.add("Ready");
  EXPECT_EQ(right.when("Ready").wait_for(patience), am::Ended::fired);
}

TEST(Pipe, is_closed_while_others_mutate) {
  am::Machine source{letters(), {.queue_full = am::QueueFull::block}};
  am::Machine target{letters()};
  std::atomic<bool> go_on{true};
  std::jthread mutator([&] {
    while (go_on) source.toggle("A");
  });
  for (int i = 0; i < 50; ++i) {
    am::Pipe pipe{source, target, {{"A"}}};
    std::this_thread::yield();
  }
  go_on = false;
}

TEST(Pipe, destroys_arguments_that_call_it) {
  struct Caller {
    std::shared_ptr<void> at_the_end;
  };
  am::Machine source{letters()};
  am::Machine target{letters()};
  int calls = 0;
  const auto loop = std::make_shared<am::ThreadExecutor>();
  std::binary_semaphore go_on{0};
  loop->post([&] { go_on.acquire(); });
  const am::Pipe pipe{
      source, target, {{"A"}, {"B"}}, {.sync = false, .executor = loop, .mailbox_limit = 1}};
  source.add("A", Caller{std::shared_ptr<void>(&calls, [&](void*) {
               pipe.counters();
               ++calls;
             })});
  EXPECT_EQ(calls, 0);
  source.add("B");
  EXPECT_EQ(calls, 1);
  go_on.release();
  EXPECT_EQ(target.when({"A", "B"}).wait_for(patience), am::Ended::fired);
}

TEST(Pipe, brings_in_line_a_target_that_had_to_recover) {
  std::binary_semaphore ended{0};
  std::binary_semaphore go_on{0};
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine source{letters()};
  am::Machine target{letters(),
                     {.timers = timers,
                      .handlers = am::HandlersRun::on_own_thread,
                      .handler_timeout = 50ms,
                      .handler_deadline = 1ms}};
  target.on_state("Ready", [&](am::Event&) {
    go_on.acquire();
    ended.release();
  });
  const am::Pipe pipe{source, target, {{"A"}, {"B"}}};
  EXPECT_EQ(target.add("Ready").reason(), am::Reason::timeout);
  source.add("A");
  source.add("B");
  EXPECT_FALSE(target.is("A"));
  EXPECT_EQ(pipe.counters().refused, 0U);
  timers->advance(4s);
  EXPECT_EQ(target.when({"A", "B"}).wait_for(1s), am::Ended::fired);
  go_on.release();
  ended.acquire();
}

TEST(Pipe, brings_in_line_what_timed_out) {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine source{letters()};
  am::Machine target{letters(), {.timers = timers, .handler_timeout = 20ms}};
  std::atomic<bool> slow{true};
  target.on_state("A", [&](am::Event&) {
    if (slow.exchange(false)) std::this_thread::sleep_for(100ms);
  });
  const am::Pipe pipe{source, target, {{"A"}}};
  source.add("A");
  EXPECT_FALSE(target.is("A"));
  timers->advance(1s);
  EXPECT_EQ(target.when("A").wait_for(1s), am::Ended::fired);
}

// -- what changes become ------------------------------------------------------------

am::TickChange change(am::StateIndex state, std::uint64_t before, std::uint64_t after) {
  return {state, am::Tick{before}, am::Tick{after}};
}

am::internal::PipeSteps steps(am::TickChange of, bool multi = false) {
  const std::vector<am::internal::PipeRoute> routes{{.from = 0, .to = 5, .multi = multi}};
  return am::internal::pipe_steps(routes, std::span(&of, 1), [](am::StateIndex) { return false; });
}

using Indexes = std::vector<am::StateIndex>;

TEST(PipeSteps, of_merged_changes_keep_what_happened_in_between) {
  EXPECT_EQ(steps(change(0, 0, 1)).add, Indexes{5});
  EXPECT_EQ(steps(change(0, 1, 2)).remove, Indexes{5});
  const auto pulse = steps(change(0, 2, 4));
  EXPECT_EQ(pulse.add, Indexes{5});
  EXPECT_EQ(pulse.remove_again, Indexes{5});
  EXPECT_TRUE(pulse.remove.empty());
  const auto gap = steps(change(0, 1, 3));
  EXPECT_EQ(gap.remove, Indexes{5});
  EXPECT_EQ(gap.add, Indexes{5});
  EXPECT_TRUE(steps(change(0, 1, 3), true).remove.empty()) << "activated again";
}

}  // namespace
