#include <am/error.hpp>

namespace am {

const char* to_string(Errc code) noexcept {
  switch (code) {
    case Errc::schema: return "schema";
    case Errc::unknown_state: return "unknown_state";
    case Errc::unknown_handler: return "unknown_handler";
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::would_deadlock: return "would_deadlock";
    case Errc::disposed: return "disposed";
  }
  return "?";
}

}  // namespace am
