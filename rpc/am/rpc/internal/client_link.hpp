// One remote machine's conversation, as the client sees it.
#pragma once

#include <am/rpc/internal/client_calls.hpp>
#include <am/rpc/internal/clock_codec.hpp>
#include <am/rpc/internal/frame_sender.hpp>
#include <am/rpc/internal/link_end.hpp>
#include <am/rpc/internal/link_stats.hpp>
#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/outbox.hpp>
#include <am/rpc/internal/sync_choice.hpp>
#include <am/schema.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace am::rpc::internal {

struct ClientLinkOptions {
  Limits limits{};
  std::string client_id{};
  /// The machine that is wanted; "" = the server's only or default one.
  std::string machine_id{};
  /// Random, the same for all links of one remote machine.
  std::uint64_t session = 0;
  /// Fingerprint and size of the schema that is known already; 0 = none.
  std::uint64_t known_fingerprint = 0;
  std::size_t known_states = 0;
  std::uint64_t features = 0;
  /// What is wanted of the source; nothing = everything, for good.
  std::optional<SyncOptions> sync{};
  /// Whether calls stay when the link ends, until `restart` and `proceed`, or `give_up`.
  bool resumable = false;
  /// How long the server may take to answer the hello.
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds{5};
  /// How long a snapshot may take before it is asked for again.
  std::chrono::nanoseconds resync_timeout = std::chrono::seconds{1};
};

// -- events --------------------------------------------------------------------------------------

/// The link is open, and `clocks()` are the source's. Answer with `proceed` or `close`.
struct LinkOpened {
  /// How it stands to what was known before.
  enum class Clocks : std::uint8_t {
    first,      ///< nothing was
    continued,  ///< the same life of the source: they have gone on, `ClientEffects::changed` says
                ///< where
    new_epoch,  ///< another life: they cannot be compared
  };
  Clocks clocks = Clocks::first;
  std::string machine_id{};
  std::uint64_t epoch = 0;
  std::uint64_t fingerprint = 0;
  /// The source's schema; nothing = the one that was known.
  std::optional<Schema> schema{};
  /// Without a schema, as was wanted: the states that are followed.
  std::optional<std::vector<NamedState>> names{};
  std::uint64_t features = 0;
  /// Views into the received frame: valid until the next `on_frame` with the same effects.
  std::span<const Extension> extensions{};
};

/// What brought new clocks.
enum class ClocksCause : std::uint8_t { push, reply, snapshot };

/// `clocks()` has moved. The states whose ticks did are in `ClientEffects::changed`, strictly
/// increasing, until the next call. At most one of these per call.
struct ClocksChanged {
  ClocksCause cause = ClocksCause::push;
  /// What made the change, when that is just one transition. A view, as `LinkOpened::extensions`.
  std::optional<TransitionStory> story{};
};

/// A call has its answer: each call has exactly one. Comes after the `ClocksChanged` of its frame.
struct Replied {
  RequestId request = 0;
  Result result{};
  std::string error{};  ///< for people, "" mostly
};

/// A snapshot was taken over: `clocks()` are exact as of it. After its `ClocksChanged`, if any.
struct Synced {};

/// Another choice holds from now on: `clocks()` are what it shows, `ClientEffects::changed` says
/// where they differ from those before.
struct ChoiceTaken {
  std::optional<std::vector<NamedState>> names{};  ///< as in `LinkOpened`
  bool back = false;  ///< a tick is lower than before: they cannot be compared
};

/// What became of `choose`. After its `ChoiceTaken`.
struct ChoiceAnswered {
  std::string error{};  ///< "" = it holds
};

/// The server could not use a frame; for the log.
struct ProblemReported {
  ErrorCode code = ErrorCode::unknown_message;
  std::string text{};
};

/// The answer to `ping`.
struct Ponged {
  std::uint64_t token = 0;
};

using ClientEvent = std::variant<LinkOpened, ClocksChanged, Replied, Synced, ChoiceTaken,
                                 ChoiceAnswered, ProblemReported, Ponged, LinkClosed>;

/// Where links leave what they want. One serves all links of a thread; act on `events` in order and
/// send `frames` in order after each call, then `clear`. Its memory is reused.
struct ClientEffects {
  Outbox frames{};
  std::vector<ClientEvent> events{};
  /// Belongs to the `ClocksChanged` among the events; empty when only other counters moved.
  std::vector<StateIndex> changed{};
  DecodeScratch scratch{};  ///< for the links

  void clear() {
    frames.clear();
    events.clear();
    changed.clear();
  }
};

// -- the link ------------------------------------------------------------------------------------

/// One link, from its hello to its end, or several one after the other, each with an id of its own:
/// then clocks and calls go on where the one before ended, and a call that was sent is sent again,
/// for the server to answer it without running it twice. No I/O, no clock, no thread: calls, frames
/// and `now` go in, frames and events come out through `ClientEffects`.
/// `now` must not go back. Not thread-safe: the owner calls one method at a time.
class ClientLink {
 public:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;

  enum class State : std::uint8_t {
    idle,      ///< not started
    greeting,  ///< the hello was sent
    open,
    closed,
  };

  /// `id` is unique among the links of the connection.
  ClientLink(LinkId id, ClientLinkOptions options);

  // -- properties --------------------------------------------------------------------------------

  LinkId id() const noexcept { return id_; }
  State state() const noexcept { return state_; }
  /// True while diffs are left aside because one was lost or did not fit, until the snapshot.
  bool resyncing() const noexcept { return resyncing_; }
  const LinkStats& stats() const noexcept { return stats_; }
  /// The source's clocks as far as they are known. They never go back within an epoch, unless the
  /// machine tick grew: then the source was restored.
  const Clocks& clocks() const noexcept { return clocks_; }
  std::uint64_t sequence() const noexcept { return sequence_; }
  /// Calls without an answer.
  std::size_t pending() const noexcept { return calls_.size(); }
  /// When the server was last heard of; the epoch of the clock when it never was.
  TimePoint last_heard() const noexcept { return last_heard_; }

  // -- calls -------------------------------------------------------------------------------------

  /// Sends the hello, with a copy of `extensions`. Once.
  void start(std::span<const Extension> extensions, TimePoint now, ClientEffects& effects);

  /// Says hello again, as link `id`, after the link has ended.
  void restart(LinkId id, std::span<const Extension> extensions, TimePoint now,
               ClientEffects& effects);

  /// How long the server may take to answer the next hello.
  void set_handshake_timeout(std::chrono::nanoseconds timeout) noexcept {
    options_.handshake_timeout = timeout;
  }

  /// Goes on after `LinkOpened`: sends what has waited, answers what can be answered now.
  void proceed(TimePoint now, ClientEffects& effects);

  /// Answers all calls of a link that has ended and will not be restarted: `unknown` with `link`
  /// when they were sent, else `not_sent`.
  void give_up(std::string_view text, ClientEffects& effects);

  /// Sends a mutation or a dry run and returns its id, which is never 0. Its `Replied` comes
  /// with a later frame or at its deadline (`unknown`, `timeout`); with this call, when it cannot
  /// be sent: `not_sent` with `link` (the link is not open, and the call does not wait for that),
  /// `queue_full` (too many calls wait) or `denied` (unknown index, arguments above the limit).
  RequestId mutate(ClientCall call, ClientEffects& effects);
  /// The same with copies, without an expiry. `TimePoint::max()` = no deadline.
  RequestId mutate(Op op, std::span<const StateIndex> called, ByteView args, TimePoint deadline,
                   ClientEffects& effects);

  /// Asks for a snapshot; `Synced` follows. Ignored unless open.
  void sync(ClientEffects& effects);

  /// Asks to see something else from now on; `ChoiceAnswered` follows, with this call when it
  /// cannot be asked: the link is not open, was opened without `sync`, or another choice waits.
  void choose(SyncOptions choice, ClientEffects& effects);

  /// Asks for a sign of life; `Ponged` follows. It also finds out whether the last push was lost.
  /// Ignored unless open.
  void ping(std::uint64_t token, ClientEffects& effects);

  /// Says bye and closes, as `LinkClosed` of reason `local`. Calls that wait are answered `unknown`
  /// with `link` first. Ignored when closed.
  void close(ByeCode code, ClientEffects& effects);

  /// Closes without a bye, for a transport that is gone: reason `local`, with `text`.
  void abandon(std::string text, ClientEffects& effects);

  // -- input -------------------------------------------------------------------------------------

  /// Takes one frame. Any bytes: what cannot be read ends the link, what is lost leads to a resync.
  /// Ignored when closed. O(frame).
  void on_frame(ByteView frame, TimePoint now, ClientEffects& effects);

  /// Ends what has reached its deadline: calls, the handshake, a resync.
  void poll(TimePoint now, ClientEffects& effects);

  /// When `poll` must be called next, or earlier; `TimePoint::max()` = not before another input.
  TimePoint next_deadline() const noexcept;

 private:
  template <class Message>
  bool send(const Message& message, ClientEffects& effects) {
    return send_frame(message, id_, options_.limits, effects.frames, stats_);
  }
  void hello(std::span<const Extension> extensions, TimePoint now, ClientEffects& effects);
  void end(LinkClosed closed, ClientEffects& effects);
  void fail(CloseReason reason, std::string text, ByeCode code, ClientEffects& effects);
  void answer(RequestId request, Result result, std::string_view error, ClientEffects& effects);
  void on_fault(const Decoded& decoded, ClientEffects& effects);
  void handle(const Welcome& welcome, TimePoint now, ClientEffects& effects);
  void handle(const Refused& refused, TimePoint now, ClientEffects& effects);
  void handle(const Reply& reply, TimePoint now, ClientEffects& effects);
  void handle(const Push& push, TimePoint now, ClientEffects& effects);
  void handle(const Logged& logged, TimePoint now, ClientEffects& effects);
  void handle(const Snapshot& snapshot, TimePoint now, ClientEffects& effects);
  void handle(const Chosen& chosen, TimePoint now, ClientEffects& effects);
  void handle(const Problem& problem, TimePoint now, ClientEffects& effects);
  void handle(const Bye& bye, TimePoint now, ClientEffects& effects);
  void handle(const Ping& ping, TimePoint now, ClientEffects& effects);
  void handle(const Pong& pong, TimePoint now, ClientEffects& effects);
  template <class Message>
  void handle(const Message& message, TimePoint now, ClientEffects& effects);
  bool require_open(const char* what, ClientEffects& effects);
  void count_merged(const ClientEffects& effects) noexcept;
  bool take_diff(std::uint64_t sequence, const Diff& diff, std::uint32_t digest, ClocksCause cause,
                 TimePoint now, ClientEffects& effects);
  void resync(TimePoint now, ClientEffects& effects);
  void ask_snapshot(TimePoint now, ClientEffects& effects);
  void settle(const Snapshot& snapshot, ClientEffects& effects);
  void choice_over(std::string error, ClientEffects& effects);
  std::uint64_t offered() const noexcept;
  bool learn_states(const Welcome& welcome, LinkOpened& opened, std::size_t& states,
                    ClientEffects& effects);
  bool compare_clocks(const Welcome& welcome, LinkOpened& opened, ClientEffects& effects);
  bool take_names(ByteView bytes, std::size_t& states, std::vector<NamedState>& names) const;
  bool send_call(RequestId request, const ClientCall& call, ClientEffects& effects);
  auto answering(ClientEffects& effects) {
    return [this, &effects](RequestId request, Result result, std::string_view text) {
      answer(request, result, text, effects);
    };
  }

  LinkId id_;
  ClientLinkOptions options_;
  State state_ = State::idle;
  LinkStats stats_{};
  TimePoint last_heard_{};
  TimePoint handshake_deadline_ = TimePoint::max();

  ClientCalls calls_{};

  // The choice.
  bool may_choose_ = false;
  bool may_log_ = false;
  std::uint64_t last_choice_ = 0;
  std::optional<SyncOptions> choosing_{};

  // Of the links so far.
  std::uint64_t epoch_ = 0;
  std::uint64_t token_ = 0;  ///< the session's name at the server; 0 = none
  bool known_ = false;       ///< there was a welcome
  bool same_session_ = false;
  bool proceeding_ = false;  ///< `proceed` has not been called yet

  // Clocks.
  Clocks clocks_{};
  std::uint64_t digest_ = 0;
  std::uint64_t sequence_ = 0;
  bool resyncing_ = false;
  std::size_t resync_attempts_ = 0;
  TimePoint resync_deadline_ = TimePoint::max();
};

}  // namespace am::rpc::internal
