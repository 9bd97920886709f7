// Links that want each transition of their source: on the I/O thread.
#include <am/rpc/internal/server_core.hpp>

#include <algorithm>
#include <iterator>

namespace am::rpc::internal {

namespace {

TransportTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

/// Has the source keep a log as long as somebody wants it.
void ServerCore::count_log_links(Exposed& exposed, int change) {
  const bool before = exposed.log_links != 0;
  log_links_ = change > 0 ? log_links_ + 1 : log_links_ - 1;
  exposed.log_links = change > 0 ? exposed.log_links + 1 : exposed.log_links - 1;
  const bool wanted = exposed.log_links != 0;
  if (before == wanted) return;
  exposed.source->keep_log(wanted);
  if (wanted) read_log_clocks(exposed);
}

/// The log goes on from the clocks as they are now. Transitions that it brings may be in them.
void ServerCore::read_log_clocks(Exposed& exposed) {
  exposed.source->clocks().copy_to(exposed.log_clocks);
}

std::vector<ServerCore::Link*> ServerCore::log_links(const Exposed& exposed) {
  std::vector<Link*> links;
  std::ranges::copy_if(exposed.links, std::back_inserter(links),
                       [](const Link* link) { return link->logs; });
  return links;
}

void ServerCore::drain_logs() {
  if (log_links_ == 0) return;
  const std::lock_guard lock(sources_mutex_);
  for (const auto& exposed : exposed_) drain_log(*exposed, now());
}

void ServerCore::drain_log(Exposed& exposed, TransportTime time) {
  if (exposed.log_links == 0) return;
  if (exposed.source->gone() || exposed.source->outgrown()) return;  // its links end
  const bool whole = exposed.source->log().take(taken_);
  for (const auto& transition : taken_) tell_transition(exposed, transition, time);
  if (whole) return;
  read_log_clocks(exposed);
  for (auto* link : log_links(exposed)) {
    link->link.on_source_changed(SourceChange::ticks, time);
    schedule(*link);
  }
}

void ServerCore::tell_transition(Exposed& exposed, const LoggedTransition& transition,
                                 TransportTime time) {
  // Who was too slow for the transitions before this one gets them merged first.
  std::vector<std::pair<Link*, std::uint64_t>> links;
  for (auto* link : log_links(exposed)) {
    const auto clocks = view_of(*link);
    const auto version = clocks.feed->version();
    if (link->link.version() != version && !link->link.window()->full()) {
      tell_error(*link);
      link->link.push_now(time, clocks, std::nullopt, effects_);
      after(*link);
    }
  }
  for (auto* link : log_links(exposed)) links.emplace_back(link, view_of(*link).feed->version());
  if (!apply(transition, exposed.log_clocks)) return;
  for (const auto& [link, version] : links) {
    const auto clocks = view_of(*link);
    const auto& filter = link->feed->filter();
    called_.clear();
    std::ranges::copy_if(transition.called, std::back_inserter(called_),
                         [&](StateIndex state) { return filter.tracks(state); });
    const bool seen =
        !called_.empty() || std::ranges::any_of(transition.changes, [&](const auto& change) {
          return filter.tracks(change.index);
        });
    link->link.on_source_changed(SourceChange::queue_only, time);
    if (seen && link->link.version() == version) {
      tell_error(*link);
      link->link.send_transition(
          {transition.type, transition.automatic, transition.accepted, called_}, time, clocks,
          effects_);
    } else if (seen) {
      link->link.on_source_changed(SourceChange::ticks, time);
    }
    after(*link);
  }
}

}  // namespace am::rpc::internal
