// Compressed frames: what is large and repeats itself travels as a frame of type `packed`.
#pragma once

#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/messages.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace am::rpc::internal {

/// Bit of `Hello::features` and `Welcome::features`: frames may come packed. A server may pack the
/// welcome itself.
inline constexpr std::uint64_t feature_packing = 0x20;
/// Byte 0 of a packed frame.
inline constexpr std::uint8_t packed_type = 0x25;
/// Frames below this are never packed, in bytes.
inline constexpr std::size_t packing_threshold = 1024;

/// True for frames of the types that may be packed: welcome, snapshot, chunk. Never a diff, which
/// is small, and has to be fast.
bool may_be_packed(std::uint8_t type) noexcept;

/// Appends `frame` in its packed form to `out`. False, appending nothing, when its type or size do
/// not allow that or when it would not become at least an eighth smaller. Any thread; keeps a
/// compressor for each thread.
bool pack(ByteView frame, Bytes& out);

/// Appends the frame inside of `packed` to `out`, or returns what is wrong: `limit` when it says
/// that it is longer than `limit`, for which nothing is allocated. Never writes more than it says.
/// Any thread.
Fault unpack(ByteView packed, std::size_t limit, Bytes& out);

}  // namespace am::rpc::internal
