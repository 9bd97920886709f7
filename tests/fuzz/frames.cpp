// Frames as they come from a peer: what is read is written again as the same bytes.
#include "same_bytes.hpp"

#include <am/rpc/internal/messages.hpp>

namespace {

namespace rpc = am::rpc::internal;
using fuzz::require;

/// What receivers rely on without looking.
void check_values(const rpc::Mutate& m) {
  require(m.lowest_unanswered >= 1 && m.lowest_unanswered <= m.request);
}
void check_values(const rpc::Snapshot& s) {
  rpc::RequestId before = 0;
  for (const auto request : s.running) {
    require(before < request && request <= s.last_request);
    before = request;
  }
}
void check_values(const rpc::Hello& h) {
  require(1 <= h.version_low && h.version_low <= h.version_high);
}
void check_values(const rpc::Diff& diff) {
  std::size_t next = 0;
  for (const auto& change : diff.changes) {
    require(change.index >= next && change.increment != 0);
    next = std::size_t{change.index} + 1;
  }
}
void check_values(const rpc::Reply& r) { check_values(*r.diff); }
void check_values(const rpc::Push& p) { check_values(*p.diff); }
void check_values(const rpc::Logged& l) { check_values(*l.diff); }
template <class Message>
void check_values(const Message&) {}

/// Memory that a frame may make a receiver take, against its own size. A byte is a state index, a
/// request, a tick, a change or half an extension; vectors double.
bool in_proportion(const rpc::DecodeScratch& scratch, std::size_t size) {
  const std::size_t most = 2 * size + 64;
  return scratch.called.capacity() <= most && scratch.running.capacity() <= most &&
         scratch.extensions.capacity() <= most && scratch.diff.changes.capacity() <= most &&
         scratch.clocks.ticks.capacity() <= most;
}

void check(rpc::ByteView frame, rpc::Sender sender, const rpc::Limits& limits) {
  rpc::DecodeScratch scratch;
  const rpc::Decoded decoded = rpc::decode(frame, sender, limits, scratch);
  require(in_proportion(scratch, frame.size()));
  const auto head = rpc::peek(frame);
  if (!decoded.ok()) {
    require(std::holds_alternative<std::monostate>(decoded.message));
    require(*decoded.field != '\0');
    return;
  }
  require(frame.size() <= limits.frame);
  require(head && head->type == decoded.type && head->link == decoded.link);
  std::visit([](const auto& message) { check_values(message); }, decoded.message);
  fuzz::require_same_bytes(decoded, frame);
}

/// Limits that a few bytes reach.
rpc::Limits small() {
  rpc::Limits limits;
  limits.frame = 200;
  limits.states = 6;
  limits.called = 4;
  limits.id = 5;
  limits.args = 12;
  limits.text = 10;
  limits.extensions = 2;
  limits.extension = 8;
  return limits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frame = std::as_bytes(std::span{data, size});
  for (const auto sender : {rpc::Sender::client, rpc::Sender::server}) {
    check(frame, sender, {});
    check(frame, sender, small());
  }
  return 0;
}
