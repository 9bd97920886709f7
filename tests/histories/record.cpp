#include "record.hpp"

#include "random.hpp"
#include "script.hpp"

#include <fmt/format.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

namespace histories {

using am::HandlerKind;
using am::StateIndex;

namespace {

constexpr auto patience = std::chrono::seconds(60);

am::Schema random_schema(Random& random) {
  const auto size = 3 + random.below(4);
  const auto name = [](std::size_t i) { return fmt::format("S{}", i); };
  const auto relation = [&](unsigned chance) {
    std::vector<am::StateName> list;
    if (random.percent(chance)) list.emplace_back(name(random.below(size)));
    return list;
  };
  const unsigned automatic = random.one_of({0U, 15U, 40U});
  const unsigned related = random.one_of({10U, 30U, 50U});
  std::vector<am::Schema::Entry> entries;
  for (std::size_t i = 0; i < size; ++i) {
    am::State state{.automatic = random.percent(automatic),
                    .multi = random.percent(20),
                    .require = relation(related / 2),
                    .add = relation(related),
                    .remove = relation(related),
                    .after = relation(related)};
    if (state.require == state.remove) state.require.clear();
    entries.push_back({name(i), std::move(state)});
  }
  return am::Schema(std::move(entries));
}

/// What a thread has going on: the call that it is in, for the tracer to write to.
thread_local Call* current_call = nullptr;
thread_local Random* current_random = nullptr;
thread_local std::vector<Call>* current_calls = nullptr;

/// Writes the steps down. All but `mutation_queued` run on whoever drains, one at a time.
class Recorder final : public am::Tracer {
 public:
  explicit Recorder(std::size_t states) : ticks_(states) {}

  void mutation_queued(const am::QueuedMutation& m) override {
    const bool by_the_machine = m.queue_tick == am::QueueTick{} && !m.check;
    if (current_call != nullptr && m.waits && !by_the_machine) current_call->appended = true;
  }
  void transition_init(const am::Transition& t) override {
    if (current_call != nullptr && current_call->own == 0) current_call->own = t.id;
    finals_.clear();
  }
  void transition_finals(const am::Transition& t) override {
    for (const auto& change : t.changes) ticks_[change.state] = change.after.value;
    finals_ = ticks_;
  }
  void transition_end(const am::Transition& t) override {
    for (const auto& change : t.changes) ticks_[change.state] = change.after.value;
    const auto copy = [](const auto& list) { return Indexes(list.begin(), list.end()); };
    const auto* nonce = t.args->get_if<Nonce>();
    steps_.push_back({.id = t.id,
                      .type = t.type,
                      .automatic = t.automatic,
                      .check = t.check,
                      .queue_tick = t.queue_tick.value,
                      .nonce = nonce == nullptr ? 0 : nonce->value,
                      .accepted = t.accepted,
                      .reason = t.cancel.reason,
                      .called = copy(t.called),
                      .before = before_,
                      .after = finals_.empty() ? before_ : copy(t.targets),
                      .exits = t.exits,
                      .enters = t.enters,
                      .at_finals = finals_,
                      .at_end = ticks_});
    before_ = steps_.back().after;
    ended_.fetch_add(1);
  }

  void restored(std::span<const am::TickChange> changes) override {
    bool back = false;
    for (const auto& change : changes) {
      ticks_[change.state] = change.after.value;
      back = back || change.after < change.before;
    }
    restores_.push_back({steps_.size(), ticks_, back});
    before_.clear();
    for (StateIndex s = 0; s < ticks_.size(); ++s) {
      if (ticks_[s] % 2 != 0) before_.push_back(s);
    }
  }

  /// Transitions that have ended.
  std::uint64_t ended() const { return ended_.load(); }
  std::vector<Step> steps() const { return steps_; }
  std::vector<Restored> restores() const { return restores_; }

 private:
  std::vector<Step> steps_;
  std::vector<Restored> restores_;
  Ticks ticks_;
  Ticks finals_;
  Indexes before_;
  std::atomic<std::uint64_t> ended_{0};
};

Ticks values(const am::Time& time) {
  Ticks ticks;
  for (const auto tick : time.ticks) ticks.push_back(tick.value);
  return ticks;
}

/// One history in the making.
class Run {
 public:
  Run(std::uint64_t seed, const Load& load)
      : load_(load),
        random_(seed),
        script_(seed),
        schema_(random_schema(random_)),
        machine_(schema_, options()),
        recorder_(std::make_shared<Recorder>(states())),
        from_handlers_(load.from_handlers) {
    history_.seed = seed;
    history_.schema = schema_;
    machine_.trace(recorder_);
    bind();
  }

  History go() {
    std::vector<Thread> threads(static_cast<std::size_t>(load_.mutators + load_.readers));
    std::latch start(static_cast<std::ptrdiff_t>(threads.size()));
    {
      std::vector<std::jthread> running;
      for (std::size_t i = 0; i < threads.size(); ++i) {
        running.emplace_back([&, i, seed = random_.below(1U << 30U)] {
          Random random(seed);
          start.arrive_and_wait();
          if (static_cast<int>(i) < load_.mutators) {
            mutate(threads[i], random);
          } else {
            read(threads[i], static_cast<int>(i));
          }
        });
      }
      for (int i = 0; i < load_.mutators; ++i) running[static_cast<std::size_t>(i)].join();
      over_ = true;
    }
    for (auto& thread : threads) finish(thread);
    history_.steps = recorder_->steps();
    history_.restores = recorder_->restores();
    history_.ticks = values(machine_.time());
    for (const auto name : machine_.active_states()) {
      history_.order.push_back(*machine_.schema().find(name));
    }
    history_.queue_tick = machine_.queue_tick().value;
    history_.queue_length = machine_.queue_length();
    return std::move(history_);
  }

 private:
  struct Outstanding {
    std::size_t call;
    am::Pending<am::Result> result;
  };
  struct Attached {
    am::Wait wait;
    Waiting record;
  };
  struct Token {
    std::stop_token token;
    Activation record;
  };
  struct Thread {
    std::vector<Call> calls{};
    std::vector<Outstanding> outstanding{};
    std::vector<Attached> waits{};
    std::vector<Token> tokens{};
    std::vector<Snapshot> snapshots{};
    std::optional<am::Snapshot> kept{};
  };

  std::size_t states() const { return machine_.schema().size(); }

  am::MachineOptions options() {
    am::MachineOptions options;
    options.queue_limit = random_.one_of<std::size_t>({2, 5, 1000});
    options.queue_full = random_.one_of({am::QueueFull::refuse, am::QueueFull::block});
    return options;
  }

  // -- handlers ----------------------------------------------------------------------

  void bind() {
    const auto handler = [this](HandlerKind kind, StateIndex state, StateIndex second) {
      return [this, kind, state, second](am::Event& event) {
        return handle(event, kind, state, second);
      };
    };
    const auto n = static_cast<StateIndex>(states());
    for (StateIndex s = 0; s < n; ++s) {
      const auto id = machine_.schema().id(s);
      if (bound(HandlerKind::exit, s)) machine_.on_exit(id, handler(HandlerKind::exit, s, 0));
      if (bound(HandlerKind::enter, s)) machine_.on_enter(id, handler(HandlerKind::enter, s, 0));
      if (bound(HandlerKind::end, s)) machine_.on_end(id, handler(HandlerKind::end, s, 0));
      if (bound(HandlerKind::state, s)) machine_.on_state(id, handler(HandlerKind::state, s, 0));
      if (bound(HandlerKind::self, s, s)) {
        machine_.on_pair(id, id, handler(HandlerKind::self, s, s));
      }
      for (StateIndex to = 0; to < n; ++to) {
        if (to == s || !bound(HandlerKind::pair, s, to)) continue;
        machine_.on_pair(id, machine_.schema().id(to), handler(HandlerKind::pair, s, to));
      }
    }
    if (bound(HandlerKind::any_enter, 0)) {
      machine_.on("AnyEnter", handler(HandlerKind::any_enter, 0, 0));
    }
    if (bound(HandlerKind::any_state, 0)) {
      machine_.on("AnyState", handler(HandlerKind::any_state, 0, 0));
    }
  }

  bool bound(HandlerKind kind, StateIndex state, StateIndex second = 0) const {
    return script_.bound(kind, state, second);
  }

  bool handle(am::Event& event, HandlerKind kind, StateIndex state, StateIndex second) {
    const auto id = event.transition().id;
    auto& random = *current_random;
    if (random.percent(15) && from_handlers_.fetch_sub(1) > 0) {
      call(event.machine(), *current_calls, random, id);
    }
    switch (script_.act(id, kind, state, second)) {
      case Act::accept: return true;
      case Act::refuse: return false;
      case Act::fail: throw std::runtime_error("a planned failure");
    }
    return true;
  }

  // -- calls -------------------------------------------------------------------------

  Indexes some_states(Random& random) const {
    Indexes list;
    const auto count = random.one_of({1, 1, 1, 2, 3});
    for (int i = 0; i < count; ++i) {
      // Now and then Exception, which is the last one.
      const auto s =
          static_cast<StateIndex>(random.percent(3) ? states() - 1 : random.below(states() - 1));
      if (std::find(list.begin(), list.end(), s) == list.end()) list.push_back(s);
    }
    return list;
  }

  Operation some_operation(Random& random) const {
    using enum Operation;
    return random.one_of(
        {add, add, add, add, remove, remove, remove, set, toggle, can_add, can_remove});
  }

  /// Makes one synchronous or, where there is such a form, asynchronous call.
  std::optional<am::Pending<am::Result>> call(am::Api machine, std::vector<Call>& calls,
                                              Random& random, std::uint64_t within) {
    Call made;
    made.operation = some_operation(random);
    made.async = made.operation <= Operation::set && random.percent(25);
    made.called = some_states(random);
    made.within = within;
    const bool check = made.operation >= Operation::can_add;
    if (check || made.async || random.percent(60)) made.nonce = ++last_nonce_;
    const auto args = made.nonce == 0 ? am::Args{} : am::Args{Nonce{made.nonce}};
    std::optional<am::Pending<am::Result>> pending;

    auto* const outer = std::exchange(current_call, &made);
    made.begin = recorder_->ended();
    if (made.async) {
      pending = later(machine, made, args);
    } else {
      made.result = now(machine, made, args);
      made.unfinished = false;
    }
    made.end = recorder_->ended();
    current_call = outer;
    calls.push_back(std::move(made));
    if (pending && within != 0) {
      const std::lock_guard lock(mutex_);
      of_handlers_.push_back({&calls, {calls.size() - 1, *pending}});
    }
    return pending;
  }

  static am::Result now(am::Api& machine, const Call& made, const am::Args& args) {
    switch (made.operation) {
      case Operation::add: return machine.add(made.called, args);
      case Operation::remove: return machine.remove(made.called, args);
      case Operation::set: return machine.set(made.called, args);
      case Operation::toggle: return machine.toggle(made.called, args);
      case Operation::can_add: return machine.can_add(made.called, args);
      case Operation::can_remove: return machine.can_remove(made.called, args);
    }
    return {};
  }

  static am::Pending<am::Result> later(am::Api& machine, const Call& made, const am::Args& args) {
    if (made.operation == Operation::add) return machine.add_async(made.called, args);
    if (made.operation == Operation::remove) return machine.remove_async(made.called, args);
    return machine.set_async(made.called, args);
  }

  // -- threads -----------------------------------------------------------------------

  void mutate(Thread& thread, Random& random) {
    current_random = &random;
    current_calls = &thread.calls;
    for (int i = 0; i < load_.mutations; ++i) {
      if (random.percent(30)) attach(thread, random);
      // Handlers that run inside of the call are written down before it.
      const auto pending = call(machine_, thread.calls, random, 0);
      const auto at = thread.calls.size() - 1;
      if (pending) thread.outstanding.push_back({at, *pending});
      const auto result = thread.calls[at].result;
      if (!pending && result == am::Result::queued && random.percent(50)) {
        await_turn(thread, result.queue_tick().value);
      }
      if (random.percent(20)) look(thread);
      if (random.percent(5)) thread.kept = machine_.save();
      if (random.percent(5) && thread.kept) restore(*thread.kept);
    }
    current_random = nullptr;
    current_calls = nullptr;
  }

  /// Where the machine is at rest.
  void restore(const am::Snapshot& kept) {
    try {
      machine_.restore(kept, am::Rewind::allowed);
    } catch (const am::Error& error) {
      if (error.code() != am::Errc::invalid_argument) throw;
    }
  }

  /// Waits for a queued mutation to have run.
  void await_turn(Thread& thread, std::uint64_t tick) {
    if (tick == 0) return;
    Waiting record{.what = Waiting::For::queue_tick, .tick = tick, .begin = recorder_->ended()};
    const auto wait = machine_.when_queue(am::QueueTick{tick});
    record.end = recorder_->ended();
    if (wait.wait_for(patience) == am::Ended::fired) record.seen = recorder_->ended();
    thread.waits.push_back({wait, record});
  }

  void attach(Thread& thread, Random& random) {
    const auto list = some_states(random);
    const auto s = list.front();
    Waiting record{.states = list, .begin = recorder_->ended()};
    am::Wait wait;
    switch (random.below(4)) {
      case 0: wait = machine_.when(list); break;
      case 1:
        record.what = Waiting::For::inactive;
        wait = machine_.when_not(list);
        break;
      case 2:
        record.what = Waiting::For::tick;
        record.states = {s};
        record.tick = machine_.tick(machine_.schema().id(s)).value + 1 + random.below(4);
        wait = machine_.when_time(machine_.schema().id(s), am::Tick{record.tick});
        break;
      default: {
        const auto id = machine_.schema().id(s);
        const auto before = machine_.tick(id).value;
        auto token = machine_.while_active(id);
        if (machine_.tick(id).value == before) {
          thread.tokens.push_back(
              {std::move(token), {s, before, record.begin, recorder_->ended()}});
        }
        return;
      }
    }
    record.end = recorder_->ended();
    thread.waits.push_back({std::move(wait), std::move(record)});
  }

  /// Notes what has ended meanwhile.
  void look(Thread& thread) const {
    for (auto& attached : thread.waits) {
      if (attached.record.seen || !attached.wait.done()) continue;
      attached.record.seen = recorder_->ended();
      attached.record.new_epoch = attached.wait.ended() == am::Ended::epoch_changed;
    }
    for (auto& [call, pending] : thread.outstanding) note(thread.calls[call], pending);
  }

  void note(Call& call, const am::Pending<am::Result>& pending) const {
    if (!call.unfinished || !pending.done()) return;
    call.unfinished = false;
    call.end = recorder_->ended();
    call.result = *pending.value();
  }

  void read(Thread& thread, int number) {
    auto before = machine_.save();
    while (!over_ && thread.snapshots.size() < 2'000) {
      Snapshot snapshot{.reader = number, .begin = recorder_->ended()};
      snapshot.ticks = values(machine_.time());
      snapshot.end = recorder_->ended();
      thread.snapshots.push_back(std::move(snapshot));
      const auto now = machine_.save();
      if (now.queue_tick < before.queue_tick || now.machine_tick < before.machine_tick ||
          (now.machine_tick == before.machine_tick && now.time.sum() < before.time.sum())) {
        throw std::logic_error("a clock went backwards");
      }
      before = now;
      std::this_thread::yield();
    }
  }

  void finish(Thread& thread) {
    look(thread);
    for (auto& [calls, outstanding] : of_handlers_) {
      note((*calls)[outstanding.call], outstanding.result);
    }
    for (auto& call : thread.calls) history_.calls.push_back(call);
    for (auto& attached : thread.waits) history_.waits.push_back(attached.record);
    for (auto& token : thread.tokens) {
      token.record.stopped = token.token.stop_requested();
      history_.activations.push_back(token.record);
    }
    for (auto& snapshot : thread.snapshots) history_.snapshots.push_back(std::move(snapshot));
  }

  const Load load_;
  Random random_;
  Script script_;
  am::Schema schema_;
  am::Machine machine_;
  std::shared_ptr<Recorder> recorder_;
  std::atomic<int> from_handlers_;
  std::atomic<std::uint64_t> last_nonce_{0};
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::vector<std::pair<std::vector<Call>*, Outstanding>> of_handlers_;
  History history_;
};

}  // namespace

History record(std::uint64_t seed, const Load& load) { return Run(seed, load).go(); }

}  // namespace histories
