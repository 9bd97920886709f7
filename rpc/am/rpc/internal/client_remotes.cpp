// What happens on a client's connection, and what its links tell: all on the I/O thread.
#include <am/error.hpp>
#include <am/rpc/internal/client_core.hpp>
#include <am/rpc/internal/packing.hpp>
#include <am/rpc/internal/resume.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace am::rpc::internal {

namespace {

TransportTime now() { return std::chrono::steady_clock::now(); }

LinkErrc link_errc(CloseReason reason) {
  switch (reason) {
    case CloseReason::refused: return LinkErrc::refused;
    case CloseReason::handshake_timeout: return LinkErrc::unreachable;
    case CloseReason::local:
    case CloseReason::bye: return LinkErrc::lost;
    case CloseReason::schema: return LinkErrc::schema;
    default: return LinkErrc::protocol;
  }
}

/// The welcome may have brought the source's last error.
void take_error(RemoteCore& core, const LinkOpened& opened) {
  const auto* extension = find(opened.extensions, ExtensionId::error);
  SourceError error;
  if (extension == nullptr || !decode_error(extension->bytes, {}, error)) return;
  const auto known = core.last_error();
  if (known && known->message == error.message && known->where == error.where) return;
  core.take_error({std::string(error.message), std::string(error.where)});
}

}  // namespace

// -- the connection ------------------------------------------------------------------------------

void ClientCore::on_connected() {
  connected_ = true;
  refused_ = false;
  {
    const std::lock_guard lock(commands_mutex_);
    refusal_.clear();
  }
  states_.connected();
  states_.links({remotes_.size(), open_links_});
  for (auto& [id, remote] : remotes_) {
    if (remote->session.wants_hello(now())) greet(*remote);
    schedule(*remote);
  }
}

void ClientCore::on_disconnected() {
  connected_ = false;
  const auto why = fmt::format("the connection to {} was lost", options_.endpoint);
  states_.disconnected(why);
  std::vector<RemoteId> ids;
  for (const auto& [id, remote] : remotes_) ids.push_back(id);
  for (const auto id : ids) {
    auto& remote = *remotes_.at(id);
    remote.session.connection_lost(fmt::format("the connection to {} was lost", options_.endpoint),
                                   effects_);
    after(remote);
  }
  payloads_.tell();
}

void ClientCore::on_refused(Refusal refusal, std::string_view why) {
  bool news = false;
  {
    const std::lock_guard lock(commands_mutex_);
    news = std::exchange(refusal_, std::string{why}) != why;
  }
  if (news) log(fmt::format("{}: {}", options_.endpoint, why));
  refused_ = true;
  if (refusal != Refusal::certain) return;
  std::vector<RemoteId> ids;
  for (const auto& [id, remote] : remotes_) ids.push_back(id);
  for (const auto id : ids) {
    auto& remote = *remotes_.at(id);
    end(remote, Ended::unknown, LinkErrc::refused, fmt::format("{}: {}", options_.endpoint, why));
    after(remote);
  }
  payloads_.tell();
}

void ClientCore::on_frame(FrameView frame) {
  const auto head = peek(frame);
  const auto found = head ? links_.find(head->link) : links_.end();
  if (found == links_.end())
    return;  // of a link that was closed here while the frame was under way
  auto& remote = *found->second;
  if (head->type == packed_type) {
    unpacked_.clear();
    const auto fault = unpack(frame, options_.max_frame_bytes, unpacked_);
    if (fault == Fault::none) return on_frame(remote, unpacked_, peek(unpacked_)->type);
    log(fmt::format("{} link {}: dropped a packed frame: {}", options_.endpoint, head->link,
                    to_string(fault)));
  }
  on_frame(remote, frame, head->type);
}

void ClientCore::on_frame(Remote& remote, FrameView frame, std::uint8_t type) {
  if (is_wait(type, Sender::server)) return on_wait(remote, frame);
  if (!is_transfer(type)) {
    remote.session.link().on_frame(frame, now(), effects_);
    after(remote);
    return payloads_.tell();
  }
  if (!payloads_.on_frame(remote.id, frame, now())) {
    log(fmt::format("{} link {}: a frame of a transfer cannot be read", options_.endpoint,
                    remote.session.link().id()));
    transport_.reconnect();
  }
  payloads_.tell();
}

TransportTime ClientCore::next_deadline() {
  return std::min(deadlines_.next(), payloads_.next_deadline());
}

void ClientCore::on_deadline(TransportTime time) {
  while (const auto id = deadlines_.due(time)) {
    auto& remote = *remotes_.at(*id);
    if (remote.session.given_up(time)) {
      end(remote, Ended::unknown, LinkErrc::lost,
          fmt::format("given up after {} ms: {}", options_.give_up_after.count(),
                      remote.core == nullptr ? "" : remote.core->status().why));
    } else if (connected_ && remote.session.wants_hello(time)) {
      greet(remote);
    } else {
      remote.session.link().poll(time, effects_);
    }
    after(remote);
  }
  payloads_.poll(time);
  payloads_.tell();
}

/// Says hello on a link of its own.
void ClientCore::greet(Remote& remote) {
  auto& link = remote.session.link();
  links_.erase(link.id());
  const LinkId id = link.state() == ClientLink::State::idle ? link.id() : ++last_link_;
  links_[id] = &remote;
  remote.session.greet(id, now(), effects_);
  send_frames();
  schedule(remote);
}

// -- what links tell -----------------------------------------------------------------------------

/// Does what a link wants after any of its methods was called. The remote machine may be gone
/// afterwards.
void ClientCore::after(Remote& remote) {
  const auto show_traffic = [&remote] {
    if (remote.core == nullptr) return;
    const auto& stats = remote.session.link().stats();
    remote.core->set_traffic({.mutations = stats.requests,
                              .replies = stats.replies,
                              .pushes = stats.pushes,
                              .resyncs = stats.resyncs,
                              .merged = stats.merged,
                              .bytes_in = stats.bytes_in,
                              .bytes_out = stats.bytes_out});
  };
  show_traffic();  // before the events: whoever they wake finds it counted
  for (std::size_t i = 0; i < effects_.events.size(); ++i) {
    auto event = std::move(effects_.events[i]);  // handling one may add others
    std::visit([&](auto& e) { handle(remote, e); }, event);
  }
  effects_.events.clear();
  effects_.changed.clear();
  send_frames();
  show_traffic();
  if (remote.ended) {
    erase(remote.id);
  } else {
    schedule(remote);
  }
}

void ClientCore::send_frames(Outbox& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto status = transport_.send(frames[i]);
    if (status == SendStatus::sent) continue;
    // A request that is left out would wait for its deadline; a new connection tells all sides.
    if (status != SendStatus::peer_gone) {
      log(fmt::format("{}: starting over, {}", options_.endpoint, to_string(status)));
      transport_.reconnect();
    }
    break;
  }
  frames.clear();
}

void ClientCore::handle(Remote& remote, LinkOpened& opened) {
  const auto session = find_token(opened.extensions);
  opens(remote, opened);
  if (remote.ended) return;
  payloads_.link_opened(remote.id, remote.session.link().id(), session, opened.features,
                        opened.machine_id, now());
}

void ClientCore::opens(Remote& remote, LinkOpened& opened) {
  if (remote.core == nullptr) return attached(remote, opened);
  try {
    if (opened.schema && remote.same_schema) {
      throw Error(Errc::schema,
                  fmt::format("machine \"{}\" has another schema than before", opened.machine_id));
    }
    take_error(*remote.core, opened);
    remote.core->resume(opened, remote.session.link().clocks(), effects_.changed);
  } catch (const Error& error) {
    return end(remote, Ended::unknown, LinkErrc::schema,
               fmt::format("schema_changed: {}", error.what()));
  }
  ask_again(remote, opened);
  remote.session.proceed(now(), effects_);
  set_open(remote, true);
}

/// The first link of a remote machine is open.
void ClientCore::attached(Remote& remote, LinkOpened& opened) {
  if (remote.attaching == nullptr) return;
  const auto& options = remote.attaching->options;
  std::optional<CompiledSchema> schema;
  try {
    if (opened.names) {
      std::vector<Schema::Entry> known;
      for (const auto& state : *opened.names) {
        if (state.name != exception_state) known.push_back({StateName{state.name}, State{}});
      }
      schema.emplace(Schema(std::move(known)));
    } else if (!opened.schema) {
      schema = options.schema;
    } else if (options.schema && options.require_same_schema) {
      throw Error(Errc::schema,
                  fmt::format("machine \"{}\" has another schema than the one that is "
                              "known here",
                              opened.machine_id));
    } else {
      schema.emplace(*opened.schema);
    }
  } catch (const Error& error) {
    return end(remote, Ended::unknown, LinkErrc::schema, error.what());
  }
  remote.core =
      std::make_shared<RemoteCore>(opened.machine_id, *schema, shared_from_this(), remote.id);
  remote.core->set_epoch(opened.epoch);
  if (opened.names) remote.core->learn(*opened.names);
  take_error(*remote.core, opened);
  std::vector<StateIndex> all(remote.session.link().clocks().ticks.size());
  std::iota(all.begin(), all.end(), StateIndex{0});
  remote.core->apply(remote.session.link().clocks(), all);
  ask_again(remote, opened);
  remote.session.proceed(now(), effects_);
  set_open(remote, true);
  const auto slot = std::exchange(remote.attaching, nullptr);
  bool wanted = false;
  {
    const std::lock_guard lock(slot->mutex);
    wanted = !slot->error;
    if (wanted) slot->remote = remote.core;
    slot->changed.notify_all();
  }
  if (!wanted) end(remote, Ended::disposed, LinkErrc::stopped, "given up");
}

void ClientCore::handle(Remote& remote, const ClocksChanged& changed) {
  if (remote.core == nullptr) return;
  const auto& clocks = remote.session.link().clocks();
  if (changed.story) {
    remote.core->apply(clocks, effects_.changed, *changed.story);
  } else {
    remote.core->apply(clocks, effects_.changed);
  }
}

void ClientCore::handle(Remote& remote, const ChoiceTaken& taken) {
  if (remote.core == nullptr) return;
  try {
    remote.core->retrack(taken, remote.session.link().clocks(), effects_.changed);
  } catch (const Error& error) {
    end(remote, Ended::unknown, LinkErrc::schema, error.what());
  }
}

void ClientCore::handle(Remote& remote, ChoiceAnswered& answered) {
  if (remote.choosing == nullptr) return;
  answer(std::exchange(remote.choosing, nullptr), std::move(answered.error));
}

void ClientCore::answer(const std::shared_ptr<ChoiceSlot>& slot, std::string error) {
  {
    const std::lock_guard lock(slot->mutex);
    slot->error = std::move(error);
  }
  slot->changed.notify_all();
}

void ClientCore::handle(Remote& remote, Replied& replied) {
  if (const auto slot = remote.calls.remove(replied.request)) {
    answer(*slot, replied.result, std::move(replied.error));
  }
}

void ClientCore::handle(Remote& remote, const ProblemReported& problem) {
  log(fmt::format("{} link {}: the server reports {}: {}", options_.endpoint,
                  remote.session.link().id(), to_string(problem.code), problem.text));
}

void ClientCore::handle(Remote& remote, LinkClosed& closed) {
  set_open(remote, false);
  remote.waits.link_lost(remote.session.link().clocks());
  remote.held_answers.clear();  // they come again
  payloads_.link_closed(remote.id);
  if (remote.ended) return;
  std::string text = closed.text.empty() ? to_string(closed.reason) : closed.text;
  if (closed.reason == CloseReason::bye) {
    text = fmt::format("the server ended the link: {}", to_string(closed.bye));
  }
  if (closed.reason != CloseReason::local) {
    log(fmt::format("{} link {}: ended, {}: {}", options_.endpoint, remote.session.link().id(),
                    to_string(closed.reason), text));
  }
  if (remote.session.ended(closed, now(), effects_) == ClientSession::Next::retry) {
    if (remote.core != nullptr) remote.core->lose(text);
    // Only inproc does not notice that nobody is at the other end any more.
    const bool nobody = closed.reason == CloseReason::handshake_timeout ||
                        (closed.reason == CloseReason::bye &&
                         (closed.bye == ByeCode::closing || closed.bye == ByeCode::restarting));
    if (nobody && options_.endpoint.starts_with("inproc:")) transport_.reconnect();
    return;
  }
  remote.ended = true;
  fail(remote, {link_errc(closed.reason), text});
  const bool gone = closed.reason == CloseReason::bye && closed.bye == ByeCode::machine_gone;
  if (remote.core != nullptr) remote.core->end(gone ? Ended::disposed : Ended::unknown, text);
  states_.failed(text);  // last: its handlers find the remote machine as it is now
}

/// Ends a remote machine for good; `after` removes it.
void ClientCore::end(Remote& remote, Ended how, LinkErrc code, const std::string& why) {
  if (std::exchange(remote.ended, true)) return;
  remote.session.end(why, effects_);
  fail(remote, {code, why});
  if (remote.core != nullptr) remote.core->end(how, why);
  if (code != LinkErrc::stopped) states_.failed(why);
}

/// Keeps count of the open links.
void ClientCore::set_open(Remote& remote, bool open) {
  if (std::exchange(remote.open, open) != open)
    open_links_ = open ? open_links_ + 1 : open_links_ - 1;
  states_.links({remotes_.size(), open_links_});
}

void ClientCore::schedule(Remote& remote) {
  deadlines_.set(remote.id, remote.scheduled, remote.session.next_deadline(connected_));
}

void ClientCore::erase(RemoteId id) {
  const auto found = remotes_.find(id);
  if (found == remotes_.end()) return;
  auto& remote = *found->second;
  deadlines_.set(id, remote.scheduled, no_deadline);
  links_.erase(remote.session.link().id());
  set_open(remote, false);
  if (remote.choosing != nullptr) answer(remote.choosing, "the link has ended");
  payloads_.remove(id);
  remote.calls.for_each([](RequestId, const std::shared_ptr<CallSlot>& slot) {
    answer(slot, {Result::unknown, Reason::link}, "");
  });
  remotes_.erase(found);
  states_.links({remotes_.size(), open_links_});
}

/// Tells the thread that waits for the link to open, if one still does.
void ClientCore::fail(Remote& remote, LinkError error) {
  const auto slot = std::move(remote.attaching);
  if (slot != nullptr) fail(*slot, std::move(error));
}

void ClientCore::fail(AttachSlot& slot, LinkError error) {
  const std::lock_guard lock(slot.mutex);
  if (!slot.error) slot.error = std::move(error);
  slot.changed.notify_all();
}

}  // namespace am::rpc::internal
