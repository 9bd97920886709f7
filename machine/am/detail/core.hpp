// What a local machine and a remote proxy have in common, behind the handle `am::Api`.
#pragma once

#include <am/args.hpp>
#include <am/detail/clock_board.hpp>
#include <am/error_info.hpp>
#include <am/executor.hpp>
#include <am/log_level.hpp>
#include <am/mutation_options.hpp>
#include <am/pending.hpp>
#include <am/result.hpp>
#include <am/timers.hpp>
#include <am/transition.hpp>
#include <am/wait.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace am::internal {
class Waits;
enum class Bag : std::uint8_t;
struct WaitState;
struct WaitTerm;
}  // namespace am::internal

namespace am::detail {

/// A call that may change states.
enum class Operation : std::uint8_t { add, remove, set, toggle, can_add, can_remove };

/// Base of the local machine and of the remote proxy: clocks, waits and contexts are the same in
/// both; only where mutations run differs.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(std::string id, CompiledSchema schema);
  virtual ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  const std::string& id() const noexcept { return id_; }
  ClockBoard& board() noexcept { return board_; }
  const ClockBoard& board() const noexcept { return board_; }

  // -- what differs ---------------------------------------------------------

  virtual Result mutate(Operation operation, const StateList& states, Args args,
                        const MutationOptions& options) = 0;
  /// Never blocks; `pending` gets the mutation's own result.
  virtual void mutate_async(Operation operation, const StateList& states, Args args,
                            const MutationOptions& options,
                            std::shared_ptr<PendingState<Result>> pending) = 0;
  /// Active states, in machine order where it is known, else in index order.
  virtual void active_states(std::vector<StateIndex>& out) const = 0;
  virtual std::optional<ErrorInfo> last_error() const = 0;
  virtual bool is_local() const noexcept = 0;
  /// Throws `Error` (would_deadlock) when a blocking call on this machine, made by the calling
  /// thread now, could never return.
  virtual void check_may_block() const = 0;
  /// How every wait ends from now on, as the machine can change no more; nothing while it lives.
  virtual std::optional<Ended> over() const noexcept = 0;
  /// How often the clocks were replaced by others that cannot be compared with them.
  virtual std::uint64_t epochs() const noexcept { return 0; }
  /// Where continuations run that were given no executor.
  virtual const std::shared_ptr<Executor>& completions() const = 0;
  virtual const std::shared_ptr<Timers>& timers() const { return system_timers(); }

  // -- words, from any thread -------------------------------------------------

  /// Whether somebody wants to be told in words what happens at `level`.
  virtual bool logs(LogLevel) const noexcept { return false; }
  /// Tells them.
  virtual void say(LogLevel, const std::string& /*text*/) const {}
  /// Tells them what `text()` returns, which is not called for nobody.
  template <class Text>
  void log(LogLevel level, Text&& text) const {
    if (logs(level)) say(level, text());
  }

  // -- waits, from any thread -------------------------------------------------

  /// Makes a wait on all of `terms`.
  Wait wait_on(std::vector<internal::WaitTerm> terms);
  /// Makes a wait for the end of the mutation with this queue tick.
  Wait wait_on_queue(std::uint64_t queue_tick);
  /// A wait for `state` to grow by `ticks` from where it stands now.
  Wait wait_on_ticks(StateIndex state, std::uint64_t ticks);
  /// A wait for `query` to hold: of the clocks now, or as a transition leaves them.
  Wait wait_on_query(std::function<bool(const Time&)> query);
  /// A wait for an activation of `state` with arguments that `match`: where mutations run.
  Wait wait_on_args(StateIndex state, std::function<bool(const Args&)> match);
  /// The same for arguments that have all named values of `wanted`. A proxy asks its source.
  virtual Wait wait_on_named(StateIndex state, const Args& wanted);
  /// A wait for the queue to run empty. Local machines only.
  Wait wait_on_queue_end();
  std::stop_token context(StateIndex state);

 protected:
  /// Whether the queue is being run; false where that is not known.
  virtual bool queue_busy() const noexcept { return false; }
  /// Lets `write` change the clocks of `changed` as one instant, then stops the contexts bound to
  /// their old ticks. By the one writer, without the commit mutex. See internal/publish.hpp.
  template <class Write>
  void publish(std::span<const StateIndex> changed, Write&& write);
  /// Ends the waits that hold since the ticks of `changed` changed. Without the commit mutex.
  void fire_waits(std::span<const StateIndex> changed);
  /// Ends the waits for mutations up to this queue tick. Without the commit mutex.
  void fire_queue_waits(std::uint64_t ended);
  /// Ends the waits for an activation of `state` that match `args`. Without the commit mutex.
  void fire_args_waits(StateIndex state, const Args& args, Ended how = Ended::fired);
  /// Ends the waits for the queue to run empty. By whoever has released it.
  void fire_queue_end_waits();
  /// Ends every wait and stops every context. Without the commit mutex.
  void release_all(Ended how);
  /// For proxies: takes over the clocks of another life of the source, which cannot be compared
  /// with those before. Every context stops; waits on ticks, mutations and arguments end as
  /// `epoch_changed`; those on states and queries stay, and end if they hold now. By the one
  /// writer, without the commit mutex.
  void begin_epoch(std::span<const std::uint64_t> ticks, std::uint64_t queue_tick,
                   std::uint32_t machine_tick);
  /// Lets `write` change clocks, some of which go back, as one instant. Every context stops; waits
  /// on ticks end as `epoch_changed`. Those that hold now are to be fired after it. By the one
  /// writer, without the commit mutex.
  void rewind(const std::function<void(ClockBoard::Write&)>& write);
  /// For proxies: makes room for the states that `larger` has besides the present ones. Throws
  /// `Error` (schema) when it lacks or moves one. By the one writer, without the commit mutex.
  void grow_board(const CompiledSchema& larger);

  internal::Waits& waits() noexcept { return *waits_; }

 private:
  friend class am::Wait;
  friend struct internal::WaitState;

  /// The context of an activation that has ended.
  using EndedContext = std::pair<StateIndex, std::stop_source>;

  void stop(std::vector<EndedContext>& contexts) const;
  void say_matched(const internal::WaitState* chain) const;
  Wait attach(internal::WaitState* state);
  template <class Holds>
  void fire_held(internal::Bag bag, Holds&& holds, Ended how = Ended::fired);
  void end_now(internal::WaitState& state, Ended how = Ended::fired);
  /// Called by the last handle of a wait.
  void detach(internal::WaitState& state);

  std::string id_;
  ClockBoard board_;
  std::unique_ptr<internal::Waits> waits_;
};

}  // namespace am::detail
