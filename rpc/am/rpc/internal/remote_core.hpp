// The proxy behind `am::rpc::RemoteMachine`.
#pragma once

#include <am/detail/core.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/internal/client_link.hpp>
#include <am/rpc/internal/clock_codec.hpp>
#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/state_map.hpp>
#include <am/rpc/internal/wait_messages.hpp>
#include <am/rpc/internal/watchers.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace am::rpc::internal {

class ClientCore;

/// Names a remote machine at its client; its links have ids of their own.
using RemoteId = std::uint64_t;

/// Clocks of a machine elsewhere, read as those of a local one. Written by the I/O thread of its
/// connection; mutations are handed to that thread.
class RemoteCore final : public detail::Core {
 public:
  /// `id` is the source's.
  RemoteCore(std::string id, CompiledSchema schema, std::shared_ptr<ClientCore> client,
             RemoteId remote);

  // -- Core -------------------------------------------------------------------------

  Result mutate(detail::Operation operation, const StateList& states, Args args,
                const MutationOptions& options) override;
  void mutate_async(detail::Operation operation, const StateList& states, Args args,
                    const MutationOptions& options,
                    std::shared_ptr<detail::PendingState<Result>> pending) override;
  void active_states(std::vector<StateIndex>& out) const override;
  std::optional<ErrorInfo> last_error() const override;
  bool is_local() const noexcept override { return false; }
  void check_may_block() const override;
  std::optional<Ended> over() const noexcept override;
  /// Asks the source; see `answered`. Throws `Error` (invalid_argument) for a state that is not
  /// known here, for arguments that are too long, and above `max_waits`.
  Wait wait_on_named(StateIndex state, const Args& wanted) override;
  std::uint64_t epochs() const noexcept override { return epochs_.load(std::memory_order_acquire); }
  const std::shared_ptr<Executor>& completions() const override { return completion_executor(); }

  // -- by the I/O thread ---------------------------------------------------------------

  /// Publishes what arrived: ticks of `changed` (strictly increasing) and the counters.
  void apply(const Clocks& clocks, std::span<const StateIndex> changed);
  /// The same for what is known to be one transition.
  void apply(const Clocks& clocks, std::span<const StateIndex> changed,
             const TransitionStory& story);
  /// For proxies without a schema, before their first clocks: where their states are at the source.
  void learn(std::span<const NamedState> names);
  /// Another choice holds. Throws `Error` (schema) when it does not go with the states here.
  void retrack(const ChoiceTaken& taken, const Clocks& clocks, std::span<const StateIndex> changed);
  /// The link was lost, and another one is tried.
  void lose(std::string reason);
  /// Another link is open. Throws `Error` (schema) when the source has become another machine.
  void resume(const LinkOpened& opened, const Clocks& clocks, std::span<const StateIndex> changed);
  void set_traffic(const LinkTraffic& traffic);
  /// How a wait that the source was asked for ends.
  void answered(WaitId wait, Ended how);
  /// The source's last error is this one.
  void take_error(ErrorInfo error);

  // -- any thread -----------------------------------------------------------------------

  /// The link has ended: clocks stay, waits end as `how`, mutations are not sent.
  void end(Ended how, std::string reason);
  LinkStatus status() const;
  LinkTraffic traffic() const;
  /// Tracers and handlers here; told on the I/O thread.
  Watchers& watchers() noexcept { return watchers_; }
  /// Sends a mutation of another proxy on, with arguments as they came. `told` as for
  /// `ClientCore::call_async`. Never blocks.
  void forward(Op op, std::span<const StateIndex> called, ByteView args,
               std::function<void(Result, std::string error)> told);
  /// Names the life of the source that the clocks are of. Any thread.
  std::uint64_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }
  void set_epoch(std::uint64_t epoch) noexcept { epoch_.store(epoch, std::memory_order_release); }
  RemoteId remote() const noexcept { return remote_; }
  ClientCore& client() const noexcept { return *client_; }

 private:
  class AskedWait;

  void remember_error(std::string error);
  void set_status(LinkState state, std::string why);
  void replace(std::uint64_t epoch, const Clocks& clocks);
  void take_names(std::span<const NamedState> names);
  std::optional<StateIndex> translate(std::span<StateIndex> states) const;
  std::vector<StateIndex> at_source(const StateList& states) const;
  const Clocks& own(const Clocks& clocks);
  std::span<const StateIndex> own(std::span<const StateIndex> changed);
  void show(const Clocks& clocks, std::span<const StateIndex> changed, const UpdateStory& story);

  const std::shared_ptr<ClientCore> client_;
  const RemoteId remote_;
  std::atomic<int> over_{-1};
  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<std::uint64_t> epochs_{0};
  mutable std::mutex mutex_;
  LinkStatus status_;
  std::optional<ErrorInfo> last_error_;
  WaitId last_wait_ = 0;                                ///< guarded by mutex_
  std::map<WaitId, std::weak_ptr<AskedWait>> asked_{};  ///< guarded by mutex_
  LinkTraffic traffic_{};
  std::shared_ptr<const StateMap> map_;  ///< guarded by mutex_; null: both have the same order
  Clocks own_clocks_{};                  ///< on the I/O thread, as the next one
  std::vector<StateIndex> own_changed_{};
  Watchers watchers_;
};

}  // namespace am::rpc::internal
