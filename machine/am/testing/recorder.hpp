// What a machine did, in words that tests compare.
#pragma once

#include <am/error.hpp>
#include <am/history.hpp>
#include <am/machine.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace am::testing {

/// A transition that is over.
using Seen = PastTransition;

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
      : machine_(machine),
        tracer_(std::make_shared<HistoryTracer>(std::numeric_limits<std::size_t>::max())),
        id_(machine.trace(tracer_)) {}
  ~Recorder() { machine_.detach(id_); }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// The transitions so far, in order.
  std::vector<Seen> transitions() const { return tracer_->transitions(); }
  /// Their texts.
  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const auto& seen : transitions()) texts.push_back(seen.text());
    return texts;
  }
  /// The last one. Throws `Error` (invalid_argument) when there was none.
  Seen last() const {
    auto last = tracer_->last();
    if (!last) throw Error(Errc::invalid_argument, "the machine has not run a transition yet");
    return *std::move(last);
  }
  /// The handlers that ran, of all transitions, in order.
  std::vector<std::string> handlers() const {
    std::vector<std::string> names;
    for (auto& seen : transitions()) std::ranges::move(seen.handlers, std::back_inserter(names));
    return names;
  }
  /// Forgets what was.
  void clear() { tracer_->clear(); }

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
  std::shared_ptr<HistoryTracer> tracer_;
  TracerId id_;
};

}  // namespace am::testing
