// A machine as a server sees it.
#pragma once

#include <am/api.hpp>
#include <am/internal/completion.hpp>
#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/clock_codec.hpp>
#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/server_link.hpp>
#include <am/rpc/internal/transition_log.hpp>
#include <am/schema.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace am {
class Tracer;
}
namespace am::detail {
class LocalCore;
}

namespace am::rpc::internal {

class RemoteCore;

/// One exposed machine: its schema as bytes, its clocks, and a tracer that tells of changes.
class Source {
 public:
  /// `changed` is called on the draining thread when there is news that `take_change` has not
  /// fetched yet; it must be cheap and must not block. A machine that is itself remote is served as
  /// its origin: under its id and epoch. Throws `Error` (disposed) for one that is gone.
  Source(const Api& machine, std::function<void()> changed);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  const std::string& id() const noexcept { return machine_.id(); }
  const Api& machine() const noexcept { return machine_; }
  std::uint64_t epoch() const noexcept { return epoch_; }
  /// Of `schema()`.
  std::uint64_t fingerprint() const noexcept { return announced_->fingerprint(); }
  ByteView schema() const noexcept { return schema_; }
  /// Of its states, by index.
  std::span<const std::string_view> names() const noexcept { return announced_->names(); }
  /// True once the machine has grown since `schema()` was encoded, or is another life of its
  /// origin: its links have to end, as they know other states or ticks. By one thread, as `renew`.
  bool outgrown() const noexcept {
    return &machine_.schema() != announced_ || origin_epoch() != announced_epoch_;
  }
  /// Encodes the schema as it is now, and takes over the epoch.
  void renew();

  /// What has changed since `settle`, if anything.
  std::optional<SourceChange> change() const noexcept;
  /// How many errors were added, as far as this has noticed. When it is another number, so may be
  /// the machine's last error; it is never 0 when there is one.
  std::uint64_t errors() const noexcept { return news_->errors.load(std::memory_order_acquire); }
  /// Its transitions, if they are wanted; `changed` is called for the first one that waits.
  TransitionLog& log() noexcept { return news_->log; }
  /// Begins the log, or ends it. By one thread.
  void keep_log(bool wanted);
  /// The state Exception.
  StateIndex exception() const noexcept { return exception_; }
  /// True once the machine was disposed of: its links have to end.
  bool gone() const noexcept { return news_->gone.load(std::memory_order_acquire); }
  /// Forgets the change. Call it before reading the clocks, so that what follows is told again.
  void settle() noexcept { news_->level.store(none, std::memory_order_seq_cst); }
  /// The clocks as of one instant; valid until the next call. By one thread.
  ClocksView clocks();

  /// Runs a mutation, see `LocalCore::submit`, or sends it on to the origin, which knows what the
  /// arguments are. Never blocks. What is not run completes nothing: `not_sent` is returned, with
  /// words in `error` where they help.
  Result submit(Op op, std::span<const StateIndex> called, ByteView args,
                std::shared_ptr<am::internal::Completion> completion, std::string& error);

 private:
  static constexpr std::uint8_t none = 0;
  static constexpr std::uint8_t queue_only = 1;
  static constexpr std::uint8_t ticks = 2;

  class Tracer;
  class LogTracer;
  struct News {
    /// How much has changed. Stays set while links hold back their pushes, so that a machine whose
    /// links wait for the end of their interval pays one load for each transition.
    std::atomic<std::uint8_t> level{none};
    std::atomic<bool> gone{false};
    std::atomic<std::uint64_t> errors{0};
    TransitionLog log{};
  };
  Result run(Op op, std::span<const StateIndex> called, ByteView args,
             std::shared_ptr<am::internal::Completion> completion, std::string& error);
  std::uint64_t origin_epoch() const noexcept;
  std::uint32_t attach(std::shared_ptr<am::Tracer> tracer);
  void detach(std::uint32_t tracer);

  Api machine_;
  detail::LocalCore* local_;  ///< null for a remote machine
  RemoteCore* remote_;        ///< null for a local one
  std::uint64_t epoch_ = 0;
  std::uint64_t announced_epoch_ = 0;
  const CompiledSchema* announced_ = nullptr;  ///< what `schema_` says; lives with the machine
  StateIndex exception_ = 0;
  Bytes schema_;
  Clocks clocks_;
  std::shared_ptr<News> news_;
  std::function<void()> changed_;
  std::uint32_t tracer_id_ = 0;
  std::optional<std::uint32_t> log_tracer_id_{};
};

}  // namespace am::rpc::internal
