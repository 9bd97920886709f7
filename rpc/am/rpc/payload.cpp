#include <am/rpc/payload.hpp>

namespace am::rpc {

const char* to_string(Delivery::Kind kind) noexcept {
  switch (kind) {
    case Delivery::Kind::delivered: return "delivered";
    case Delivery::Kind::refused: return "refused";
    case Delivery::Kind::timeout: return "timeout";
    case Delivery::Kind::link_lost: return "link_lost";
    case Delivery::Kind::not_sent: return "not_sent";
    case Delivery::Kind::failed: return "failed";
  }
  return "?";
}

}  // namespace am::rpc
