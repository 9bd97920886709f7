// One remote machine's conversation, as the server sees it.
#pragma once

#include <am/rpc/internal/clock_codec.hpp>
#include <am/rpc/internal/clock_feed.hpp>
#include <am/rpc/internal/frame_sender.hpp>
#include <am/rpc/internal/link_end.hpp>
#include <am/rpc/internal/link_stats.hpp>
#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/outbox.hpp>
#include <am/rpc/internal/push_window.hpp>
#include <am/rpc/internal/request_log.hpp>
#include <am/rpc/internal/resume.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace am::rpc::internal {

/// Whether changes of the source are sent without being asked for.
enum class PushMode : std::uint8_t {
  disabled,   ///< clocks travel in replies and snapshots only
  debounced,  ///< the first change at once, then at most one push per interval
};

struct ServerLinkOptions {
  Limits limits{};
  PushMode push_mode = PushMode::debounced;
  /// The least time between two pushes; 0 = a push at every `poll` that finds a change.
  std::chrono::nanoseconds push_interval = std::chrono::milliseconds{250};
  /// How long a link may wait for its hello.
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds{5};
};

// -- events --------------------------------------------------------------------------------------
// Views point into the received frame and the scratch of the effects: valid until the next
// `on_frame` with the same effects.

/// Answer with `accept` or `refuse`, now or later.
struct HelloReceived {
  std::string_view client_id{};
  std::string_view machine_id{};  ///< "" = the only or default machine
  std::uint64_t session = 0;
  std::uint64_t fingerprint = 0;  ///< of the schema that the client knows; 0 = none
  std::uint64_t features = 0;
  std::span<const Extension> extensions{};
  /// What the client remembers of an earlier link of this session, when it wants that to go on.
  std::optional<ResumeOffer> resume{};
};

/// Run it and answer with `on_result`, now or later, each exactly once.
struct MutationReceived {
  RequestId request = 0;
  Op op = Op::add;
  std::span<const StateIndex> called{};  ///< all below the number of states
  ByteView args{};                       ///< empty = none
};

/// Answer with `send_snapshot`, now or later. Not repeated while one is not answered.
struct SyncReceived {};

/// Answer with `send_chosen` or `refuse_choice`, now or later.
struct ChoiceReceived {
  std::uint64_t token = 0;
  ByteView choice{};  ///< for `read_choice`
};

/// Server: what a `ServerLink` wants done.
using ServerEvent =
    std::variant<HelloReceived, MutationReceived, SyncReceived, ChoiceReceived, LinkClosed>;

/// Where links leave what they want. One serves all links of a thread; act on `events` in order and
/// send `frames` in order after each call, then `clear`. Answering an event may append another one:
/// go by index, and copy the event before. Its memory is reused, so that idle links hold none.
struct ServerEffects {
  Outbox frames{};
  std::vector<ServerEvent> events{};
  DecodeScratch scratch{};  ///< for the links

  void clear() {
    frames.clear();
    events.clear();
  }
};

// -- the link ------------------------------------------------------------------------------------

/// The machine behind an accepted link.
struct Acceptance {
  std::string_view machine_id{};
  std::uint64_t epoch = 0;
  std::uint64_t fingerprint = 0;
  ByteView schema{};  ///< as `encode_schema` makes it; sent only to clients that do not know it
  LinkClocks clocks{};
  std::uint64_t features = 0;  ///< those of the hello that the link uses
  std::span<const Extension> extensions{};
  /// The requests of the link's session so far; null for a link without one.
  std::shared_ptr<RequestLog> log{};
  /// The name of that session, with `feature_resume`.
  std::uint64_t token = 0;
};

/// What moved in the source.
enum class SourceChange : std::uint8_t {
  ticks,
  queue_only,  ///< the queue tick alone: not urgent, waits for the trailing edge
};

/// A link's state, limits, sequence and debounce. No I/O, no clock, no thread: frames and `now` go
/// in, frames and events come out through `ServerEffects`. `now` must not go back.
/// Not thread-safe: the owner calls one method at a time.
class ServerLink {
 public:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;

  enum class State : std::uint8_t {
    waiting,  ///< for a hello
    greeted,  ///< the hello was passed on; waiting for `accept` or `refuse`
    open,
    closed,
  };

  /// A link that waits for its hello from `now` on. `id` is the one of the frames it will get.
  /// `window` is that of its connection; null: one of its own.
  ServerLink(LinkId id, const ServerLinkOptions& options, TimePoint now,
             std::shared_ptr<PushWindow> window = nullptr);

  // -- properties --------------------------------------------------------------------------------

  LinkId id() const noexcept { return id_; }
  State state() const noexcept { return state_; }
  const LinkStats& stats() const noexcept { return stats_; }
  /// Requests passed on and not answered yet.
  std::size_t running() const noexcept { return state_ == State::closed ? 0 : log_->running(); }
  /// Requests below this one have been answered and their answers have arrived.
  RequestId lowest_unanswered() const noexcept { return lowest_unanswered_; }
  /// Sequence of the last clocks that were sent; 0 is the welcome's.
  std::uint64_t sequence() const noexcept { return sequence_; }
  /// When the client was last heard of.
  TimePoint last_heard() const noexcept { return last_heard_; }
  /// The client's session number, from its hello.
  std::uint64_t session() const noexcept { return session_; }
  /// Of what the client has, at the feed of its clocks.
  std::uint64_t version() const noexcept { return version_; }
  /// What the client has after all that was sent; the base of the next diff.
  const Clocks& sent() const noexcept { return sent_; }
  const std::shared_ptr<PushWindow>& window() const noexcept { return window_; }
  /// Changes how pushes are sent, from the next `poll` on.
  void set_push(PushMode mode, std::chrono::nanoseconds interval) noexcept;

  // -- input from the peer -----------------------------------------------------------------------

  /// Takes one frame. Any bytes: what cannot be read, or breaks a rule, ends the link with a
  /// `LinkClosed` event and a bye; requests with an unknown state or above the limit are answered
  /// here (`not_sent` with `denied` or `queue_full`), unknown messages with an error frame, and the
  /// link goes on. So are requests that come again: in a session with what they came to the first
  /// time, else with an error frame. Ignored when closed. O(frame).
  void on_frame(ByteView frame, TimePoint now, ServerEffects& effects);

  // -- input from the source ---------------------------------------------------------------------

  /// Opens a greeted link: sends the welcome. Ignored in other states.
  void accept(const Acceptance& acceptance, TimePoint now, ServerEffects& effects);

  /// Ends a greeted link: tells the client why, in a code and in words. Ignored in other states.
  void refuse(RefuseCode code, std::string_view text, std::uint64_t retry_after_ms,
              ServerEffects& effects);

  /// Sends what request `request` came to, with the clocks since the last message: `now_clocks` are
  /// those of the source after the mutation, and after every change reported to this link. Counts
  /// as a push. `error` is for people, "" mostly. Ignored for requests that are not running.
  void on_result(RequestId request, Result result, std::string_view error, LinkClocks now_clocks,
                 Candidates candidates, TimePoint now, ServerEffects& effects);

  /// Notes that the source has changed; nothing is sent before `poll`. O(1).
  void on_source_changed(SourceChange change, TimePoint now) noexcept;

  /// Answers `SyncReceived`, or sends all clocks for another reason; the new base of diffs.
  void send_snapshot(LinkClocks clocks, TimePoint now, ServerEffects& effects);

  /// Answers `ChoiceReceived`: `clocks` are what the client wants to see from now on, `names` those
  /// of the states (`write_names`) for a client without the schema.
  void send_chosen(std::uint64_t token, ByteView names, LinkClocks clocks, TimePoint now,
                   ServerEffects& effects);
  /// Says why not, in words; nothing changes.
  void refuse_choice(std::uint64_t token, std::string_view text, ServerEffects& effects);

  // -- time --------------------------------------------------------------------------------------

  /// Sends the push that is due, if one is and its window has room, and ends a link whose hello did
  /// not come. `clocks` are
  /// those of the source, read after every change reported to this link. Call it after
  /// `on_source_changed` and when `next_deadline` has come. O(candidates) when something is due.
  void poll(TimePoint now, LinkClocks clocks, Candidates candidates, ServerEffects& effects);

  /// Sends what has changed without waiting for the end of the interval, also to a client whose
  /// pushes are turned off: something follows that is about it. Ignored while the window is full.
  void push_now(TimePoint now, LinkClocks clocks, Candidates candidates, ServerEffects& effects);

  /// Sends one transition of the source, which has led to `clocks` (of a feed) from those that the
  /// client has. Ignored while the window is full: it is part of the next push then.
  void send_transition(const TransitionStory& story, TimePoint now, LinkClocks clocks,
                       ServerEffects& effects);

  /// True when `poll` at `now` would do something: saves reading the clocks of the source.
  bool due(TimePoint now) const noexcept { return next_deadline() <= now; }

  /// When `poll` must be called next; `TimePoint::max()` = not before another input.
  TimePoint next_deadline() const noexcept;

  // -- end ---------------------------------------------------------------------------------------

  /// Says bye and closes, with a `LinkClosed` event of reason `local`. Results that come later are
  /// ignored. Ignored when closed.
  void close(ByeCode code, std::uint64_t retry_after_ms, ServerEffects& effects);

 private:
  enum class Dirt : std::uint8_t { none, queue_only, ticks };

  template <class Message>
  bool send(const Message& message, ServerEffects& effects) {
    return send_frame(message, id_, options_.limits, effects.frames, stats_);
  }
  void end(CloseReason reason, std::string text, ByeCode code, ServerEffects& effects);
  void finish(LinkClosed closed, ServerEffects& effects);
  void on_fault(const Decoded& decoded, ServerEffects& effects);
  void problem(RequestId request, ErrorCode code, std::string_view text, ServerEffects& effects);
  void deny(RequestId request, Reason reason, std::string_view text, ServerEffects& effects);
  void repeat(RequestId request, ServerEffects& effects);
  void answer_without_news(RequestId request, Result result, std::string_view text,
                           ServerEffects& effects);
  bool in_session() const noexcept { return (features_ & feature_resume) != 0; }
  void handle(const Hello& hello, ServerEffects& effects);
  void handle(const Mutate& mutate, ServerEffects& effects);
  void handle(const Sync& sync, ServerEffects& effects);
  void handle(const Choose& choose, ServerEffects& effects);
  void handle(const Bye& bye, ServerEffects& effects);
  void handle(const Ping& ping, ServerEffects& effects);
  void handle(const Pong& pong, ServerEffects& effects);
  template <class Message>
  void handle(const Message& message, ServerEffects& effects);
  bool check_size(ClocksView clocks, ServerEffects& effects);
  struct Step {
    const Diff* diff = nullptr;
    ByteView encoded{};
  };
  std::optional<Step> advance(LinkClocks clocks, Candidates candidates, ServerEffects& effects);
  void rebase(LinkClocks clocks);
  Snapshot snapshot(LinkClocks clocks, ServerEffects& effects);
  void sent_clocks(TimePoint now, ServerEffects& effects);
  void ask_how_far(TimePoint now, ServerEffects& effects);
  void too_large(const char* what, ServerEffects& effects);

  LinkId id_;
  ServerLinkOptions options_;
  State state_ = State::waiting;
  LinkStats stats_{};
  TimePoint last_heard_;

  // From the hello.
  std::uint64_t session_ = 0;
  std::uint64_t known_fingerprint_ = 0;

  // Requests.
  std::shared_ptr<RequestLog> log_;
  std::uint64_t features_ = 0;
  RequestId lowest_unanswered_ = 0;
  bool sync_asked_ = false;

  // Clocks: what the client has.
  std::uint64_t sequence_ = 0;
  Clocks sent_{};
  std::uint64_t digest_ = 0;
  std::uint64_t version_ = 0;  // of `sent_` at the feed; 0 = at none

  std::shared_ptr<PushWindow> window_;

  // Debounce.
  Dirt dirt_ = Dirt::none;
  TimePoint dirty_since_{};
  TimePoint last_send_;  // until the link is open: when the wait for the hello began
};

}  // namespace am::rpc::internal
