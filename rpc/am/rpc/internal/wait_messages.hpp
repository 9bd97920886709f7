// The frames of waits on arguments, which the source evaluates, and of its errors. docs/wire.md
// describes them.
#pragma once

#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/limits.hpp>
#include <am/rpc/internal/messages.hpp>
#include <am/tick.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

namespace am::rpc::internal {

/// Bits of `Hello::features` and `Welcome::features`: both sides know these frames.
inline constexpr std::uint64_t feature_waits = 0x04;
inline constexpr std::uint64_t feature_errors = 0x08;

/// Names one wait of a session; chosen by the client, and not used again.
using WaitId = std::uint64_t;

/// Most waits on arguments of one session at a time.
inline constexpr std::size_t max_waits = 256;
/// The longest arguments of one, in bytes.
inline constexpr std::size_t max_wait_args = std::size_t{4} << 10U;

/// Byte 0 of these frames.
enum class WaitType : std::uint8_t {
  ask = 0x30,     // client
  forget = 0x31,  // client
  waited = 0x32,  // server
  error = 0x33,   // server
};

/// True for the types above that `sender` sends.
constexpr bool is_wait(std::uint8_t type, Sender sender) noexcept {
  return sender == Sender::client ? type == 0x30 || type == 0x31 : type == 0x32 || type == 0x33;
}

/// What a server says of a wait.
enum class WaitOutcome : std::uint8_t {
  waiting = 0,  ///< the source has it
  fired = 1,
  missed = 2,   ///< a match may have been missed
  refused = 3,  ///< too many, or it cannot be asked of this source
};

/// Client: wants to be told when `state` is activated with arguments like these. Again after a lost
/// link, with the tick that the state had when the source was last known to have the wait.
struct WaitAsked {
  WaitId wait = 0;
  bool again = false;
  StateIndex state = 0;    ///< at the source
  std::uint64_t tick = 0;  ///< with `again` only
  ByteView args{};         ///< as of a mutate: named values only; empty = any
};

/// Client: does not need the wait, or its outcome, any more.
struct WaitForgotten {
  WaitId wait = 0;
};

/// Server: answers each ask, and tells what came of it. Comes after the clocks that show it.
struct WaitAnswered {
  WaitId wait = 0;
  WaitOutcome outcome = WaitOutcome::waiting;
};

/// Server: the last error of the source is another one. Comes before the clocks that show it.
struct SourceError {
  std::string_view message{};
  std::string_view where{};
};

using WaitMessage =
    std::variant<std::monostate, WaitAsked, WaitForgotten, WaitAnswered, SourceError>;

void encode(Writer& writer, LinkId link, const WaitAsked& message);
void encode(Writer& writer, LinkId link, const WaitForgotten& message);
void encode(Writer& writer, LinkId link, const WaitAnswered& message);
void encode(Writer& writer, LinkId link, const SourceError& message);

/// An error as the extension `error` of a welcome; cut to the limits.
Bytes encode_error(const SourceError& error, const Limits& limits);
/// Reads it; false when that cannot be done.
bool decode_error(ByteView bytes, const Limits& limits, SourceError& error) noexcept;

/// A message, or what is wrong with the frame.
struct DecodedWait {
  LinkId link = 0;
  WaitMessage message{};  ///< monostate on a fault; views point into the frame
  Fault fault = Fault::none;
  const char* field = "";

  bool ok() const noexcept { return fault == Fault::none; }
};

/// Reads a frame whose type `is_wait`. Total, allocates nothing; a frame has one valid form.
DecodedWait decode_wait(ByteView frame, const Limits& limits) noexcept;

}  // namespace am::rpc::internal
