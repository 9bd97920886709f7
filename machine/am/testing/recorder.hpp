// What a machine did, in words that tests compare.
#pragma once

#include <am/error.hpp>
#include <am/machine.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace am::testing {

/// A transition that is over.
struct Seen {
  MutationType type = MutationType::add;
  bool automatic = false;  ///< made by the machine for its automatic states
  bool check = false;      ///< a dry run
  bool accepted = false;
  Reason reason = Reason::none;
  std::vector<std::string> called{};    ///< in call order
  std::vector<std::string> handlers{};  ///< that ran, in order
  std::string why{};                    ///< it was canceled; "" when it was not

  /// "add Open", "remove Door Open", "auto add Lit", "check add Open", and of a canceled one also
  /// the reason: "add Open canceled: OpenEnter refused", "add Locked canceled: Locked requires
  /// Closed".
  std::string text() const {
    auto words =
        fmt::format("{}{}{}", automatic ? "auto " : "", check ? "check " : "", to_string(type));
    for (const auto& name : called) words += " " + name;
    return accepted ? words : fmt::format("{} canceled: {}", words, why);
  }
};

/// Records the transitions of a machine from now on, but for automatic ones that relations refuse,
/// and compares them with what a test expects.
/// What does not match is told in a text that shows both sides; `EXPECT_EQ(seen.difference({..}),
/// "")` shows it in GoogleTest, and `expect` throws it for any framework. Must be destroyed before
/// the machine. All methods may be called from any thread; what another thread runs at the moment
/// is not there yet (see `run_until_idle`).
///
///     am::testing::Recorder seen(door);
///     door.add("Open");
///     seen.expect({"add Open canceled: OpenEnter refused"});
class Recorder {
 public:
  explicit Recorder(Machine& machine)
      : machine_(machine), tracer_(std::make_shared<Collector>()), id_(machine.trace(tracer_)) {}
  ~Recorder() { machine_.detach(id_); }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// The transitions so far, in order.
  std::vector<Seen> transitions() const {
    const std::lock_guard lock(tracer_->mutex);
    return tracer_->seen;
  }
  /// Their texts.
  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const auto& seen : transitions()) texts.push_back(seen.text());
    return texts;
  }
  /// The last one. Throws `Error` (invalid_argument) when there was none.
  Seen last() const {
    const std::lock_guard lock(tracer_->mutex);
    if (tracer_->seen.empty()) {
      throw Error(Errc::invalid_argument, "the machine has not run a transition yet");
    }
    return tracer_->seen.back();
  }
  /// The handlers that ran, of all transitions, in order.
  std::vector<std::string> handlers() const {
    std::vector<std::string> names;
    for (auto& seen : transitions()) std::ranges::move(seen.handlers, std::back_inserter(names));
    return names;
  }
  /// Forgets what was.
  void clear() {
    const std::lock_guard lock(tracer_->mutex);
    tracer_->seen.clear();
  }

  /// How the transitions so far differ from `expected`, line by line; "" when they do not.
  std::string difference(const std::vector<std::string>& expected) const {
    return compare(texts(), expected);
  }
  /// How the last transition differs from `expected`; "" when it does not.
  std::string last_difference(std::string_view expected) const {
    const auto all = texts();
    return compare({all.empty() ? "no transition" : all.back()}, {std::string(expected)});
  }
  /// Throws `Error` (invalid_argument) with the difference when there is one, and forgets the
  /// transitions when there is none, so that a test can go on step by step.
  void expect(const std::vector<std::string>& expected) {
    const auto text = difference(expected);
    if (!text.empty()) throw Error(Errc::invalid_argument, text);
    clear();
  }

 private:
  class Collector final : public Tracer {
   public:
    void transition_init(const Transition&) override { handlers_.clear(); }
    void handler_end(const Transition&, const HandlerCall& call) override {
      handlers_.emplace_back(call.name);
    }
    void transition_end(const Transition& t) override {
      // The machine tries its automatic states after each change; that they cannot come is no news.
      if (t.automatic && !t.accepted && handlers_.empty()) return;
      Seen one{t.type, t.automatic, t.check, t.accepted, t.cancel.reason, {}, {}, t.why()};
      for (const auto state : t.called) one.called.emplace_back(t.name(state));
      one.handlers = std::move(handlers_);
      const std::lock_guard lock(mutex);
      seen.push_back(std::move(one));
    }

    mutable std::mutex mutex;
    std::vector<Seen> seen;

   private:
    std::vector<std::string> handlers_;
  };

  static std::string compare(const std::vector<std::string>& seen,
                             const std::vector<std::string>& expected) {
    if (seen == expected) return {};
    std::string text = "the transitions are not as expected:\n";
    for (std::size_t i = 0; i < std::max(seen.size(), expected.size()); ++i) {
      const auto line = [i](const auto& list) {
        return i < list.size() ? list[i] : std::string("(nothing)");
      };
      if (line(seen) == line(expected)) {
        text += fmt::format("    {}\n", line(seen));
      } else {
        text += fmt::format("  - {}\n  + {}\n", line(expected), line(seen));
      }
    }
    return text + "(- expected, + seen)\n";
  }

  Machine& machine_;
  std::shared_ptr<Collector> tracer_;
  TracerId id_;
};

}  // namespace am::testing
