// Transfers of a client's remote machines: payloads from their sources, large arguments to them.
#pragma once

#include <am/rpc/internal/chunk_turns.hpp>
#include <am/rpc/internal/consumer.hpp>
#include <am/rpc/internal/deadlines.hpp>
#include <am/rpc/internal/payload_receiver.hpp>
#include <am/rpc/internal/payload_sender.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace am::rpc::internal {

/// By the I/O thread only.
class ClientPayloads {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using RemoteKey = std::uint64_t;
  /// Sends the frames and clears them.
  using SendFrames = std::function<void(Outbox& frames)>;
  /// Brings a decision back to the I/O thread, for `decide`. Called on any thread; must not block.
  using Bring = std::function<void(RemoteKey remote, TransferId transfer, Decision decision)>;

  ClientPayloads(const Limits& frames, SendFrames send_frames)
      : frame_limits_(frames), send_frames_(std::move(send_frames)) {}
  /// Before anything else.
  void bring_with(Bring bring) { bring_ = std::move(bring); }

  // -- remote machines and their links ---------------------------------------------

  void add(RemoteKey remote, std::shared_ptr<const ConsumerOptions> options);
  /// `session` is the server's name of the session, 0 = none: when it is another one than before,
  /// nothing that was received goes on.
  void link_opened(RemoteKey remote, LinkId link, std::uint64_t session, std::uint64_t features,
                   const std::string& machine, TimePoint now);
  void link_closed(RemoteKey remote);
  /// What it was sending ends as link_lost.
  void remove(RemoteKey remote);

  // -- what happens ----------------------------------------------------------------

  /// Takes a frame that `is_transfer`. False when it cannot be read.
  bool on_frame(RemoteKey remote, ByteView frame, TimePoint now);
  void decide(RemoteKey remote, TransferId transfer, const Decision& decision, TimePoint now);

  /// What became of arguments that were sent, and under which transfer they are there.
  using ArgumentsSent = std::function<void(TransferId transfer, const Delivery& delivery)>;
  /// Sends arguments ahead of their mutation; `sent` is called from `tell`, once.
  void send_arguments(RemoteKey remote, Bytes arguments, TimePoint deadline, ArgumentsSent sent,
                      TimePoint now);
  /// Calls what waits to be called. It may do anything.
  void tell();

  void poll(TimePoint now);
  TimePoint next_deadline() const noexcept { return deadlines_.next(); }

 private:
  struct Remote {
    Remote(const Limits& frames, const ReceiverLimits& limits, PayloadReceiver::Admit admit)
        : sender(frames), receiver(frames, limits, std::move(admit)) {}
    std::shared_ptr<const ConsumerOptions> options{};
    std::string machine{};
    std::uint64_t session = 0;
    bool open = false;
    bool knows_transfers = false;
    TimePoint scheduled = TimePoint::max();
    PayloadSender sender;
    PayloadReceiver receiver;
    std::unordered_map<TransferId, ArgumentsSent> arguments{};
    /// Being decided, or refused for now.
    std::unordered_map<TransferId, std::shared_ptr<const Payload>> arrived{};
  };
  struct Told {
    ArgumentsSent sent{};
    TransferEnded ended{};
  };

  SenderEffects sending() { return {frames_, ended_}; }
  ReceiverEffects receiving() { return {frames_, events_}; }
  Admission admit(const Remote& remote, const TransferInfo& info) const;
  void arrived(RemoteKey key, Remote& remote, TransferArrived& event, TimePoint now);
  void settle(RemoteKey key, Remote& remote, TimePoint now);
  void collect_ended(Remote& remote);
  void pump();
  void schedule(RemoteKey key, Remote& remote);

  const Limits frame_limits_;
  const SendFrames send_frames_;
  Bring bring_;
  std::unordered_map<RemoteKey, std::unique_ptr<Remote>> remotes_;
  ChunkTurns<PayloadSender> turns_;
  Deadlines<RemoteKey> deadlines_;
  Outbox frames_;
  std::vector<TransferEnded> ended_;
  std::vector<ReceiverEvent> events_;
  std::vector<Told> told_;
};

}  // namespace am::rpc::internal
