// The connection behind `am::rpc::Client`: one dealer, its links, and the calls that wait on them.
#pragma once

#include <am/rpc/client.hpp>
#include <am/rpc/internal/client_link.hpp>
#include <am/rpc/internal/transport/dealer.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace am::rpc::internal {

/// Everything about links happens in turns of the transport, one at a time; threads hand it
/// commands and wait for slots, each with a deadline of its own. "I/O thread" below is the thread
/// that has the turn: the transport's own, or one that waits for a call.
class ClientCore final : public DealerHandler, public std::enable_shared_from_this<ClientCore> {
 public:
  explicit ClientCore(ClientOptions options);

  // -- any thread but the I/O thread --------------------------------------------------

  void start();
  Expected<std::shared_ptr<RemoteCore>> attach(AttachOptions options);
  /// Sends a request and waits for its reply, at most `call_timeout`. `error` is the reply's text.
  Result call(LinkId link, Op op, std::vector<StateIndex> called, Bytes args,
              const MutationOptions& options, std::string& error);
  /// The same without waiting: `told` is called once, mostly on the I/O thread; it must not block.
  /// Any thread.
  using Told = std::function<void(Result, std::string error)>;
  void call_async(LinkId link, Op op, std::vector<StateIndex> called, Bytes args,
                  const MutationOptions& options, Told told);
  /// Says bye for a link, whose proxy has ended already. Any thread.
  void detach(LinkId link);
  bool stop(std::chrono::milliseconds timeout);

  bool on_io_thread() const noexcept { return transport_.in_turn(); }
  ConnectionTraffic traffic() const;

  // -- DealerHandler, on the I/O thread --------------------------------------------------

  void on_frame(FrameView frame) override;
  void on_wake() override;
  void on_connected() override;
  void on_disconnected() override;
  bool wanted() override { return !links_.empty(); }
  void on_refused(Refusal refusal, std::string_view why) override;
  TransportTime next_deadline() override;
  void on_deadline(TransportTime now) override;

 private:
  /// Where a thread waits for the outcome of a call.
  struct CallSlot {
    Arrival arrival;
    Result result{};      ///< once arrived
    std::string error{};  ///< once arrived
    Told told{};          ///< instead of a thread that waits
  };
  /// Where a thread waits for a link to open.
  struct AttachSlot {
    AttachOptions options{};
    std::mutex mutex;
    std::condition_variable changed;
    std::shared_ptr<RemoteCore> remote{};
    std::optional<LinkError> error{};
  };

  struct OpenCommand {
    LinkId link = 0;
    std::shared_ptr<AttachSlot> slot{};
  };
  struct CallCommand {
    LinkId link = 0;
    Op op = Op::add;
    std::vector<StateIndex> called{};
    Bytes args{};
    TransportTime deadline{};
    TransportTime expires{};  ///< not sent after this
    std::shared_ptr<CallSlot> slot{};
  };
  struct CloseCommand {
    LinkId link = 0;
  };
  struct StopCommand {};
  using Command = std::variant<OpenCommand, CallCommand, CloseCommand, StopCommand>;

  struct Link {
    Link(LinkId id, ClientLinkOptions options) : link(id, std::move(options)) {}
    ClientLink link;
    std::shared_ptr<AttachSlot> attaching{};
    std::shared_ptr<RemoteCore> remote{};
    std::unordered_map<RequestId, std::shared_ptr<CallSlot>> calls{};
    TransportTime scheduled = no_deadline;
  };

  void post(Command command);
  void run(OpenCommand& command);
  void run(CallCommand& command);
  void run(CloseCommand& command);
  void run(StopCommand& command);
  ClientLinkOptions link_options(const AttachOptions& options) const;

  void after(Link& link);
  void handle(Link& link, LinkOpened& opened);
  void handle(Link& link, const ClocksChanged& changed);
  void handle(Link& link, Replied& replied);
  void handle(Link& link, const Synced&) { (void)link; }
  void handle(Link& link, const ProblemReported& problem);
  void handle(Link& link, const Ponged&) { (void)link; }
  void handle(Link& link, LinkClosed& closed);
  void send_frames();
  void schedule(Link& link);
  void erase(LinkId id);
  static void answer(const std::shared_ptr<CallSlot>& slot, Result result, std::string error);
  static void fail(Link& link, LinkError error);
  void log(const std::string& line) const;

  const ClientOptions options_;
  const std::string id_;
  const std::uint64_t session_;
  DealerTransport transport_;
  std::atomic<LinkId> last_link_{0};
  std::atomic<bool> connected_{false};

  std::mutex commands_mutex_;
  std::vector<Command> commands_;
  bool stopped_ = false;  ///< guarded by commands_mutex_: no more commands are taken
  std::string refusal_;   ///< guarded by commands_mutex_: why the last handshake failed

  std::mutex stop_mutex_;
  std::condition_variable stop_changed_;
  bool said_bye_ = false;

  // On the I/O thread only.
  std::vector<Command> running_;
  bool refused_ = false;  ///< the last handshake failed
  std::map<LinkId, std::unique_ptr<Link>> links_;
  std::set<std::pair<TransportTime, LinkId>> deadlines_;
  ClientEffects effects_;
};

}  // namespace am::rpc::internal
