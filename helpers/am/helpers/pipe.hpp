// Forwarding states of one machine to another.
#pragma once

#include <am/api.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace am {

/// A state of the source, and the state of the target that follows it; the same name when empty.
struct PipedState {
  StateName from{};
  StateName to{};
};

enum class PipeWhat : std::uint8_t { both, activations, deactivations };

struct PipeOptions {
  PipeWhat what = PipeWhat::both;
  /// Forward only what changes the target, and without arguments.
  bool flat = false;
  /// Bring the target in line at the start.
  bool sync = true;
  /// Forward the arguments of the source's mutation; never what a remote target cannot take.
  bool args = true;
  /// Where forwarding runs; null: `inline_executor` for a local source, `completion_executor` for a
  /// remote one.
  std::shared_ptr<Executor> executor{};
  /// Most transitions that wait to be forwarded. Beyond, they are forgotten, and the target is
  /// brought in line with the source as it is then.
  std::size_t mailbox_limit = 1000;
  /// States called Err... come with Exception. Without, they come alone, still with the error.
  bool with_exception = true;
};

struct PipeCounters {
  std::uint64_t forwarded = 0;  ///< mutations of the target that were made
  std::uint64_t skipped = 0;    ///< left out by `flat`, or echoes
  std::uint64_t refused = 0;    ///< canceled by the target
  std::uint64_t syncs = 0;      ///< times that the target was brought in line
};

/// Follows states of a source machine and adds or removes states of a target machine. Everything
/// goes through one ordered mailbox, so an activation and the deactivation after it never swap.
///
///     const am::Pipe pipe{download, ui, {{"Failed", "ErrDownload"}, {"Ready"}}};
///
/// * A local source is followed by a tracer: each transition is forwarded, with its arguments, once
///   the source's queue is released. A remote source is followed by waits for ticks: changes
///   between two looks are forwarded as one, and a state that came and went in between as an add
///   and a remove.
/// * The target is mutated without blocking: what its relations or handlers refuse is dropped; when
///   its queue is full, its link is down, a handler of it overruns, or it recovers from one, it is
///   brought in line with the source as soon as it can be.
/// * Several states may feed one: it is removed when the last of them has gone.
/// * A state called Err... comes with Exception, and with the source's error as its argument; and
/// so
///   does Exception itself.
/// * Two machines may pipe to each other. Between local machines, what came from a machine is not
///   sent back to it. With remote ones use `flat`, which ends the echo of all but quick changes.
/// * It ends when either machine is disposed of, when it is closed, or with the handle. It keeps
///   neither machine.
///
/// All methods may be called from any thread.
class [[nodiscard]] Pipe {
 public:
  class State;

  /// A closed one.
  Pipe() = default;
  /// Throws `Error` (unknown_state) for a state that its machine does not have,
  /// (invalid_argument) for none at all.
  Pipe(const Api& source, const Api& target, std::vector<PipedState> states,
       PipeOptions options = {});
  Pipe(Pipe&&) noexcept = default;
  Pipe& operator=(Pipe&& other) noexcept;
  ~Pipe();

  /// Detaches from the source. What is being forwarded at this moment, on another thread, still is.
  void close();
  /// True until it is closed or one of the machines is gone.
  bool active() const noexcept;
  PipeCounters counters() const;
  /// Lets it go on without a handle, until one of the machines is gone.
  void release() &&;

 private:
  std::shared_ptr<State> state_;
};

/// The same as making a `Pipe`.
inline Pipe pipe(const Api& source, const Api& target, std::vector<PipedState> states,
                 PipeOptions options = {}) {
  return Pipe(source, target, std::move(states), std::move(options));
}
/// Pipes Ready to `to`.
Pipe bind_ready(const Api& source, const Api& target, StateName to = "Ready",
                PipeOptions options = {});
/// Pipes the activations of Exception to `to`, which comes with Exception and the error. Removing
/// the target's Exception is up to the target.
Pipe bind_error(const Api& source, const Api& target, StateName to, PipeOptions options = {});
/// Pipes all states of the source but Exception, to those of the same name. Throws `Error`
/// (unknown_state) when the target lacks one.
Pipe bind_all(const Api& source, const Api& target, PipeOptions options = {});

}  // namespace am
