// What many threads do to one machine must be what some order of their mutations does.
#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;

constexpr auto patience = 60s;
constexpr int threads = 8;

/// Mutations of each thread. Instrumented builds do fewer: they are slower by an order of
/// magnitude.
int mutations_per_thread() {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  return 20'000;
#else
  return 1'000'000;
#endif
}

am::Schema one_state_for_each_thread() {
  std::vector<am::Schema::Entry> entries;
  for (int i = 0; i < threads; ++i) entries.push_back({"S" + std::to_string(i), {}});
  return am::Schema(entries);
}

/// Runs `body(thread number)` on all threads at once.
void on_all_threads(const std::function<void(int)>& body) {
  std::latch start(threads);
  std::vector<std::jthread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      start.arrive_and_wait();
      body(i);
    });
  }
}

TEST(Concurrency, with_a_blocking_queue_nothing_is_refused_and_every_mutation_runs) {
  am::Machine m{one_state_for_each_thread(), {.queue_full = am::QueueFull::block}};
  std::vector<am::Wait> attached;
  for (int i = 0; i < 1'000; ++i) attached.push_back(m.when({"S0", "Exception"}));
  std::atomic<std::uint64_t> bad{0};
  const int n = mutations_per_thread();
  on_all_threads([&](int thread) {
    const auto id = m.state("S" + std::to_string(thread));
    for (int i = 0; i < n; ++i) {
      // Each thread mutates a state of its own, so that it knows how it must come out.
      const bool add = i % 2 == 0;
      const auto result = add ? m.add(id) : m.remove(id);
      if (result == Result::queued) {
        bad += m.when_queue(result.queue_tick()).wait_for(patience) != am::Ended::fired ? 1 : 0;
      } else if (result != Result::executed) {
        ++bad;
      }
      bad += m.is(id) != add ? 1 : 0;
      bad += m.tick(id) != am::Tick{static_cast<std::uint64_t>(i) + 1} ? 1 : 0;
    }
  });
  EXPECT_EQ(bad, 0U);
  EXPECT_EQ(m.time().sum(), static_cast<std::uint64_t>(threads) * static_cast<std::uint64_t>(n));
  EXPECT_EQ(m.queue_tick().value,
            1 + static_cast<std::uint64_t>(threads) * static_cast<std::uint64_t>(n));
}

TEST(Concurrency, with_a_refusing_queue_what_was_not_refused_has_run) {
  am::Machine m{one_state_for_each_thread(), {.queue_limit = 4}};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> accepted{0};
  const int n = mutations_per_thread();
  on_all_threads([&](int thread) {
    const auto id = m.state("S" + std::to_string(thread));
    for (int i = 0; i < n; ++i) {
      const auto result = m.add(id, std::string("with arguments, so that none is a duplicate"));
      if (result == (Result{Result::canceled, am::Reason::queue_full})) {
        ++refused;
      } else {
        ++accepted;
      }
    }
  });
  EXPECT_EQ(refused + accepted,
            static_cast<std::uint64_t>(threads) * static_cast<std::uint64_t>(n));
  // Every accepted mutation took one queue tick, when it ran.
  EXPECT_EQ(m.queue_tick().value, 1 + accepted);
  EXPECT_EQ(m.queue_length(), 0U);
}

TEST(Concurrency, no_wake_up_is_lost_between_threads_that_wait_for_each_other) {
  am::Machine m{{{"Ping", {.remove = {"Pong"}}}, {"Pong", {.remove = {"Ping"}}}}};
  const int rounds = mutations_per_thread() / 100;
  m.add("Pong");
  std::atomic<int> lost{0};
  const auto play = [&](const char* mine, const char* theirs) {
    for (int i = 0; i < rounds; ++i) {
      if (m.when(theirs).wait_for(patience) != am::Ended::fired) {
        ++lost;
        return;
      }
      m.add(mine);
      // An add that another thread runs shows when that thread gets to it.
      if (m.when_time(mine, am::Tick{2 * static_cast<std::uint64_t>(i) + 1}).wait_for(patience) !=
          am::Ended::fired) {
        ++lost;
        return;
      }
    }
  };
  {
    std::jthread ping([&] { play("Ping", "Pong"); });
    std::jthread pong([&] {
      for (int i = 0; i < rounds; ++i) {
        if (m.when("Ping").wait_for(patience) != am::Ended::fired) {
          ++lost;
          return;
        }
        m.add("Pong");
        if (m.when_time("Pong", am::Tick{2 * static_cast<std::uint64_t>(i) + 3})
                .wait_for(patience) != am::Ended::fired) {
          ++lost;
          return;
        }
      }
    });
  }
  EXPECT_EQ(lost, 0);
}

TEST(Concurrency, readers_see_only_instants_between_transitions) {
  // 100 states span two words; all of them change together.
  std::vector<am::Schema::Entry> entries;
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) {
    names.push_back("S" + std::to_string(i));
    entries.push_back({names.back(), {}});
  }
  am::Machine m{am::Schema(entries)};
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> torn{0};
  {
    std::jthread reader([&] {
      std::uint64_t last = 0;
      while (!over) {
        const auto time = m.time();
        for (std::size_t i = 1; i < 100; ++i) torn += time[i] != time[0] ? 1 : 0;
        torn += time[0].value < last ? 1 : 0;
        last = time[0].value;
      }
    });
    for (int i = 0; i < mutations_per_thread() / 100; ++i) m.toggle(names);
    over = true;
  }
  EXPECT_EQ(torn, 0U);
}

TEST(Concurrency, checks_from_other_threads_get_their_answers) {
  am::Machine m{{{"A", {}}, {"B", {.require = {"C"}}}, {"C", {}}}};
  std::atomic<std::uint64_t> bad{0};
  on_all_threads([&](int thread) {
    for (int i = 0; i < mutations_per_thread() / 100; ++i) {
      if (thread == 0) {
        m.toggle("A");
      } else {
        bad += m.can_add("B") != Result::canceled ? 1 : 0;
        bad += m.can_add("C") != Result::executed ? 1 : 0;
      }
    }
  });
  EXPECT_EQ(bad, 0U);
}

TEST(Concurrency, binding_and_waiting_while_others_mutate_is_safe) {
  am::Machine m{one_state_for_each_thread(), {.queue_full = am::QueueFull::block}};
  std::atomic<std::uint64_t> calls{0};
  on_all_threads([&](int thread) {
    const auto name = "S" + std::to_string(thread);
    for (int i = 0; i < mutations_per_thread() / 500; ++i) {
      if (thread % 2 == 0) {
        m.toggle(name);
      } else {
        const auto id = m.on("S0State", [&](am::Event&) { ++calls; });
        const auto wait = m.when("S0");
        const auto token = m.while_active("S0");
        m.detach(id);
      }
    }
  });
  EXPECT_EQ(m.queue_length(), 0U);
}

TEST(Concurrency, disposing_while_others_mutate_ends_every_wait) {
  for (int round = 0; round < 50; ++round) {
    auto m = std::make_unique<am::Machine>(one_state_for_each_thread());
    const am::Api handle = *m;
    std::atomic<int> hung{0};
    std::jthread ender([&] { m->dispose(); });
    on_all_threads([&](int thread) {
      am::Api mine = handle;
      const auto name = "S" + std::to_string(thread);
      while (mine.add(name).reason() != am::Reason::disposed) {
        mine.remove(name);
      }
      hung += mine.when(name).wait_for(patience) == am::Ended::timeout ? 1 : 0;
    });
    EXPECT_EQ(hung, 0);
  }
}

TEST(Concurrency, clocks_go_back_in_a_new_epoch_only_and_no_wait_is_left_behind) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  const auto fresh = m.save();
  std::atomic<bool> over{false};
  std::atomic<bool> at_rest{false};  ///< after that: a wait needs somebody who mutates
  std::atomic<int> restored{0};
  std::vector<std::jthread> mutators;
  for (const auto* const state : {"A", "B"}) {
    mutators.emplace_back([&, state] {
      while (!at_rest) {
        m.toggle(state);
        if (m.tick(state).value % 64 == 0) std::this_thread::sleep_for(20us);  // for restores
      }
    });
  }
  std::jthread reader([&] {
    auto before = m.save();
    while (!over) {
      const auto now = m.save();
      EXPECT_GE(now.machine_tick, before.machine_tick);
      for (std::size_t i = 0; now.machine_tick == before.machine_tick && i < now.time.size(); ++i) {
        EXPECT_GE(now.time[i], before.time[i]);
      }
      before = now;
    }
  });
  std::jthread waiter([&] {
    while (!over) {
      const auto how = {m.when_ticks("A", 3).wait_for(patience),
                        m.when_next_active("B").wait_for(patience)};
      for (const auto ended : how) EXPECT_NE(ended, am::Ended::timeout);
    }
  });
  for (int tries = 0; restored < 200 && tries < 2'000'000; ++tries) {
    try {
      m.restore(fresh, am::Rewind::allowed);
      ++restored;
    } catch (const am::Error& error) {  // it runs a mutation just now
      EXPECT_EQ(error.code(), am::Errc::invalid_argument) << error.what();
    }
  }
  over = true;
  waiter.join();
  at_rest = true;
  EXPECT_EQ(restored, 200);
}

}  // namespace
