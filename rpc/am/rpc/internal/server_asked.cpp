// What a server's links are told besides clocks and answers: the ends of waits on arguments, and
// errors. On the I/O thread.
#include <am/rpc/internal/server_core.hpp>

#include <variant>

namespace am::rpc::internal {

namespace {

TransportTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

void ServerCore::on_wait(Link& link, ByteView frame) {
  const auto decoded = decode_wait(frame, link_options_.limits);
  if (!decoded.ok()) return dismiss(link, ByeCode::malformed);
  if (const auto* forgotten = std::get_if<WaitForgotten>(&decoded.message)) {
    return waits_.forget(link.session, forgotten->wait);
  }
  const auto& asked = std::get<WaitAsked>(decoded.message);
  const auto outcome =
      waits_.ask(link.session, link.exposed->source->machine(), asked, source_moved(link, asked));
  if (outcome == WaitOutcome::fired) {  // while its client was away
    tell_error(link);
    link.link.push_now(now(), clocks_of(link), std::nullopt, effects_);
  }
  Writer writer(effects_.frames.add());
  encode(writer, link.link.id(), WaitAnswered{asked.wait, outcome});
  after(link);
}

/// Whether the state may have been activated since the client knew it at the tick that it gives.
bool ServerCore::source_moved(Link& link, const WaitAsked& asked) {
  if (!asked.again) return false;
  const auto& filter = link.feed->filter();
  if (filter.depth() == Depth::shallow || !filter.tracks(asked.state)) return true;
  return link.exposed->source->clocks().ticks[asked.state] != asked.tick;
}

/// Tells clients which waits have ended, after the clocks that show it.
void ServerCore::tell_waits(TransportTime time) {
  waits_.take(waited_);
  if (!waited_.empty()) drain_logs();
  for (const auto& ended : waited_) {
    const auto* session = sessions_.find(ended.session);
    if (session == nullptr || !session->link) continue;  // told when it is asked again
    auto* link = find({PeerId{session->link->peer}, session->link->link});
    if (link == nullptr || link->exposed == nullptr) continue;
    tell_error(*link);
    link->link.push_now(time, clocks_of(*link), std::nullopt, effects_);
    if (link->link.state() == ServerLink::State::open) {
      Writer writer(effects_.frames.add());
      encode(writer, link->link.id(), WaitAnswered{ended.wait, ended.outcome});
    }
    after(*link);
  }
}

/// Whether the source's last error is one that the client has to be told of: notes that it is.
bool ServerCore::error_is_news(Link& link) {
  const auto errors = link.exposed->source->errors();
  if (errors == link.errors_told || (link.features & feature_errors) == 0 ||
      !link.feed->filter().tracks(link.exposed->source->exception())) {
    return false;
  }
  link.errors_told = errors;
  return true;
}

/// Before the clocks that show the error.
void ServerCore::tell_error(Link& link) {
  if (!error_is_news(link)) return;
  const auto last = link.exposed->source->machine().last_error();
  const auto& limits = link_options_.limits;
  Writer writer(effects_.frames.add());
  encode(writer, link.link.id(),
         SourceError{clipped(last->message, limits.text), clipped(last->where, limits.id)});
}

}  // namespace am::rpc::internal
