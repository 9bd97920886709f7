// Sending a message, the same way on both sides of a link.
#pragma once

#include <am/rpc/internal/limits.hpp>
#include <am/rpc/internal/link_stats.hpp>
#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/outbox.hpp>

namespace am::rpc::internal {

/// Adds `message` to `frames` and counts it. Returns false, adding nothing, when the frame would be
/// above the limit.
template <class Message>
bool send_frame(const Message& message, LinkId link, const Limits& limits, Outbox& frames,
                LinkStats& stats) {
  Bytes& frame = frames.add();
  Writer writer{frame, limits.frame};
  encode(writer, link, message);
  if (!writer.ok()) {
    frames.drop_last();
    return false;
  }
  ++stats.frames_out;
  stats.bytes_out += frame.size();
  return true;
}

}  // namespace am::rpc::internal
