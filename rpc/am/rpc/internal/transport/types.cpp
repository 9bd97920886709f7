#include <am/rpc/internal/transport/types.hpp>

namespace am::rpc::internal {

const char* to_string(SendStatus status) noexcept {
  switch (status) {
    case SendStatus::sent: return "sent";
    case SendStatus::peer_gone: return "peer_gone";
    case SendStatus::would_block: return "would_block";
    case SendStatus::too_large: return "too_large";
  }
  return "?";
}

}  // namespace am::rpc::internal
