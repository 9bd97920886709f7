// Frames of waits on arguments, and of errors: one form each.
#include "same_bytes.hpp"

#include <am/rpc/internal/wait_messages.hpp>

namespace {

namespace rpc = am::rpc::internal;
using fuzz::require;

void check_frame(rpc::ByteView frame) {
  const auto decoded = rpc::decode_wait(frame, {});
  if (!decoded.ok()) {
    require(std::holds_alternative<std::monostate>(decoded.message) && *decoded.field != '\0');
    return;
  }
  const auto type = static_cast<std::uint8_t>(frame[0]);
  require(rpc::is_wait(type, rpc::Sender::client) != rpc::is_wait(type, rpc::Sender::server));
  fuzz::require_same_bytes(decoded, frame);
}

void check_error(rpc::ByteView bytes) {
  rpc::SourceError error;
  if (!rpc::decode_error(bytes, {}, error)) return;
  const auto again = rpc::encode_error(error, {});
  // Cut at the borders of characters, as only text is written.
  require(again.size() <= bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  check_frame(bytes);
  check_error(bytes);
  return 0;
}
