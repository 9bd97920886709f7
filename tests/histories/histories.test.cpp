// What threads do to a machine at once must be what a machine without threads does in some order.
// AM_SEED=n runs that history first; AM_CASES=n says how many run.
#include "check.hpp"
#include "record.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

namespace {

using histories::History;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

TEST(Histories, OfManyThreadsAreHistoriesOfOne) {
  const auto first = from_environment("AM_SEED", 1);
  const auto cases = from_environment("AM_CASES", 40);
  std::size_t steps = 0;
  std::size_t rewound = 0;
  for (auto seed = first; seed < first + cases; ++seed) {
    const auto history = histories::record(seed);
    const auto findings = histories::check(history);
    ASSERT_TRUE(findings.empty()) << "AM_SEED=" << seed << "\n"
                                  << fmt::format("{}", fmt::join(findings, "\n"));
    steps += history.steps.size();
    rewound += static_cast<std::size_t>(
        std::ranges::count_if(history.restores, &histories::Restored::back));
  }
  EXPECT_GT(steps, cases * 100);
  EXPECT_GT(rewound, cases / 10);
}

// -- the checker finds what it is there for ------------------------------------------------

struct Plant {
  const char* name;
  /// Makes a history wrong; false when this one has no place for it.
  std::function<bool(History&)> plant;
};

void PrintTo(const Plant& plant, std::ostream* out) { *out << plant.name; }

class Planted : public testing::TestWithParam<Plant> {};

TEST_P(Planted, FaultsAreFound) {
  int planted = 0;
  for (std::uint64_t seed = 1; seed <= 60 && planted < 3; ++seed) {
    auto history = histories::record(seed);
    ASSERT_TRUE(histories::check(history).empty()) << "AM_SEED=" << seed;
    if (!GetParam().plant(history)) continue;
    ++planted;
    EXPECT_FALSE(histories::check(history).empty()) << "AM_SEED=" << seed;
  }
  EXPECT_GT(planted, 0);
}

template <class List, class Predicate>
auto* first(List& list, Predicate predicate) {
  const auto at = std::find_if(list.begin(), list.end(), predicate);
  return at == list.end() ? nullptr : &*at;
}

bool ran(const histories::Call& call) { return call.own != 0 && !call.async; }
bool changed(const histories::Step& step) {
  return !step.at_finals.empty() && (!step.exits.empty() || !step.enters.empty());
}

/// Whether clocks were replaced between these two counts of steps.
bool restored(const History& h, std::uint64_t from, std::uint64_t to) {
  return std::ranges::any_of(h.restores,
                             [&](const auto& r) { return r.after >= from && r.after <= to; });
}

bool swap_results(History& h) {
  auto* a = first(h.calls, [](auto& c) { return ran(c) && c.result == am::Result::executed; });
  auto* b = first(h.calls, [](auto& c) { return ran(c) && c.result == am::Result::canceled; });
  if (a == nullptr || b == nullptr) return false;
  std::swap(a->result, b->result);
  return true;
}

bool swap_queue_ticks(History& h) {
  const auto queued = [](auto& c) { return c.result == am::Result::queued && c.nonce != 0; };
  auto* a = first(h.calls, queued);
  auto* b = first(h.calls, [&](auto& c) {
    return queued(c) && c.result.queue_tick() != a->result.queue_tick();
  });
  if (a == nullptr || b == nullptr) return false;
  std::swap(a->result, b->result);
  return true;
}

bool drop_a_step(History& h) {
  const auto at = std::find_if(h.steps.begin(), h.steps.end(), changed);
  if (at == h.steps.end()) return false;
  h.steps.erase(at);
  return true;
}

/// The mutation that nobody woke up for: it never ran, and all else is as if it had not been there.
bool lose_the_last_one(History& h) {
  auto at = h.steps.size() - 1;
  while (h.steps[at].queue_tick == 0) --at;
  h.ticks = h.steps[at - 1].at_end;
  h.order = h.steps[at].before;
  h.queue_tick -= 1;
  h.steps.resize(at);
  h.snapshots.clear();
  return true;
}

bool swap_steps(History& h) {
  for (std::size_t i = 1; i < h.steps.size(); ++i) {
    if (h.steps[i - 1].queue_tick == 0 || h.steps[i].queue_tick == 0) continue;
    std::swap(h.steps[i - 1], h.steps[i]);
    return true;
  }
  return false;
}

bool change_a_tick(History& h) {
  auto* step = first(h.steps, changed);
  if (step == nullptr) return false;
  step->at_end[step->at_end.size() / 2] += 2;
  return true;
}

bool change_the_order(History& h) {
  auto* step = first(h.steps, [](auto& s) { return s.after.size() > 1; });
  if (step == nullptr) return false;
  std::swap(step->after.front(), step->after.back());
  return true;
}

bool forget_a_restore(History& h) {
  const auto at = std::ranges::find_if(h.restores, [&](const auto& r) {
    return r.back && std::ranges::count(h.restores, r.after, &histories::Restored::after) == 1;
  });
  if (at == h.restores.end()) return false;
  h.restores.erase(at);
  return true;
}

/// The wait for a tick that the clocks were taken back from.
bool leave_a_wait_behind(History& h) {
  auto* wait = first(h.waits, [&](auto& w) {
    return w.new_epoch && std::ranges::any_of(h.restores, [&](const auto& restored) {
             return restored.back && restored.after > w.end;
           });
  });
  if (wait == nullptr) return false;
  wait->seen.reset();
  return true;
}

bool tear_a_snapshot(History& h) {
  if (h.snapshots.empty()) return false;
  h.snapshots.back().ticks[0] += 1'000;
  return true;
}

bool show_the_past(History& h) {
  const auto now = h.steps.size();
  if (restored(h, now, now)) return false;
  h.snapshots.push_back({.begin = now, .end = now, .ticks = h.steps.front().at_end});
  return h.ticks != h.steps.front().at_end;
}

bool lose_a_wake_up(History& h) {
  h.waits.push_back({.what = histories::Waiting::For::queue_tick, .tick = h.queue_tick});
  return true;
}

bool fire_early(History& h) {
  auto* wait = first(h.waits, [&](auto& w) {
    return !w.seen && w.what == histories::Waiting::For::tick && !restored(h, w.begin, w.end);
  });
  if (wait == nullptr) return false;
  wait->seen = wait->end;
  return true;
}

bool forget_an_outcome(History& h) {
  auto* call = first(h.calls, [](auto& c) { return c.async; });
  if (call == nullptr) return false;
  call->unfinished = true;
  return true;
}

bool end_a_call_early(History& h) {
  auto* call = first(
      h.calls, [](auto& c) { return c.async && c.result == am::Result::executed && c.own != 0; });
  if (call == nullptr) return false;
  call->end = call->own - 1;
  return true;
}

bool keep_a_token(History& h) {
  auto* activation =
      first(h.activations, [&](auto& a) { return a.stopped && !restored(h, a.begin, a.end); });
  if (activation == nullptr) return false;
  activation->stopped = false;
  return true;
}

bool leave_something_queued(History& h) {
  h.queue_length = 1;
  return true;
}

INSTANTIATE_TEST_SUITE_P(
    Histories, Planted,
    testing::Values(
        Plant{"ResultsOfTwoCallers", swap_results},
        Plant{"QueueTicksOfTwoCallers", swap_queue_ticks}, Plant{"ADroppedStep", drop_a_step},
        Plant{"ALostMutation", lose_the_last_one}, Plant{"TwoStepsInTheWrongOrder", swap_steps},
        Plant{"ATick", change_a_tick}, Plant{"AnActiveOrder", change_the_order},
        Plant{"AForgottenRestore", forget_a_restore},
        Plant{"AWaitForFormerTicks", leave_a_wait_behind}, Plant{"ATornSnapshot", tear_a_snapshot},
        Plant{"AnOldSnapshot", show_the_past}, Plant{"ALostWakeUp", lose_a_wake_up},
        Plant{"AWaitTooEarly", fire_early}, Plant{"AnOutcomeThatNeverCame", forget_an_outcome},
        Plant{"AnOutcomeTooEarly", end_a_call_early}, Plant{"ATokenThatLives", keep_a_token},
        Plant{"ARestOfTheQueue", leave_something_queued}),
    [](const auto& planted) { return std::string(planted.param.name); });

}  // namespace
