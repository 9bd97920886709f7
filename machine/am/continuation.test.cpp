#include <am/continuation.hpp>

#include <am/machine.hpp>
#include <am/thread_executor.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <new>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

am::Schema letters() { return {{"A", {}}, {"B", {}}, {"C", {}}, {"M", {.multi = true}}}; }

TEST(Continuation, runs_once_the_machine_is_released) {
  am::Machine m{letters()};
  am::Result inside;
  bool in_handler = false;
  bool overlapped = false;
  m.on("AState", [&](am::Event& e) {
    in_handler = true;
    e.machine().add("B");  // ends the wait below while this drain goes on
    in_handler = false;
  });
  m.on("CState", [&](am::Event&) { overlapped = inside.kind() == am::Result::executed; });
  m.when("B").then([&](am::Ended ended) {
    EXPECT_EQ(ended, am::Ended::fired);
    EXPECT_FALSE(in_handler);
    inside = m.add("M");  // executed, not queued: nobody drains any more
    EXPECT_EQ(m.when("M").wait(), am::Ended::fired);
  });
  m.add("A");
  EXPECT_EQ(inside, am::Result::executed);
  EXPECT_FALSE(overlapped);
}

TEST(Continuation, of_a_wait_that_has_ended_runs_at_once) {
  am::Machine m{letters()};
  int runs = 0;
  m.when_not("A").then([&] { ++runs; });
  EXPECT_EQ(runs, 1);
  am::Wait{}.then([&](am::Ended ended) { runs += ended == am::Ended::disposed ? 1 : 0; });
  EXPECT_EQ(runs, 2);
}

TEST(Continuation, made_in_a_handler_of_what_holds_already_waits_for_the_end_of_the_drain) {
  am::Machine m{letters()};
  am::Result result;
  m.on("AState", [&](am::Event& e) {
    e.machine().when("A").then([&] { result = m.add("B"); });
    EXPECT_EQ(result, am::Result::canceled);  // as made: it has not run
  });
  m.add("A");
  EXPECT_EQ(result, am::Result::executed);
}

TEST(Continuation, waits_for_the_outermost_machine_of_its_thread) {
  am::Machine outer{letters()};
  am::Machine inner{letters()};
  am::Result result;
  inner.when("A").then([&] { result = outer.add("B"); });
  outer.on("AState", [&](am::Event&) { inner.add("A"); });
  outer.add("A");
  EXPECT_EQ(result, am::Result::executed);
}

TEST(Continuation, keeps_its_wait_without_a_handle) {
  am::Machine m{letters()};
  int runs = 0;
  for (int i = 0; i < 3; ++i) m.when("A").then([&] { ++runs; });
  m.add("A");
  EXPECT_EQ(runs, 3);
}

TEST(Continuation, runs_as_disposed_when_the_machine_goes) {
  std::vector<am::Ended> ended;
  {
    am::Machine m{letters()};
    m.when("A").then([&](am::Ended e) { ended.push_back(e); });
    m.when_time("A", am::Tick{9}).then([&](am::Ended e) { ended.push_back(e); });
  }
  EXPECT_EQ(ended, std::vector(2, am::Ended::disposed));
}

TEST(Continuation, that_is_canceled_never_runs_and_is_destroyed_at_once) {
  am::Machine m{letters()};
  const auto kept = std::make_shared<int>();
  const auto wait = m.when("A");
  const auto first = wait.then([kept] { FAIL(); });
  const auto second = m.when("A").then([kept] { FAIL(); });
  EXPECT_EQ(kept.use_count(), 3);
  EXPECT_TRUE(first.cancel());
  EXPECT_TRUE(second.cancel());
  EXPECT_FALSE(second.cancel());
  EXPECT_EQ(kept.use_count(), 1);
  m.add("A");
  EXPECT_TRUE(wait.done());
  EXPECT_FALSE(am::Continuation{}.cancel());
}

TEST(Continuation, cannot_be_canceled_once_it_has_begun) {
  am::Machine m{letters()};
  am::Continuation self;
  bool canceled = true;
  self = m.when("A").then([&] { canceled = self.cancel(); });
  m.add("A");
  EXPECT_FALSE(canceled);
}

TEST(Continuation, may_hold_what_only_moves) {
  am::Machine m{letters()};
  int seen = 0;
  m.when("A").then([&seen, value = std::make_unique<int>(7)] { seen = *value; });
  m.add("A");
  EXPECT_EQ(seen, 7);
}

TEST(Continuation, can_cause_the_next_without_end) {
  am::Machine m{letters()};
  constexpr int rounds = 20'000;
  std::atomic<int> round{0};
  std::promise<void> over;
  std::function<void()> next = [&] {
    if (++round == rounds) return over.set_value();
    m.when_ticks("M", 2).then(next);
    m.add("M");
  };
  m.add("M");
  next();
  ASSERT_EQ(over.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(round, rounds);
}

TEST(Continuation, does_not_wait_for_a_thread_that_others_keep_busy) {
  am::Machine m{letters(), {.queue_limit = 100'000}};
  std::atomic<bool> ran{false};
  m.when("A").then([&] { ran = true; });
  // A drain that feeds itself until the continuation has run.
  m.on("MState", [&](am::Event& e) {
    if (!ran) e.machine().add("M");
  });
  m.on("AState", [](am::Event& e) { e.machine().add("M"); });
  m.add("A");
  EXPECT_TRUE(ran);
}

TEST(Continuation, runs_on_the_executor_it_was_given) {
  am::Machine m{letters()};
  const auto worker = std::make_shared<am::ThreadExecutor>();
  std::promise<std::thread::id> thread;
  m.when("A").then(worker, [&] { thread.set_value(std::this_thread::get_id()); });
  m.add("A");
  auto future = thread.get_future();
  ASSERT_EQ(future.wait_for(patience), std::future_status::ready);
  EXPECT_NE(future.get(), std::this_thread::get_id());
}

TEST(Continuation, races_with_cancels_and_mutations) {
  am::Machine m{letters(), {.queue_full = am::QueueFull::block}};
  constexpr int rounds = 3'000;
  std::atomic<int> runs{0};
  std::atomic<int> canceled{0};
  std::atomic<bool> go_on{true};
  std::jthread mutator([&] {
    while (go_on) m.toggle("A");
  });
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < rounds; ++i) {
        const auto continuation = m.when_ticks("A", 1).then([&] { ++runs; });
        if ((i + t) % 2 == 0 && continuation.cancel()) ++canceled;
      }
    });
  }
  threads.clear();
  go_on = false;
  mutator.join();
  m.dispose();
  // What was handed over to the completion executor comes before this.
  std::promise<void> last;
  am::completion_executor()->post([&] { last.set_value(); });
  ASSERT_EQ(last.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(runs + canceled, 3 * rounds);
}

/// As a loop whose memory runs out.
class Refusing final : public am::Executor {
 public:
  void post(std::function<void()>) override { throw std::bad_alloc(); }
};

TEST(Continuation, runs_elsewhere_when_its_executor_throws_and_the_machine_goes_on) {
  const auto refusing = std::make_shared<Refusing>();
  std::promise<am::Ended> fired;
  std::promise<am::Ended> disposed;
  {
    am::Machine m{letters()};
    m.when("A").then(refusing, [&](am::Ended ended) { fired.set_value(ended); });
    m.when("C").then(refusing, [&](am::Ended ended) { disposed.set_value(ended); });
    EXPECT_EQ(m.add("A"), am::Result::executed);
    EXPECT_EQ(m.add("B"), am::Result::executed);  // the machine is not taken to be busy for ever
  }
  EXPECT_EQ(fired.get_future().get(), am::Ended::fired);
  EXPECT_EQ(disposed.get_future().get(), am::Ended::disposed);
}

TEST(Continuation, needs_a_function) {
  am::Machine m{{{"A", {}}}};
  const auto refuses = [](auto&& attach) {
    try {
      attach();
      ADD_FAILURE() << "was attached";
    } catch (const am::Error& error) {
      EXPECT_EQ(error.code(), am::Errc::invalid_argument);
      EXPECT_NE(std::string(error.what()).find("empty function"), std::string::npos);
    }
  };
  const auto wait = m.when("A");
  refuses([&] { wait.then(std::function<void()>{}); });
  refuses([&] { wait.then(std::function<void(am::Ended)>{}); });
  refuses([&] { wait.then(static_cast<void (*)()>(nullptr)); });
  const auto pending = m.add_async("A");
  refuses([&] { pending.then(std::function<void(am::Result)>{}); });
  EXPECT_TRUE(wait.done());
  int calls = 0;
  wait.then(std::function<void()>([&] { ++calls; }));
  EXPECT_EQ(calls, 1);
}

}  // namespace
