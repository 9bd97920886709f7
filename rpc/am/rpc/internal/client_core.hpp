// The connection behind `am::rpc::Client`: one dealer, its links, and the calls that wait on them.
#pragma once

#include <am/rpc/client.hpp>
#include <am/rpc/internal/client_payloads.hpp>
#include <am/rpc/internal/client_session.hpp>
#include <am/rpc/internal/client_waits.hpp>
#include <am/rpc/internal/deadlines.hpp>
#include <am/rpc/internal/id_window.hpp>
#include <am/rpc/internal/link_states.hpp>
#include <am/rpc/internal/remote_core.hpp>
#include <am/rpc/internal/transport/dealer.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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
  Result call(RemoteId remote, Op op, std::vector<StateIndex> called, Bytes args,
              const MutationOptions& options, std::string& error);
  /// The same without waiting: `told` is called once, mostly on the I/O thread; it must not block.
  /// Any thread.
  using Told = std::function<void(Result, std::string error)>;
  void call_async(RemoteId remote, Op op, std::vector<StateIndex> called, Bytes args,
                  const MutationOptions& options, Told told);
  /// Asks for another choice and waits for the answer: "" or what was wrong.
  std::string choose(RemoteId remote, SyncOptions choice);
  /// Asks the source for a wait: its `RemoteCore` is told how that ends. Never blocks. Any thread.
  void ask(RemoteId remote, WaitId wait, StateIndex state, Bytes args);
  /// Nobody waits any more. Never blocks. Any thread.
  void forget(RemoteId remote, WaitId wait);
  /// Says bye for a remote machine, whose proxy has ended already. Any thread.
  void detach(RemoteId remote);
  bool stop(std::chrono::milliseconds timeout);

  bool on_io_thread() const noexcept { return transport_.in_turn(); }
  ConnectionTraffic traffic() const;
  Machine& machine() const noexcept { return states_.machine(); }
  std::size_t max_argument_bytes() const noexcept { return options_.max_argument_bytes; }

  // -- DealerHandler, on the I/O thread --------------------------------------------------

  void on_frame(FrameView frame) override;
  void on_wake() override;
  void on_connected() override;
  void on_disconnected() override;
  bool wanted() override { return !remotes_.empty(); }
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
    RemoteId remote = 0;
    std::shared_ptr<AttachSlot> slot{};
  };
  struct CallCommand {
    RemoteId remote = 0;
    ClientCall call{};
    std::shared_ptr<CallSlot> slot{};
  };
  /// Where a thread waits for the answer to a choice.
  struct ChoiceSlot {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<std::string> error{};
  };
  struct ChooseCommand {
    RemoteId remote = 0;
    SyncOptions choice{};
    std::shared_ptr<ChoiceSlot> slot{};
  };
  struct AskCommand {
    RemoteId remote = 0;
    WaitId wait = 0;
    StateIndex state = 0;
    Bytes args{};
  };
  struct ForgetCommand {
    RemoteId remote = 0;
    WaitId wait = 0;
  };
  struct CloseCommand {
    RemoteId remote = 0;
  };
  struct DecideCommand {
    RemoteId remote = 0;
    TransferId transfer = 0;
    Decision decision{};
  };
  struct StopCommand {};
  using Command = std::variant<OpenCommand, CallCommand, ChooseCommand, AskCommand, ForgetCommand,
                               CloseCommand, DecideCommand, StopCommand>;

  /// A remote machine, or an attempt to attach one.
  struct Remote {
    Remote(RemoteId i, ClientSessionOptions options, std::uint64_t seed)
        : id(i), session(i, std::move(options), seed) {}
    RemoteId id;
    ClientSession session;
    std::shared_ptr<AttachSlot> attaching{};
    bool same_schema = false;  ///< no other one than the first is taken
    bool ended = false;        ///< for good
    bool open = false;         ///< its link is
    DownPolicy when_down = DownPolicy::fail;
    std::shared_ptr<RemoteCore> core{};
    std::shared_ptr<ChoiceSlot> choosing{};
    ClientWaits waits{};
    std::vector<WaitAnswered> held_answers{};  ///< until the clocks show them
    IdWindow<std::shared_ptr<CallSlot>> calls{};
    TransportTime scheduled = no_deadline;
  };

  CallCommand call_command(RemoteId remote, Op op, std::vector<StateIndex> called, Bytes args,
                           const MutationOptions& options, std::shared_ptr<CallSlot> slot) const;
  /// False when there will be no more turns that could run it.
  bool post(Command command);
  void run(OpenCommand& command);
  void run(CallCommand& command);
  void run(ChooseCommand& command);
  void run(AskCommand& command);
  void run(ForgetCommand& command);
  void run(CloseCommand& command);
  void run(DecideCommand& command);
  void run(StopCommand& command);
  ClientSessionOptions session_options(const AttachOptions& options) const;

  void greet(Remote& remote);
  void set_open(Remote& remote, bool open);
  void after(Remote& remote);
  void handle(Remote& remote, LinkOpened& opened);
  void handle(Remote& remote, const ClocksChanged& changed);
  void handle(Remote& remote, Replied& replied);
  void handle(Remote& remote, const Synced&) { answer_held(remote); }
  void handle(Remote& remote, const ChoiceTaken& taken);
  void handle(Remote& remote, ChoiceAnswered& answered);
  void handle(Remote& remote, const ProblemReported& problem);
  void handle(Remote& remote, const Ponged&) { (void)remote; }
  void handle(Remote& remote, LinkClosed& closed);
  void opens(Remote& remote, LinkOpened& opened);
  void on_wait(Remote& remote, FrameView frame);
  void answered(Remote& remote, const WaitAnswered& answer);
  void answer_held(Remote& remote);
  void ask_again(Remote& remote, const LinkOpened& opened);
  void attached(Remote& remote, LinkOpened& opened);
  void end(Remote& remote, Ended how, LinkErrc code, const std::string& why);
  void send_frames() { send_frames(effects_.frames); }
  void send_frames(Outbox& frames);
  bool arguments_first(Remote& remote, CallCommand& command);
  void on_frame(Remote& remote, FrameView frame, std::uint8_t type);
  void schedule(Remote& remote);
  void erase(RemoteId id);
  static void answer(const std::shared_ptr<CallSlot>& slot, Result result, std::string error);
  static void answer(const std::shared_ptr<ChoiceSlot>& slot, std::string error);
  static void fail(Remote& remote, LinkError error);
  static void fail(AttachSlot& slot, LinkError error);
  void log(const std::string& line) const;

  const ClientOptions options_;
  const std::string id_;
  DealerTransport transport_;
  std::atomic<LinkId> last_link_{0};
  std::atomic<bool> connected_{false};

  std::mutex commands_mutex_;
  std::vector<Command> commands_;
  bool stopped_ = false;  ///< guarded by commands_mutex_: no more commands are taken
  std::string refusal_;   ///< guarded by commands_mutex_: why the last handshake failed

  std::mutex stop_mutex_;
  std::condition_variable stop_changed_;
  bool said_bye_ = false;  ///< written on the I/O thread, under stop_mutex_

  // On the I/O thread only.
  std::vector<Command> running_;
  bool refused_ = false;  ///< the last handshake failed
  std::map<RemoteId, std::unique_ptr<Remote>> remotes_;
  std::unordered_map<LinkId, Remote*> links_;  ///< those that have said hello
  Deadlines<RemoteId> deadlines_;
  ClientPayloads payloads_;
  Bytes unpacked_;
  ClientEffects effects_;
  std::size_t open_links_ = 0;
  ClientStates states_;
};

}  // namespace am::rpc::internal
