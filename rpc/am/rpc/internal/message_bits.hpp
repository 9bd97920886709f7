// The bytes of messages that hold several things: for what writes and what reads them.
#pragma once

#include <am/result.hpp>
#include <am/rpc/internal/messages.hpp>
#include <am/transition.hpp>

#include <cstdint>

namespace am::rpc::internal {

// Flags of a mutate, after the op in the low bits.
inline constexpr std::uint64_t op_bits = 0x07;
inline constexpr std::uint64_t mutate_has_args = 0x08;
inline constexpr std::uint64_t mutate_has_older = 0x10;
inline constexpr std::uint64_t mutate_flags = op_bits | mutate_has_args | mutate_has_older;

// The outcome byte of a reply: kind, reason, and whether a text follows.
inline constexpr unsigned kind_bits = 0x07;
inline constexpr unsigned reason_shift = 3;
inline constexpr unsigned reason_bits = 0x0F;
inline constexpr unsigned reply_has_text = 0x80;

// Flags of a logged transition, after its type in the low bits.
inline constexpr unsigned type_bits = 0x03;
inline constexpr unsigned logged_automatic = 0x04;
inline constexpr unsigned logged_canceled = 0x08;
inline constexpr unsigned logged_flags = type_bits | logged_automatic | logged_canceled;
inline constexpr unsigned last_type = static_cast<unsigned>(MutationType::set);
static_assert(static_cast<int>(MutationType::add) == 0 &&
              static_cast<int>(MutationType::remove) == 1 && last_type == 2);

// Kinds and reasons are sent by number, so their order is part of the protocol.
static_assert(static_cast<int>(Result::Kind::executed) == 0);
static_assert(static_cast<int>(Result::Kind::canceled) == 1);
static_assert(static_cast<int>(Result::Kind::queued) == 2);
static_assert(static_cast<int>(Result::Kind::not_sent) == 3);
static_assert(static_cast<int>(Result::Kind::unknown) == 4);
static_assert(static_cast<int>(Reason::none) == 0 && static_cast<int>(Reason::relation) == 1);
static_assert(static_cast<int>(Reason::requirement) == 2 && static_cast<int>(Reason::handler) == 3);
static_assert(static_cast<int>(Reason::error) == 4 && static_cast<int>(Reason::timeout) == 5);
static_assert(static_cast<int>(Reason::queue_full) == 6 && static_cast<int>(Reason::disposed) == 7);
static_assert(static_cast<int>(Reason::link) == 8 && static_cast<int>(Reason::denied) == 9);
static_assert(static_cast<int>(Reason::expired) == 10 && static_cast<int>(Reason::backoff) == 11);
inline constexpr unsigned last_kind = static_cast<unsigned>(Result::Kind::unknown);
inline constexpr unsigned last_reason = static_cast<unsigned>(Reason::backoff);

/// Reads the head of a frame, lets `read(reader, decoded, type)` read the message, and makes sure
/// that nothing follows. After a fault `decoded` has no message.
template <class Frame, class Read>
Frame decode_frame(ByteView frame, const Limits& limits, Read read) {
  Frame decoded;
  Reader reader{frame};
  if (frame.size() > limits.frame) reader.fail(Fault::limit, "frame");
  const std::uint8_t type = reader.u8("type");
  decoded.link = reader.varint("link");
  read(reader, decoded, type);
  if (!reader.finish()) {
    decoded.message = std::monostate{};
    decoded.fault = reader.fault();
    decoded.field = reader.field();
  }
  return decoded;
}

}  // namespace am::rpc::internal
