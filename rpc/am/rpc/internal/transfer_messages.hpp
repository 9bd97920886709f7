// The frames that carry payloads, and arguments too large for one frame. docs/wire.md describes
// them.
#pragma once

#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/limits.hpp>
#include <am/rpc/internal/messages.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

namespace am::rpc::internal {

/// Bit of `Hello::features` and `Welcome::features`: both sides know these frames.
inline constexpr std::uint64_t feature_transfers = 0x10;

/// Names one transfer of a session in one direction; chosen by the one who sends, from 1, strictly
/// increasing.
using TransferId = std::uint64_t;

/// Most bytes of a payload in one frame.
inline constexpr std::size_t chunk_bytes = std::size_t{64} << 10U;
/// What the frame of a chunk takes besides them, at most.
inline constexpr std::size_t chunk_overhead = 64;
/// Most transfers that are open in one direction of a session, and outcomes that a receiver keeps.
inline constexpr std::size_t max_transfers = 64;
/// The longest name of a payload or encoding, in bytes.
inline constexpr std::size_t max_payload_name = 255;

/// Byte 0 of these frames, from either side.
enum class TransferType : std::uint8_t {
  offer = 0x20,
  chunk = 0x21,
  credit = 0x22,
  ack = 0x23,
  cancel = 0x24,
};

/// True for the types above.
constexpr bool is_transfer(std::uint8_t type) noexcept { return type >= 0x20 && type <= 0x24; }

/// What is transferred. A byte: refused when it is not known.
enum class TransferKind : std::uint8_t {
  payload = 0,
  arguments = 1,  ///< of a mutation that follows
};

/// How far a transfer has to come before its sender is content.
enum class AckLevel : std::uint8_t { received = 0, accepted = 1 };

/// What a receiver says of a transfer.
enum class AckOutcome : std::uint8_t {
  received = 0,  ///< all bytes are there and have the right digest
  accepted = 1,  ///< its consumer has executed it
  refused = 2,
};

/// Why a transfer is refused or canceled. A byte: numbers from newer peers are kept.
enum class TransferCode : std::uint8_t {
  none = 0,
  not_now = 1,  ///< the one code after which the same transfer may be offered again
  too_large = 2,
  no_consumer = 3,
  rejected = 4,  ///< by the consumer
  digest = 5,    ///< what arrived is not what was sent
  protocol = 6,
  storage = 7,  ///< could not be read or written
  timeout = 8,
  canceled = 9,  ///< by the program
  unknown = 10,  ///< a kind, or content, that is not known here
};

const char* to_string(TransferCode code) noexcept;

/// Sender: announces a transfer, again after a reconnect or a `not_now`. Answered by a credit or an
/// ack.
struct Offer {
  TransferId transfer = 0;
  TransferKind kind = TransferKind::payload;
  AckLevel ack = AckLevel::accepted;
  std::uint64_t size = 0;  ///< of all chunks together
  std::string_view name{};
  std::string_view encoding{};  ///< of the content; "" = just bytes
};

/// Sender: a piece of the content. The one that reaches the size carries the digest of all.
struct Chunk {
  TransferId transfer = 0;
  std::uint64_t offset = 0;
  bool last = false;
  ByteView bytes{};
  std::uint64_t digest = 0;  ///< with `last` only
};

/// Receiver: what has arrived, and up to where may be sent.
struct Credit {
  TransferId transfer = 0;
  std::uint64_t received = 0;
  std::uint64_t room = 0;  ///< bytes after `received`
};

/// Receiver: how far the transfer has come, or that it is refused.
struct Ack {
  TransferId transfer = 0;
  AckOutcome outcome = AckOutcome::received;
  TransferCode code = TransferCode::none;
  std::uint64_t received = 0;
  std::uint64_t retry_after_ms = 0;  ///< with `not_now`
  std::string_view text{};
};

/// Sender: the transfer is off; the receiver forgets it.
struct Cancel {
  TransferId transfer = 0;
  TransferCode code = TransferCode::canceled;
  std::string_view text{};
};

using TransferMessage = std::variant<std::monostate, Offer, Chunk, Credit, Ack, Cancel>;

void encode(Writer& writer, LinkId link, const Offer& message);
void encode(Writer& writer, LinkId link, const Chunk& message);
void encode(Writer& writer, LinkId link, const Credit& message);
void encode(Writer& writer, LinkId link, const Ack& message);
void encode(Writer& writer, LinkId link, const Cancel& message);

/// A message, or what is wrong with the frame.
struct DecodedTransfer {
  LinkId link = 0;
  TransferMessage message{};  ///< monostate on a fault; views point into the frame
  Fault fault = Fault::none;
  const char* field = "";

  bool ok() const noexcept { return fault == Fault::none; }
};

/// Reads a frame whose type `is_transfer`. Total, allocates nothing; a frame has one valid form.
DecodedTransfer decode_transfer(ByteView frame, const Limits& limits) noexcept;

}  // namespace am::rpc::internal
