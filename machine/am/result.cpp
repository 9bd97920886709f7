#include <am/result.hpp>

namespace am {

const char* to_string(Result::Kind kind) noexcept {
  switch (kind) {
    case Result::Kind::executed: return "executed";
    case Result::Kind::canceled: return "canceled";
    case Result::Kind::queued: return "queued";
    case Result::Kind::not_sent: return "not_sent";
    case Result::Kind::unknown: return "unknown";
  }
  return "?";
}

const char* to_string(Reason reason) noexcept {
  switch (reason) {
    case Reason::none: return "none";
    case Reason::relation: return "relation";
    case Reason::requirement: return "requirement";
    case Reason::handler: return "handler";
    case Reason::error: return "error";
    case Reason::timeout: return "timeout";
    case Reason::queue_full: return "queue_full";
    case Reason::disposed: return "disposed";
    case Reason::link: return "link";
    case Reason::denied: return "denied";
    case Reason::expired: return "expired";
    case Reason::backoff: return "backoff";
  }
  return "?";
}

}  // namespace am
