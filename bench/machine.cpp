// Group machine: transitions of local machines, against the same by hand.
#include "groups.hpp"
#include "heap.hpp"
#include "machine_works.hpp"

#include <am/machine.hpp>

#include <fmt/format.h>

#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>

namespace bench {

namespace {

constexpr std::size_t many_threads = 8;

// -- rows with a budget -------------------------------------------------------------

void is(Report& report, const Settings& settings) {
  Plain plain(16, 8);
  std::vector<am::StateId> ids;
  for (std::size_t i = 0; i < 15; ++i) ids.push_back(plain.machine.state(state_name(i)));
  ids.push_back(ids.front());
  const am::Api& api = plain.machine;
  std::atomic<std::uint64_t> word{0xff00};
  const auto by_hand = [&](std::size_t n) {
    std::size_t active = 0;
    for (std::size_t i = 0; i < n; ++i) {
      active += (word.load(std::memory_order_acquire) >> (i % 16)) & 1U;
    }
    keep(active);
    return n;
  };
  const auto asked = [&](std::size_t n) {
    std::size_t active = 0;
    for (std::size_t i = 0; i < n; ++i) active += api.is(ids[i % 16]) ? 1 : 0;
    keep(active);
    return n;
  };
  const auto ns = measure({asked, by_hand}, settings);
  report.add({"is", ns[0], "ns", "one bit of an atomic word", ns[1], {{Budget::Of::value, 4}}});
}

void toggle16(Report& report, const Settings& settings) {
  Plain plain(16);
  ByHand by_hand(16);
  const auto ns = measure({toggle(plain.machine, plain.id), toggle(by_hand)}, settings);
  report.add({"toggle16", ns[0], "ns", "by hand", ns[1], {{Budget::Of::value, 100}}});
}

void relations2(Report& report, const Settings& settings) {
  Workshop workshop;
  std::mutex mutex;
  bool idle = true, working = false, lit = false;
  std::array<std::uint64_t, 3> ticks{};
  std::size_t calls = 0;
  std::array<std::function<void()>, 4> handlers;
  for (auto& handler : handlers) handler = [&] { ++calls; };
  const auto by_hand = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::lock_guard lock(mutex);
      std::swap(idle, working);
      lit = working;
      for (auto& tick : ticks) ++tick;
      handlers[working ? 0 : 2]();
      handlers[working ? 1 : 3]();
    }
    keep(lit);
    return n;
  };
  const auto moved = [&](std::size_t n) { return workshop.run(n); };
  const auto ns = measure({moved, by_hand}, settings);
  report.add({"relations2", ns[0], "ns", "by hand", ns[1], {{Budget::Of::value, 300}}});
}

void active50(Report& report, const Settings& settings) {
  Plain plain(52, 25);
  std::size_t calls = 0;
  plain.machine.on("S0State", [&](am::Event&) { ++calls; });
  ByHand by_hand(52);
  by_hand.on_set = [&] { ++calls; };
  const auto ns = measure({toggle(plain.machine, plain.id), toggle(by_hand)}, settings);
  report.add({"active50", ns[0], "ns", "by hand", ns[1], {{Budget::Of::value, 400}}});
}

void growth(Report& report, const Settings& settings) {
  Plain small(16, 8);
  Plain large(1024, 512);
  const auto ns =
      measure({toggle(large.machine, large.id), toggle(small.machine, small.id)}, settings);
  report.add({"growth", ns[0], "ns", "16 states", ns[1], {{Budget::Of::ratio, 4}}});
}

/// Runs `body(thread)` on `threads` threads at once.
void on_threads(std::size_t threads, const std::function<void(std::size_t)>& body) {
  std::latch start(static_cast<std::ptrdiff_t>(threads));
  std::vector<std::jthread> running;
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      start.arrive_and_wait();
      body(i);
    });
  }
}

/// The least number of calls by each of several threads, so that starting them weighs little.
constexpr std::size_t least_calls = 5'000;

/// Each thread adds and removes a state of its own; a full queue makes it wait. Only transitions
/// that changed a tick count, and every call has to be one.
struct Crowd {
  explicit Crowd(std::size_t threads)
      : threads_(threads), machine_(plain_schema(16), {.queue_full = am::QueueFull::block}) {
    for (std::size_t i = 0; i < threads; ++i) ids_.push_back(machine_.state(state_name(i)));
  }

  std::size_t run(std::size_t n) {
    const auto each = std::max(least_calls, n / threads_ / 2 * 2);
    const auto before = machine_.time().sum();
    std::atomic<bool> refused{false};
    on_threads(threads_, [&](std::size_t thread) {
      const auto id = ids_[thread];
      for (std::size_t i = 0; i < each; ++i) {
        const auto result = i % 2 == 0 ? machine_.add(id) : machine_.remove(id);
        if (result == am::Result::canceled) refused = true;
      }
    });
    require(!refused, "a mutation was refused");
    const auto changed = machine_.time().sum() - before;
    require(changed == each * threads_, "a mutation did not run");
    return changed;
  }

 private:
  std::size_t threads_;
  am::Machine machine_;
  std::vector<am::StateId> ids_;
};

std::size_t count_together(std::size_t threads, std::size_t n) {
  std::mutex mutex;
  std::size_t counter = 0;
  const auto each = std::max(least_calls, n / threads);
  on_threads(threads, [&](std::size_t) {
    for (std::size_t i = 0; i < each; ++i) {
      const std::lock_guard lock(mutex);
      ++counter;
    }
  });
  return counter;
}

void contended8(Report& report, const Settings& settings) {
  Crowd crowd(many_threads);
  const auto mutate = [&](std::size_t n) { return crowd.run(n); };
  const auto count = [&](std::size_t n) { return count_together(many_threads, n); };
  const auto ns = measure({mutate, count}, settings, Clock::wall);
  report.add(
      {"contended8", ns[0], "ns", "a counter under a mutex", ns[1], {{Budget::Of::ratio, 2.5}}});
}

/// Waits for states that stay as they are: S1, S2, ...
std::vector<am::Wait> attach_waits(Plain& plain, std::size_t count) {
  std::vector<am::Wait> waits;
  for (std::size_t i = 0; i < count; ++i) {
    waits.push_back(plain.machine.when({state_name(1 + i % 14)}));
  }
  return waits;
}

void waits10k(Report& report, const Settings& settings) {
  Plain with(16);
  Plain without(16);
  const auto waits = attach_waits(with, 10'000);
  const auto ns =
      measure({toggle(with.machine, with.id), toggle(without.machine, without.id)}, settings);
  report.add({"waits10k", ns[0], "ns", "without waits", ns[1], {{Budget::Of::ratio, 1.2}}});
}

void bytes16(Report& report) {
  const am::CompiledSchema schema(plain_schema(16));
  constexpr std::size_t count = 1'000;
  std::vector<am::Machine> machines;
  machines.reserve(count);
  // The first one warms what threads and the process keep once.
  am::Machine(schema).toggle("S0");
  const auto before = heap_use();
  for (std::size_t i = 0; i < count; ++i) {
    machines.emplace_back(schema);
    machines.back().toggle("S0");
  }
  const auto used = static_cast<double>(heap_use().bytes - before.bytes) / count;
  const auto before_hand = heap_use();
  std::vector<std::unique_ptr<ByHand>> by_hand;
  by_hand.reserve(count);
  for (std::size_t i = 0; i < count; ++i) by_hand.push_back(std::make_unique<ByHand>(16));
  const auto used_by_hand = static_cast<double>(heap_use().bytes - before_hand.bytes) / count;
  report.add({"bytes16",
              used + sizeof(am::Machine),
              "B",
              "by hand",
              used_by_hand,
              {{Budget::Of::value, 1024}}});
}

// -- how they grow --------------------------------------------------------------------

/// Rows `name/parameter`, each against the first of them.
void add_series(Report& report, const std::string& name, const std::vector<std::size_t>& parameters,
                const std::vector<double>& ns) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    report.add({fmt::format("{}/{}", name, parameters[i]), ns[i], "ns",
                fmt::format("{}/{}", name, parameters[0]), ns[0]});
  }
}

/// Toggles machines made by `make(parameter)`, in turn.
template <class Make>
void toggle_series(Report& report, const Settings& settings, const std::string& name,
                   const std::vector<std::size_t>& parameters, Make&& make) {
  std::vector<std::unique_ptr<Plain>> machines;
  std::vector<Work> works;
  for (const auto parameter : parameters) {
    machines.push_back(make(parameter));
    works.push_back(toggle(machines.back()->machine, machines.back()->id));
  }
  add_series(report, name, parameters, measure(works, settings));
}

void series(Report& report, const Settings& settings) {
  toggle_series(report, settings, "states", {4, 16, 64, 256, 1024},
                [](std::size_t size) { return std::make_unique<Plain>(size, size / 2); });
  toggle_series(report, settings, "active_percent", {0, 25, 50}, [](std::size_t percent) {
    return std::make_unique<Plain>(64, 64 * percent / 100);
  });
  toggle_series(report, settings, "handlers", {0, 1, 4}, [](std::size_t handlers) {
    auto plain = std::make_unique<Plain>(16);
    const std::array names{"S0State", "S0Enter", "S0Exit", "S0End"};
    for (std::size_t i = 0; i < handlers; ++i) plain->machine.on(names[i], [](am::Event&) {});
    return plain;
  });
  std::vector<am::Wait> waits;
  toggle_series(report, settings, "waits", {0, 100, 10'000}, [&](std::size_t count) {
    auto plain = std::make_unique<Plain>(16);
    for (auto& wait : attach_waits(*plain, count)) waits.push_back(std::move(wait));
    return plain;
  });

  const std::vector<std::size_t> threads{1, 2, many_threads};
  std::vector<std::unique_ptr<Crowd>> crowds;
  std::vector<Work> works;
  for (const auto n : threads) {
    crowds.push_back(std::make_unique<Crowd>(n));
    works.push_back([crowd = crowds.back().get()](std::size_t calls) { return crowd->run(calls); });
  }
  add_series(report, "threads", threads, measure(works, settings, Clock::wall));
}

// -- allocations ------------------------------------------------------------------------

/// Allocations for each transition of `work` once it is warm.
void add_allocations(Report& report, const std::string& name, const Work& work) {
  work(1'000);
  const auto before = heap_use().allocations;
  const auto done = work(10'000);
  const auto allocations = static_cast<double>(heap_use().allocations - before);
  report.add({"allocations/" + name,
              allocations / static_cast<double>(done),
              "each",
              {},
              0,
              {{Budget::Of::value, 0}}});
}

void allocations(Report& report) {
  Plain plain(16);
  add_allocations(report, "toggle16", toggle(plain.machine, plain.id));
  Plain large(1024, 512);
  add_allocations(report, "toggle1024", toggle(large.machine, large.id));
  Workshop workshop;
  add_allocations(report, "relations2", [&](std::size_t n) { return workshop.run(n); });

  am::Machine automatic{{{"Tick", {}}, {"Follows", {.automatic = true, .require = {"Tick"}}}}};
  add_allocations(report, "automatic", toggle(automatic, automatic.state("Tick")));

  am::Machine nested{{{"A", {}}, {"B", {}}}};
  const auto b = nested.state("B");
  nested.on("AState", [&](am::Event&) { nested.add(b); });
  nested.on("AEnd", [&](am::Event&) { nested.remove(b); });
  add_allocations(report, "nested", toggle(nested, nested.state("A")));
}

}  // namespace

void run_machine(Report& report, const Settings& settings) {
  is(report, settings);
  toggle16(report, settings);
  relations2(report, settings);
  active50(report, settings);
  growth(report, settings);
  contended8(report, settings);
  waits10k(report, settings);
  bytes16(report);
  series(report, settings);
  allocations(report);
}

}  // namespace bench
