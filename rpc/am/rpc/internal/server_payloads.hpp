// Transfers of a server's sessions: payloads to clients, large arguments from them.
#pragma once

#include <am/pending.hpp>
#include <am/rpc/internal/chunk_turns.hpp>
#include <am/rpc/internal/deadlines.hpp>
#include <am/rpc/internal/payload_receiver.hpp>
#include <am/rpc/internal/payload_sender.hpp>
#include <am/rpc/payload.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace am::rpc::internal {

struct ServerPayloadLimits {
  Limits frames{};
  std::size_t argument_bytes = std::size_t{64} << 20U;    ///< of one mutation; and of a session
  std::size_t argument_memory = std::size_t{256} << 20U;  ///< of all sessions together
  std::chrono::nanoseconds stall_timeout = std::chrono::seconds{60};
};

/// `send` may be called by any thread; all else by the I/O thread.
class ServerPayloads {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Token = std::uint64_t;
  /// Sends the frames to a peer and clears them.
  using SendFrames = std::function<void(std::uint64_t peer, Outbox& frames)>;

  ServerPayloads(const ServerPayloadLimits& limits, SendFrames send_frames)
      : limits_(limits), send_frames_(std::move(send_frames)) {}

  // -- any thread ------------------------------------------------------------------

  /// Takes a payload for the client `options.client` of `machine`. Ends at once, as not_sent, when
  /// there is no such client. True: `run_commands` has something to do. Throws `Error`
  /// (invalid_argument) for a payload that cannot travel.
  bool send(const std::string& machine, Payload payload, const PayloadOptions& options,
            std::shared_ptr<detail::PendingState<Delivery>> pending);

  // -- I/O thread: sessions and their links ----------------------------------------

  struct Opened {
    Token session = 0;
    std::uint64_t peer = 0;
    LinkId link = 0;
    std::string client{};
    std::string machine{};
    bool takes = false;  ///< transfers
    bool pack = false;
    bool may_mutate = true;
  };
  /// From now on payloads for its client are taken; its welcome is not sent yet.
  void link_accepted(Opened opened);
  /// Its welcome was sent: what waits for its client follows.
  void link_opened(Token session, TimePoint now);
  void link_closed(Token session);
  void session_ended(Token session);
  /// Sessions that were opened and have not ended.
  std::size_t sessions() const;
  /// Ends those for which `alive(token)` is false.
  void sweep(const std::function<bool(Token)>& alive);
  void stop();

  // -- I/O thread: what happens ----------------------------------------------------

  /// Takes a frame that `is_transfer`. False when it cannot be read.
  bool on_frame(Token session, ByteView frame, TimePoint now);
  /// The arguments that came as `transfer`; nothing when there are none, or not any more.
  std::optional<Bytes> take_arguments(Token session, TransferId transfer, TimePoint now);
  void run_commands(TimePoint now);
  void poll(TimePoint now);
  TimePoint next_deadline() const noexcept { return deadlines_.next(); }

 private:
  using Pending = std::shared_ptr<detail::PendingState<Delivery>>;
  struct Arguments {
    Bytes bytes{};
    TimePoint expires{};
  };
  struct Session {
    Session(const Limits& frames, const ReceiverLimits& limits, PayloadReceiver::Admit admit)
        : sender(frames), receiver(frames, limits, std::move(admit)) {}
    std::optional<std::uint64_t> peer{};
    TimePoint scheduled = TimePoint::max();
    PayloadSender sender;
    PayloadReceiver receiver;
    std::unordered_map<TransferId, Pending> pending{};
    std::unordered_map<TransferId, Arguments> arguments{};
  };
  struct Target {
    Opened opened{};
    bool connected = false;
  };
  struct Command {
    Token session = 0;
    TransferRequest request{};
    Pending pending{};
  };

  SenderEffects sending() { return {frames_, ended_}; }
  ReceiverEffects receiving() { return {frames_, events_}; }
  Admission admit(Token session, const TransferInfo& info) const;
  void settle(Token token, Session& session, TimePoint now);
  void pump(std::uint64_t peer);
  void tell_ended(Session& session);
  void schedule(Token token, Session& session);
  Session* find_or_make(Token token, TimePoint now);

  const ServerPayloadLimits limits_;
  const SendFrames send_frames_;

  mutable std::mutex mutex_;
  std::map<Token, Target> targets_;  ///< changed by the I/O thread only
  std::vector<Command> commands_;
  bool stopped_ = false;

  std::unordered_map<Token, std::unique_ptr<Session>> sessions_;  ///< with transfers, ever
  std::map<std::uint64_t, ChunkTurns<PayloadSender>> turns_;      ///< by peer
  Deadlines<Token> deadlines_;
  Outbox frames_;
  std::vector<TransferEnded> ended_;
  std::vector<ReceiverEvent> events_;
};

/// A request for what `payload` has. Throws `Error` (invalid_argument) when it cannot travel.
TransferRequest transfer_request(Payload payload, const PayloadOptions& options);

/// The encoding of payloads whose content is `Payload::args`.
inline constexpr std::string_view args_encoding = "am.args";

}  // namespace am::rpc::internal
