#include <am/rpc/internal/link_end.hpp>

namespace am::rpc::internal {

const char* to_string(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::none: return "none";
    case CloseReason::local: return "local";
    case CloseReason::bye: return "bye";
    case CloseReason::refused: return "refused";
    case CloseReason::handshake_timeout: return "handshake_timeout";
    case CloseReason::resync_timeout: return "resync_timeout";
    case CloseReason::malformed: return "malformed";
    case CloseReason::oversized: return "oversized";
    case CloseReason::version: return "version";
    case CloseReason::protocol: return "protocol";
    case CloseReason::schema: return "schema";
  }
  return "?";
}

CloseReason close_reason(Fault fault) noexcept {
  if (fault == Fault::limit) return CloseReason::oversized;
  if (fault == Fault::version) return CloseReason::version;
  return CloseReason::malformed;
}

}  // namespace am::rpc::internal
