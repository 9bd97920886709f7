#include <am/rpc/internal/client_waits.hpp>

#include <utility>

namespace am::rpc::internal {

namespace {

std::uint64_t tick_of(ClocksView clocks, StateIndex state) noexcept {
  return state < clocks.ticks.size() ? clocks.ticks[state] : 0;
}

}  // namespace

void ClientWaits::send(WaitId wait, const Asked& asked, Outbox& frames) const {
  Writer writer(frames.add());
  encode(writer, *link_, WaitAsked{wait, asked.again, asked.state, asked.tick, asked.args});
}

bool ClientWaits::ask(WaitId wait, StateIndex state, Bytes args, ClocksView clocks,
                      Outbox& frames) {
  if (deaf_) return false;
  auto& asked = waits_[wait];
  asked.state = state;
  asked.args = std::move(args);
  asked.tick = tick_of(clocks, state);
  if (link_) send(wait, asked, frames);
  asked.again = true;  // from now on it is another time
  return true;
}

void ClientWaits::forget(WaitId wait, Outbox& frames) {
  if (waits_.erase(wait) == 0 || deaf_) return;
  if (!link_) return forgotten_.push_back(wait);
  Writer writer(frames.add());
  encode(writer, *link_, WaitForgotten{wait});
}

void ClientWaits::link_opened(LinkId link, bool knows, bool same_epoch, Outbox& frames,
                              std::vector<WaitId>& ended) {
  link_ = knows ? std::optional(link) : std::nullopt;
  deaf_ = !knows;
  if (knows) {
    for (const auto wait : forgotten_) {
      Writer writer(frames.add());
      encode(writer, link, WaitForgotten{wait});
    }
  }
  forgotten_.clear();
  if (knows && same_epoch) {
    for (const auto& [wait, asked] : waits_) send(wait, asked, frames);
    return;
  }
  for (const auto& [wait, asked] : waits_) {
    ended.push_back(wait);
    if (!knows) continue;
    Writer writer(frames.add());
    encode(writer, link, WaitForgotten{wait});
  }
  waits_.clear();
}

void ClientWaits::link_lost(ClocksView clocks) noexcept {
  link_.reset();
  deaf_ = false;
  for (auto& [wait, asked] : waits_) {
    if (asked.confirmed) asked.tick = tick_of(clocks, asked.state);
    asked.confirmed = false;
  }
}

bool ClientWaits::answered(const WaitAnswered& answer, Outbox& frames) {
  const auto found = waits_.find(answer.wait);
  if (found == waits_.end()) return false;
  if (answer.outcome == WaitOutcome::waiting) {
    found->second.confirmed = true;
    return false;
  }
  forget(answer.wait, frames);
  return true;
}

}  // namespace am::rpc::internal
