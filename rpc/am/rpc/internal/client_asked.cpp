// What a client's remote machines have asked their sources for besides mutations: waits on
// arguments. And what they are told besides clocks: errors. On the I/O thread, unless said
// otherwise.
#include <am/rpc/internal/client_core.hpp>
#include <am/rpc/internal/remote_core.hpp>

#include <fmt/format.h>

#include <utility>
#include <variant>

namespace am::rpc::internal {

// -- any thread ----------------------------------------------------------------------------------

void ClientCore::ask(RemoteId remote, WaitId wait, StateIndex state, Bytes args) {
  post(AskCommand{remote, wait, state, std::move(args)});
}

void ClientCore::forget(RemoteId remote, WaitId wait) { post(ForgetCommand{remote, wait}); }

// -- commands ------------------------------------------------------------------------------------

void ClientCore::run(AskCommand& command) {
  const auto found = remotes_.find(command.remote);
  if (found == remotes_.end()) return;  // its waits have ended, with everything else
  auto& remote = *found->second;
  if (remote.waits.ask(command.wait, command.state, std::move(command.args),
                       remote.session.link().clocks(), effects_.frames)) {
    return after(remote);
  }
  remote.core->answered(command.wait, Ended::unknown);
}

void ClientCore::run(ForgetCommand& command) {
  const auto found = remotes_.find(command.remote);
  if (found == remotes_.end()) return;
  found->second->waits.forget(command.wait, effects_.frames);
  after(*found->second);
}

// -- what the server says ------------------------------------------------------------------------

void ClientCore::on_wait(Remote& remote, FrameView frame) {
  const auto decoded = decode_wait(frame, {});
  if (!decoded.ok() || remote.core == nullptr) {
    log(fmt::format("{} link {}: dropped a frame: {}", options_.endpoint,
                    remote.session.link().id(), to_string(decoded.fault)));
    return transport_.reconnect();
  }
  if (const auto* error = std::get_if<SourceError>(&decoded.message)) {
    return remote.core->take_error({std::string(error->message), std::string(error->where)});
  }
  const auto& answer = std::get<WaitAnswered>(decoded.message);
  if (remote.session.link().resyncing()) {
    remote.held_answers.push_back(answer);  // the clocks that it is about were lost
  } else {
    answered(remote, answer);
    after(remote);
  }
}

void ClientCore::answered(Remote& remote, const WaitAnswered& answer) {
  if (!remote.waits.answered(answer, effects_.frames)) return;
  remote.core->answered(answer.wait,
                        answer.outcome == WaitOutcome::fired ? Ended::fired : Ended::unknown);
}

void ClientCore::answer_held(Remote& remote) {
  for (const auto& answer : std::exchange(remote.held_answers, {})) answered(remote, answer);
}

/// A link is open: its source is asked for the waits that go on.
void ClientCore::ask_again(Remote& remote, const LinkOpened& opened) {
  std::vector<WaitId> ended;
  remote.waits.link_opened(remote.session.link().id(), (opened.features & feature_waits) != 0,
                           opened.clocks != LinkOpened::Clocks::new_epoch, effects_.frames, ended);
  for (const auto wait : ended) remote.core->answered(wait, Ended::unknown);
}

}  // namespace am::rpc::internal
