#include "check.hpp"

#include "model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace histories {

namespace {

constexpr std::size_t nowhere = ~std::size_t{0};

bool is_check(const Call& call) { return call.operation >= Operation::can_add; }

bool fits(Operation operation, am::MutationType type) {
  switch (operation) {
    case Operation::add:
    case Operation::can_add: return type == am::MutationType::add;
    case Operation::remove:
    case Operation::can_remove: return type == am::MutationType::remove;
    case Operation::set: return type == am::MutationType::set;
    case Operation::toggle: return type != am::MutationType::set;
  }
  return false;
}

bool active(const Ticks& ticks, am::StateIndex state) { return ticks[state] % 2 != 0; }

class Checker {
 public:
  explicit Checker(const History& history) : h_(history), model_(history.schema, history.seed) {}

  std::vector<std::string> run() {
    replay();
    if (!findings_.empty()) return std::move(findings_);  // the rest builds on the steps
    match_calls();
    check_owners();
    check_completions();
    check_snapshots();
    check_waits();
    check_activations();
    check_end();
    return std::move(findings_);
  }

 private:
  template <class... Args>
  void found(fmt::format_string<Args...> text, Args&&... args) {
    findings_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  // -- the steps against the model ---------------------------------------------------

  void replay() {
    std::uint64_t tick = 1;
    auto restored = h_.restores.begin();
    const auto restore = [&](std::size_t after) {
      while (restored != h_.restores.end() && restored->after == after) {
        model_.restore((restored++)->ticks);
      }
    };
    for (std::size_t i = 0; i < h_.steps.size() && findings_.empty();) {
      restore(i);
      const auto& leader = h_.steps[i];
      if (leader.automatic) found("step {} is automatic and not due", leader.id);
      if (!leader.check && leader.queue_tick != ++tick) {
        found("step {} has queue tick {}, {} is due", leader.id, leader.queue_tick, tick);
      }
      if (leader.check && leader.queue_tick != 0) found("check {} has a queue tick", leader.id);
      const auto first = i;
      for (const auto& expected : model_.run(leader)) {
        if (i == h_.steps.size()) return found("step {} is missing", expected.id);
        compare(h_.steps[i], expected, i == first);
        leader_.push_back(first);
        ++i;
      }
    }
    restore(h_.steps.size());
    if (restored != h_.restores.end())
      found("clocks were replaced inside step {}", restored->after);
    last_tick_ = tick;
  }

  void compare(const Step& real, const Step& model, bool leads) {
    const auto differs = [&](std::string_view what, const auto& a, const auto& b) {
      if (!(a == b)) found("step {}: {} is {}, should be {}", model.id, what, a, b);
    };
    differs("the number", real.id, model.id);
    differs("type", static_cast<int>(real.type), static_cast<int>(model.type));
    differs("automatic", real.automatic, model.automatic);
    differs("check", real.check, model.check);
    differs("called", real.called, model.called);
    differs("accepted", real.accepted, model.accepted);
    differs("reason", am::to_string(real.reason), std::string_view(am::to_string(model.reason)));
    differs("the order before", real.before, model.before);
    differs("the order after", real.after, model.after);
    differs("exits", real.exits, model.exits);
    differs("enters", real.enters, model.enters);
    differs("the clocks at the final handlers", real.at_finals, model.at_finals);
    differs("the clocks at the end", real.at_end, model.at_end);
    if (!leads && real.queue_tick != 0) found("step {} was never queued", real.id);
  }

  // -- calls and their steps ------------------------------------------------------------

  void match_calls() {
    for (std::size_t i = 0; i < h_.steps.size(); ++i) {
      const auto& step = h_.steps[i];
      if (step.nonce != 0 && !by_nonce_.emplace(step.nonce, i).second) {
        found("the mutation with nonce {} ran twice", step.nonce);
      }
      if (step.queue_tick != 0) by_tick_[step.queue_tick] = i;
    }
    for (std::size_t c = 0; c < h_.calls.size(); ++c) step_of_.push_back(match(c));
  }

  /// The step that a call caused; nowhere when there is none, or when another call caused it.
  std::size_t match(std::size_t c) {
    const auto& call = h_.calls[c];
    if (call.unfinished) {
      found("call {} got no result", c);
      return nowhere;
    }
    if (call.result.reason() == am::Reason::queue_full) {
      if (call.nonce != 0 && by_nonce_.contains(call.nonce)) {
        found("call {} was refused and ran", c);
      }
      return nowhere;
    }
    const auto step = find(call);
    if (step == nowhere) {
      if (!shortcut(call)) found("call {} has the result {} of no step", c, kind(call));
      return nowhere;
    }
    const auto& s = h_.steps[step];
    const bool twin = !call.async && call.result == am::Result::queued && !call.appended;
    if (!fits(call.operation, s.type) || s.check != is_check(call)) {
      found("call {} does something else than its step {}", c, s.id);
    }
    if (std::set(call.called.begin(), call.called.end()) !=
            std::set(s.called.begin(), s.called.end()) ||
        (!twin && call.called != s.called)) {
      found("call {} and its step {} call different states", c, s.id);
    }
    if (call.nonce != s.nonce) found("call {} has step {} of another call", c, s.id);
    if (twin && (call.nonce != 0 || std::ranges::any_of(call.called, [&](auto state) {
                   return model_.multi(state);
                 }))) {
      found("call {} was dropped and is no duplicate", c);
    }
    if (step < call.begin) found("call {} began after its step {} had ended", c, s.id);
    if (call.result == am::Result::queued) {
      if (!call.async) return twin ? nowhere : step;
      found("the outcome of call {} is that it is queued", c);
    }
    if ((call.result == am::Result::executed) != s.accepted || call.result.reason() != s.reason) {
      found("call {} got {}, its step {} came to another result", c, kind(call), s.id);
    }
    if (step >= call.end) found("call {} got its result before step {} ended", c, s.id);
    return step;
  }

  std::size_t find(const Call& call) const {
    const auto in = [](const auto& map, std::uint64_t key) {
      const auto at = map.find(key);
      return at == map.end() ? nowhere : at->second;
    };
    if (call.async || is_check(call)) return in(by_nonce_, call.nonce);
    if (call.result == am::Result::queued) return in(by_tick_, call.result.queue_tick().value);
    if (call.within != 0) return nowhere;
    return call.own == 0 || call.own > h_.steps.size() ? nowhere : call.own - 1;
  }

  /// A handler removed what is inactive already, which takes no transition.
  bool shortcut(const Call& call) const {
    if (call.within == 0 || call.within > h_.steps.size() || call.appended) return false;
    if (call.operation != Operation::remove && call.operation != Operation::toggle) return false;
    const auto& ticks = h_.steps[call.within - 1].at_finals;
    return call.result == am::Result::executed && !ticks.empty() &&
           std::ranges::none_of(call.called, [&](auto s) { return active(ticks, s); });
  }

  static std::string kind(const Call& call) {
    return fmt::format("{}/{}", am::to_string(call.result.kind()),
                       am::to_string(call.result.reason()));
  }

  /// Each mutation that ran was made by exactly one call.
  void check_owners() {
    owner_.assign(h_.steps.size(), nowhere);
    for (std::size_t c = 0; c < step_of_.size(); ++c) {
      if (step_of_[c] == nowhere) continue;
      if (leader_[step_of_[c]] != step_of_[c]) {
        found("call {} has a step that the machine made", c);
      }
      if (std::exchange(owner_[step_of_[c]], c) != nowhere) {
        found("step {} has two callers", h_.steps[step_of_[c]].id);
      }
    }
    for (std::size_t i = 0; i < h_.steps.size(); ++i) {
      if (leader_[i] == i && owner_[i] == nowhere) found("step {} has no caller", h_.steps[i].id);
    }
  }

  /// The outcome of an asynchronous call comes after all that its handlers queued.
  void check_completions() {
    for (std::size_t i = 0; i < h_.steps.size(); ++i) {
      auto step = i;
      while (true) {
        const auto owner = owner_[leader_[step]];
        if (owner == nowhere) break;
        const auto& call = h_.calls[owner];
        if (call.async) {
          if (i >= call.end) found("call {} ended before step {}", owner, h_.steps[i].id);
          break;
        }
        if (call.within == 0 || call.within > step) break;
        step = call.within - 1;
      }
    }
  }

  // -- what others saw -------------------------------------------------------------------

  /// Clocks after `count` steps, when nothing was restored since.
  Ticks after(std::size_t count) const {
    return count == 0 ? Ticks(model_.size()) : h_.steps[count - 1].at_end;
  }
  /// Calls `fn` with what was restored after `first` steps, up to `last`, both included.
  template <class Fn>
  void each_restore(std::size_t first, std::size_t last, Fn&& fn) const {
    for (const auto& restored : h_.restores) {
      if (restored.after >= first && restored.after <= last) fn(restored);
    }
  }

  void check_snapshots() {
    // Everything that readers could get: before, at the final handlers and after each step, and
    // what was restored.
    std::vector<Ticks> published{after(0)};
    std::vector<std::size_t> at_count{0};  // where `after(count)` is
    const auto publish_restored = [&] {
      const auto count = at_count.size() - 1;
      each_restore(count, count, [&](const Restored& r) { published.push_back(r.ticks); });
    };
    publish_restored();
    for (const auto& step : h_.steps) {
      if (!step.at_finals.empty()) published.push_back(step.at_finals);
      published.push_back(step.at_end);
      at_count.push_back(published.size() - 1);
      publish_restored();
    }
    std::map<int, std::size_t> last;
    for (const auto& snapshot : h_.snapshots) {
      auto& at = last[snapshot.reader];
      at = std::max(at, at_count[std::min<std::size_t>(snapshot.begin, h_.steps.size())]);
      const auto limit =
          snapshot.end < h_.steps.size() ? at_count[snapshot.end + 1] : published.size() - 1;
      while (at <= limit && published[at] != snapshot.ticks) ++at;
      if (at > limit) return found("a reader saw {}, which never was then", snapshot.ticks);
    }
  }

  bool holds(const Waiting& wait, const Ticks& ticks) const {
    switch (wait.what) {
      case Waiting::For::active:
        return std::ranges::all_of(wait.states, [&](auto s) { return active(ticks, s); });
      case Waiting::For::inactive:
        return std::ranges::none_of(wait.states, [&](auto s) { return active(ticks, s); });
      case Waiting::For::tick: return ticks[wait.states.front()] >= wait.tick;
      case Waiting::For::queue_tick: break;
    }
    return false;
  }

  /// Whether what is waited for came true in step `i`; at its very end, or at any time.
  bool came(const Waiting& wait, std::size_t i, bool at_end) const {
    const auto& step = h_.steps[i];
    if (wait.what == Waiting::For::queue_tick) return step.queue_tick == wait.tick;
    return holds(wait, step.at_end) ||
           (!at_end && !step.at_finals.empty() && holds(wait, step.at_finals));
  }

  void check_waits() {
    for (std::size_t w = 0; w < h_.waits.size(); ++w) {
      const auto& wait = h_.waits[w];
      bool must = false;
      // A step that ran while it was being attached may or may not count.
      for (auto i = wait.end + 1; i < h_.steps.size() && !must; ++i) must = came(wait, i, true);
      const bool of_tick = wait.what == Waiting::For::tick;
      each_restore(wait.end + 1, h_.steps.size(), [&](const Restored& r) {
        must = must || (of_tick && r.back) || holds(wait, r.ticks);
      });
      if (wait.what == Waiting::For::queue_tick) must = by_tick_.contains(wait.tick);
      if (!wait.seen) {
        if (must) found("wait {} never fired", w);
        continue;
      }
      if (wait.new_epoch) {
        bool began = false;
        each_restore(wait.begin, *wait.seen, [&](const Restored& r) { began = began || r.back; });
        if (!of_tick || !began) found("wait {} ended with an epoch that went on", w);
        continue;
      }
      bool may = holds(wait, after(wait.begin));
      each_restore(wait.begin, *wait.seen, [&](const Restored& r) {
        may = may || (r.after >= wait.begin && holds(wait, r.ticks));
      });
      for (auto i = wait.begin; i < std::min(h_.steps.size(), *wait.seen + 1) && !may; ++i) {
        may = came(wait, i, false);
      }
      if (wait.what == Waiting::For::queue_tick && !may) {
        const auto at = by_tick_.find(wait.tick);
        may = at != by_tick_.end() && at->second < wait.begin;
      }
      if (!may) found("wait {} fired before its condition held", w);
    }
  }

  void check_activations() {
    for (const auto& seen : h_.activations) {
      bool over = seen.tick % 2 == 0 || h_.ticks[seen.state] != seen.tick;
      bool unclear = false;
      each_restore(seen.begin, h_.steps.size(), [&](const Restored& r) {
        if (!r.back) return;
        over = over || r.after > seen.end;
        unclear = unclear || r.after <= seen.end;  // it may have been before the token
      });
      if (seen.stopped != over && !unclear) {
        found("the token of state {} at tick {} is {}stopped", seen.state, seen.tick,
              seen.stopped ? "" : "not ");
      }
    }
  }

  void check_end() {
    if (h_.ticks != model_.ticks()) found("the clocks end at {}", h_.ticks);
    if (h_.order != model_.order()) found("the active order ends as {}", h_.order);
    if (h_.queue_tick != last_tick_) found("the queue tick ends at {}", h_.queue_tick);
    if (h_.queue_length != 0) found("{} mutations are left in the queue", h_.queue_length);
  }

  const History& h_;
  Model model_;
  std::vector<std::string> findings_;
  std::vector<std::size_t> leader_;  ///< of each step: the one that the machine did not add
  std::map<std::uint64_t, std::size_t> by_nonce_;
  std::map<std::uint64_t, std::size_t> by_tick_;
  std::vector<std::size_t> step_of_;  ///< of each call
  std::vector<std::size_t> owner_;    ///< of each step: its call
  std::uint64_t last_tick_ = 1;
};

}  // namespace

std::vector<std::string> check(const History& history) { return Checker(history).run(); }

}  // namespace histories
