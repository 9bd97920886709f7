// The frames of the protocol: what each carries, and its bytes. docs/wire.md describes them.
#pragma once

#include <am/result.hpp>
#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/clock_codec.hpp>
#include <am/rpc/internal/limits.hpp>
#include <am/tick.hpp>
#include <am/transition.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace am::rpc::internal {

/// Names one link of a connection; chosen by the client.
using LinkId = std::uint64_t;
/// Names one request of a link; chosen by the client, strictly increasing, never 0.
using RequestId = std::uint64_t;

/// The protocol versions spoken here.
inline constexpr std::uint64_t min_version = 1;
inline constexpr std::uint64_t max_version = 1;

/// The first bytes of a hello's body: tells a stray peer from one of ours.
inline constexpr std::array<std::byte, 4> hello_magic{std::byte{'a'}, std::byte{'m'},
                                                      std::byte{'r'}, std::byte{'p'}};

/// Byte 0 of a frame. Numbers are never used again.
enum class MessageType : std::uint8_t {
  hello = 0x01,
  mutate = 0x02,
  sync = 0x03,
  choose = 0x04,
  bye = 0x08,   // both ways
  ping = 0x09,  // both ways
  pong = 0x0A,  // both ways
  welcome = 0x11,
  refused = 0x12,
  reply = 0x13,
  push = 0x14,
  snapshot = 0x15,
  error = 0x16,
  chosen = 0x17,
  logged = 0x18,
};

/// Which side sent a frame. A type that this side does not send is an unknown one.
enum class Sender : std::uint8_t { client, server };

/// What a request does. The `can` ones are dry runs.
enum class Op : std::uint8_t {
  add = 0,
  remove = 1,
  set = 2,
  toggle = 3,
  can_add = 4,
  can_remove = 5
};

/// Why a server does not open a link. A byte: numbers from newer peers are kept.
enum class RefuseCode : std::uint8_t {
  version = 1,          ///< no protocol version in common
  unknown_machine = 2,  ///< no machine with the wanted id
  denied = 3,           ///< no access
  busy = 4,             ///< too many links, or one already where one is allowed
  shutting_down = 5,
  too_large = 6,  ///< schema and clocks do not fit into a frame
  choice = 7,     ///< a choice of states that the machine does not have
};

/// Why a side ends a link. A byte: numbers from newer peers are kept.
enum class ByeCode : std::uint8_t {
  closing = 0,         ///< wanted by the program
  restarting = 1,      ///< connect again later
  malformed = 2,       ///< the peer sent a frame that cannot be read
  protocol = 3,        ///< the peer broke a rule of the protocol
  timeout = 4,         ///< the peer was silent for too long
  schema_changed = 5,  ///< connect again to learn the new schema
  unknown_link = 6,    ///< no such link here: this side may have restarted
  overloaded = 7,      ///< a limit was reached
  machine_gone = 8,    ///< the machine was disposed of
};

/// Why a frame was not served. A byte: numbers from newer peers are kept. Requests of an open link
/// that are refused get a reply instead, whose place in the sequence shows when it is lost.
enum class ErrorCode : std::uint8_t {
  unknown_message = 1,  ///< a message type that is not known here; the link goes on
  not_open = 2,         ///< a request before the handshake
  duplicate = 3,        ///< a request id that is not above all before it; it was not executed again
};

const char* to_string(Op op) noexcept;
const char* to_string(RefuseCode code) noexcept;
const char* to_string(ByeCode code) noexcept;
const char* to_string(ErrorCode code) noexcept;

/// An optional part of a hello or welcome. Receivers ignore ids that they do not know.
struct Extension {
  std::uint64_t id = 0;
  ByteView bytes{};
};

/// Extension ids in use. Others are free for later versions of either side.
enum class ExtensionId : std::uint64_t {
  resume = 1,     ///< hello: what the client still has of an earlier link of this session
  arg_names = 2,  ///< both: names of argument types; their positions are used afterwards
  choice = 3,     ///< hello: what the client wants to see (sync_choice.hpp)
  names = 5,      ///< welcome: the states that are seen, for a client without schema
  error = 6,      ///< welcome: the last error of the source (wait_messages.hpp)
};

// -- messages ------------------------------------------------------------------------------------
// Plain views: texts, blobs and lists point into the received frame or into the scratch of
// `decode`.

/// Client: opens a link.
struct Hello {
  std::uint64_t version_low = min_version;
  std::uint64_t version_high = max_version;
  std::uint64_t features = 0;     ///< bits that the client can do; unknown ones are ignored
  std::uint64_t session = 0;      ///< random; the same when a client comes back after a lost link
  std::uint64_t fingerprint = 0;  ///< of the schema that the client knows; 0 = none
  std::string_view client_id{};
  std::string_view machine_id{};  ///< the machine that is wanted; "" = the only or default one
  std::span<const Extension> extensions{};
};

/// Client: a request.
struct Mutate {
  RequestId request = 0;
  Op op = Op::add;
  /// The lowest request that has no answer yet, at most `request`: results below it can be
  /// forgotten.
  RequestId lowest_unanswered = 0;
  std::span<const StateIndex> called{};  ///< in the order of the call
  ByteView args{};                       ///< opaque here; empty = none
};

/// Client: asks for a snapshot.
struct Sync {};

/// Client: wants to see something else from now on.
struct Choose {
  std::uint64_t token = 0;
  ByteView choice{};
};

/// Either side: the link has ended.
struct Bye {
  ByeCode code = ByeCode::closing;
  std::uint64_t retry_after_ms = 0;  ///< 0 = no wish
};

/// Either side: answered by a pong with the same token.
struct Ping {
  std::uint64_t token = 0;
};

/// Either side. From a server, `sequence` is that of the last clocks it sent, so that a client
/// finds out that the last one was lost even when nothing follows; from a client it is 0.
struct Pong {
  std::uint64_t token = 0;
  std::uint64_t sequence = 0;
};

/// Server: the link is open. Carries the first snapshot.
struct Welcome {
  std::uint64_t version = max_version;
  std::uint64_t features = 0;     ///< those of the hello that this link uses
  std::uint64_t epoch = 0;        ///< random for each life of the source: clocks compare within one
  std::uint64_t fingerprint = 0;  ///< of the source's schema
  std::string_view machine_id{};
  ByteView schema{};           ///< encoded (schema_codec.hpp); empty = the fingerprint was known
  std::uint64_t sequence = 0;  ///< of this snapshot; what follows counts on from here
  ClocksView clocks{};
  std::uint64_t digest = 0;
  std::span<const Extension> extensions{};
};

/// Server: the link does not open.
struct Refused {
  RefuseCode code = RefuseCode::denied;
  std::uint64_t retry_after_ms = 0;  ///< 0 = no wish
  std::string_view text{};
};

/// Server: what a request came to (refused ones too), and the clocks since the last message with
/// clocks.
struct Reply {
  RequestId request = 0;
  std::uint64_t sequence = 0;
  Result result{};
  std::string_view text{};  ///< of an error; mostly empty
  const Diff* diff = nullptr;
  std::uint32_t digest = 0;  ///< `short_digest` of the clocks after `diff`
  ByteView encoded{};        ///< when sending: `diff` as bytes, if it was encoded before
};

/// Server: changes of clocks that no request asked for.
struct Push {
  std::uint64_t sequence = 0;
  const Diff* diff = nullptr;
  std::uint32_t digest = 0;
  ByteView encoded{};  ///< as in `Reply`
};

/// What a transition was, besides what it changed.
struct TransitionStory {
  MutationType type = MutationType::add;
  bool automatic = false;
  bool accepted = true;
  std::span<const StateIndex> called{};  ///< those that the client follows, in call order
};

/// Server: a push of just one transition.
struct Logged {
  std::uint64_t sequence = 0;
  TransitionStory story{};
  const Diff* diff = nullptr;
  std::uint32_t digest = 0;
  ByteView encoded{};  ///< as in `Reply`
};

/// Server: all clocks; the new base of what follows.
struct Snapshot {
  std::uint64_t sequence = 0;
  /// The last request that arrived; 0 = none.
  RequestId last_request = 0;
  /// Those up to it that have no answer yet, strictly increasing. A client that waits for the
  /// answer of another one up to `last_request` has lost it. (Answers need not come in the order of
  /// ids.)
  std::span<const RequestId> running{};
  ClocksView clocks{};
  std::uint64_t digest = 0;
};

/// Server: a request (or, for 0, a frame) that was not served. Outside of the clock sequence.
struct Problem {
  RequestId request = 0;
  ErrorCode code = ErrorCode::unknown_message;
  std::string_view text{};
};

/// Server: answers a `Choose`.
struct Chosen {
  std::uint64_t token = 0;
  /// Why not; empty = chosen, and the rest follows.
  std::string_view refusal{};
  ByteView names{};     ///< as extension `names` of a welcome; empty for clients with the schema
  Snapshot snapshot{};  ///< under the new choice
};

using Message = std::variant<std::monostate, Hello, Mutate, Sync, Bye, Ping, Pong, Welcome, Refused,
                             Reply, Push, Snapshot, Problem, Choose, Chosen, Logged>;

// -- encoding ------------------------------------------------------------------------------------
// Appends one frame. `Mutate`, `Reply` and the others must be within the limits of the receiver.

void encode(Writer& writer, LinkId link, const Hello& message);
void encode(Writer& writer, LinkId link, const Mutate& message);
void encode(Writer& writer, LinkId link, const Sync& message);
void encode(Writer& writer, LinkId link, const Bye& message);
void encode(Writer& writer, LinkId link, const Ping& message);
/// A pong's sequence is always sent.
void encode(Writer& writer, LinkId link, const Pong& message);
void encode(Writer& writer, LinkId link, const Welcome& message);
void encode(Writer& writer, LinkId link, const Refused& message);
void encode(Writer& writer, LinkId link, const Reply& message);
void encode(Writer& writer, LinkId link, const Push& message);
void encode(Writer& writer, LinkId link, const Snapshot& message);
void encode(Writer& writer, LinkId link, const Problem& message);
void encode(Writer& writer, LinkId link, const Choose& message);
void encode(Writer& writer, LinkId link, const Chosen& message);
void encode(Writer& writer, LinkId link, const Logged& message);

/// `text`, cut to at most `max` bytes at the border of a UTF-8 character.
std::string_view clipped(std::string_view text, std::size_t max) noexcept;

// -- decoding ------------------------------------------------------------------------------------

/// Memory that decoded messages point into, reused from frame to frame. One may serve all links of
/// a thread.
struct DecodeScratch {
  std::vector<StateIndex> called{};
  std::vector<RequestId> running{};
  std::vector<Extension> extensions{};
  Diff diff{};
  Clocks clocks{};
};

/// A frame's first two fields.
struct FrameHead {
  std::uint8_t type = 0;
  LinkId link = 0;
};

/// Reads type and link only, to find the link that a frame belongs to. Nothing when there are none.
std::optional<FrameHead> peek(ByteView frame) noexcept;

/// A message, or what is wrong with the frame.
struct Decoded {
  LinkId link = 0;
  std::uint8_t type = 0;
  Message message{};  ///< monostate on a fault
  Fault fault = Fault::none;
  const char* field = "";  ///< where the fault is: a literal

  bool ok() const noexcept { return fault == Fault::none; }
};

/// Reads a frame from `sender`. Total: every byte string gives a message or a fault, never more
/// memory than a small multiple of the frame. A frame has one valid form: what is accepted encodes
/// to the same bytes again. Valid until `frame` or `scratch` change.
Decoded decode(ByteView frame, Sender sender, const Limits& limits, DecodeScratch& scratch);

}  // namespace am::rpc::internal
