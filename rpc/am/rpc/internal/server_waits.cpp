#include <am/rpc/internal/server_waits.hpp>

#include <am/error.hpp>
#include <am/rpc/arg_types.hpp>

#include <utility>

namespace am::rpc::internal {

WaitOutcome ServerWaits::ask(Token session, const Api& source, const WaitAsked& asked, bool moved) {
  if (const auto waits = sessions_.find(session); waits != sessions_.end()) {
    const auto found = waits->second.find(asked.wait);
    if (found != waits->second.end()) return found->second.outcome;
    if (waits->second.size() >= max_waits) return WaitOutcome::refused;
  }
  if (moved) return WaitOutcome::missed;
  const auto decoded = ArgTypes::global().decode(asked.args);
  if (!decoded.ok() || !decoded.args.typed().empty() || asked.state >= source.schema().size()) {
    return WaitOutcome::refused;
  }
  try {
    const auto wait = source.when_args(source.schema().names()[asked.state], decoded.args);
    auto& held = sessions_[session][asked.wait];
    held.continuation = wait.then([bring = bring_, session, id = asked.wait](am::Ended how) {
      bring({session, id, how == am::Ended::fired ? WaitOutcome::fired : WaitOutcome::missed});
    });
  } catch (const Error&) {  // of a proxy: its own source has too many
    return WaitOutcome::refused;
  }
  return WaitOutcome::waiting;
}

void ServerWaits::forget(Token session, WaitId wait) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  const auto held = found->second.find(wait);
  if (held == found->second.end()) return;
  held->second.continuation.cancel();
  found->second.erase(held);
  if (found->second.empty()) sessions_.erase(found);
}

void ServerWaits::session_ended(Token session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  for (const auto& [id, held] : found->second) held.continuation.cancel();
  sessions_.erase(found);
}

void ServerWaits::post(const Ended& ended) {
  const std::lock_guard lock(mutex_);
  ended_.push_back(ended);
}

void ServerWaits::take(std::vector<Ended>& out) {
  out.clear();
  {
    const std::lock_guard lock(mutex_);
    out.swap(ended_);
  }
  std::erase_if(out, [this](const Ended& ended) {
    const auto session = sessions_.find(ended.session);
    if (session == sessions_.end()) return true;
    const auto held = session->second.find(ended.wait);
    if (held == session->second.end()) return true;
    held->second.outcome = ended.outcome;
    return false;
  });
}

}  // namespace am::rpc::internal
