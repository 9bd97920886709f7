// What a server's links ask for, and the sessions that they belong to: all on the I/O thread.
#include <am/internal/completion.hpp>
#include <am/rpc/internal/server_core.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

TransportTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

/// Brings the outcome of a mutation back to a turn, whoever ran it.
class ServerCore::ReplyCompletion final : public am::internal::Completion {
 public:
  ReplyCompletion(std::shared_ptr<ServerCore> server, ServerSessions::Token session,
                  RequestId request)
      : server_(std::move(server)), session_(session), request_(request) {}

  /// The machine keeps the order from here on, and its handlers may take long.
  void begins() override {
    begun_ = true;
    server_->transport_.inside();
  }
  bool begun() const noexcept { return begun_; }
  ServerSessions::Token session() const noexcept { return session_; }
  RequestId request() const noexcept { return request_; }

 protected:
  void done(Result result) override { server_->post({session_, request_, result}); }

 private:
  std::shared_ptr<ServerCore> server_;
  ServerSessions::Token session_;
  RequestId request_;
  bool begun_ = false;  ///< by the thread that submits it
};

// -- what links ask for ---------------------------------------------------------------------------

ServerCore::Exposed* ServerCore::find_exposed(std::string_view id) {
  const std::lock_guard lock(sources_mutex_);
  if (id.empty()) return exposed_.empty() ? nullptr : exposed_.front().get();
  const auto found =
      std::ranges::find_if(exposed_, [&](const auto& e) { return e->source->id() == id; });
  return found == exposed_.end() ? nullptr : found->get();
}

/// False when the client is not let in, and has been told.
bool ServerCore::admit(Link& link, const HelloReceived& hello) {
  const char* why = nullptr;
  if (allowed_) {
    const auto client = allowed_->find(transport_.key(link.peer));
    if (!client) why = "its key is not listed";
    link.may_mutate = client && client->may_mutate;
  }
  if (why == nullptr && !options_.allow_id.empty() && hello.client_id != options_.allow_id) {
    why = "another client id is expected";
  }
  if (why == nullptr) return true;
  counters_.links_refused.fetch_add(1, std::memory_order_relaxed);
  log(fmt::format("client \"{}\": refused, {}", hello.client_id, why));
  link.link.refuse(RefuseCode::denied, fmt::format("no access: {}", why), 0, effects_);
  return false;
}

void ServerCore::handle(Link& link, const HelloReceived& hello) {
  if (!admit(link, hello)) return;
  auto* exposed = find_exposed(hello.machine_id);
  if (exposed == nullptr) {
    counters_.links_refused.fetch_add(1, std::memory_order_relaxed);
    log(fmt::format("client \"{}\": refused, no machine \"{}\"", hello.client_id,
                    hello.machine_id));
    link.link.refuse(RefuseCode::unknown_machine,
                     hello.machine_id.empty()
                         ? std::string("the server exposes no machine")
                         : fmt::format("the server exposes no machine \"{}\"", hello.machine_id),
                     0, effects_);
    return;
  }
  auto& source = *exposed->source;
  if (source.gone()) {
    counters_.links_refused.fetch_add(1, std::memory_order_relaxed);
    link.link.refuse(RefuseCode::unknown_machine,
                     fmt::format("the machine \"{}\" is gone", source.id()), 0, effects_);
    return;
  }
  accept(link, *exposed, hello);
}

/// The clocks of its source as they are now and as the link sees them.
LinkClocks ServerCore::clocks_of(Link& link) {
  if (!link.logs) link.exposed->feeds.read(link.exposed->source->clocks());
  return view_of(link);
}

/// The same as they were read last.
LinkClocks ServerCore::view_of(Link& link) {
  if (link.logs) link.exposed->log_feeds.read(link.exposed->log_clocks);
  return feeds_of(*link.exposed, link.logs).of(*link.feed);
}

/// What a client without the schema has to be told of the states that it sees.
Bytes ServerCore::names_for(const Link& link) {
  Bytes names;
  if (link.schema) return names;
  Writer writer(names);
  write_names(writer, link.feed->filter(), link.exposed->source->names());
  return names;
}

void ServerCore::handle(Link& link, const ChoiceReceived& received) {
  const auto token = received.token;
  SyncOptions choice;
  std::string error = "a choice that cannot be read";
  Reader reader(received.choice);
  const bool readable = read_choice(reader, link_options_.limits, choice) && reader.finish() &&
                        (!choice.log || (link.features & feature_log) != 0);
  auto& exposed = *link.exposed;
  auto* feed = readable ? feeds_of(exposed, choice.log).open(choice, exposed.source->names(), error)
                        : nullptr;
  if (feed == nullptr) return link.link.refuse_choice(token, error, effects_);
  if (choice.log && !link.logs && exposed.log_links != 0) {
    // The log must not be behind what the link has: the others get what is waiting, and then all go
    // on from the clocks as they are now.
    ServerEffects aside;
    std::swap(effects_, aside);
    drain_log(exposed, now());
    exposed.source->log().tear();
    drain_log(exposed, now());
    std::swap(effects_, aside);
  }
  if (choice.log) count_log_links(exposed, 1);
  if (link.logs) count_log_links(exposed, -1);
  feeds_of(exposed, std::exchange(link.logs, choice.log)).close(std::exchange(link.feed, feed));
  link.schema = link.schema && choice.schema;  // who has learned names only keeps its order
  tell_error(link);
  link.link.send_chosen(token, names_for(link), clocks_of(link), now(), effects_);
}

/// The feed that the hello asks for; null when there is none, and the client has been told.
ClockFeeds::Held* ServerCore::feed_for(Link& link, Exposed& exposed, const HelloReceived& hello) {
  SyncOptions choice;
  std::string error = "a choice that cannot be read";
  bool readable = true;
  const auto* extension = internal::find(hello.extensions, ExtensionId::choice);
  if ((hello.features & feature_choice) != 0 && extension != nullptr) {
    Reader reader(extension->bytes);
    readable = read_choice(reader, link_options_.limits, choice) && reader.finish() &&
               (!choice.log || (hello.features & feature_log) != 0);
  }
  auto* feed = readable ? feeds_of(exposed, choice.log).open(choice, exposed.source->names(), error)
                        : nullptr;
  link.schema = choice.schema;
  link.logs = feed != nullptr && choice.log;
  if (feed == nullptr) {
    counters_.links_refused.fetch_add(1, std::memory_order_relaxed);
    log(fmt::format("client \"{}\": refused, {}", hello.client_id, error));
    link.link.refuse(RefuseCode::choice, error, 0, effects_);
  }
  return feed;
}

void ServerCore::accept(Link& link, Exposed& exposed, const HelloReceived& hello) {
  auto& source = *exposed.source;
  end_outgrown(exposed, &link);
  auto* feed = feed_for(link, exposed, hello);
  if (feed == nullptr) return;
  const LinkName name{static_cast<std::uint64_t>(link.peer), link.link.id()};
  SessionKey key{std::string(hello.client_id), source.id(), hello.session,
                 transport_.key(link.peer).text()};
  link.resumable = (hello.features & feature_resume) != 0 && sessions_.resumable();
  // Whoever cannot come back has no session to be mistaken for another's.
  if (!link.resumable) key.peer_key = fmt::format("{}/{}", name.peer, name.link);
  link.features =
      hello.features & (feature_choice | feature_log | feature_transfers | feature_waits |
                        feature_errors | (options_.compress ? feature_packing : 0));
  if (link.resumable) link.features |= feature_resume;
  link.client_id = hello.client_id;
  const auto offer = link.resumable ? hello.resume.value_or(ResumeOffer{}) : ResumeOffer{};
  const auto opened = sessions_.open(key, offer.token, name);
  auto& session = *opened.session;
  link.session = session.token;
  if (opened.resumed) {
    session.log->forget_below(offer.lowest);
    counters_.links_resumed.fetch_add(1, std::memory_order_relaxed);
  }
  if (opened.former) {
    auto* former = find({PeerId{opened.former->peer}, opened.former->link});
    if (former != nullptr && former != &link) dismiss(*former, ByeCode::unknown_link);
  }
  counters_.sessions_waiting.store(sessions_.waiting(), std::memory_order_relaxed);
  // Before the clocks are read, so that no change falls between them and the first push.
  idle_.forget(link.peer);
  link.exposed = &exposed;
  link.feed = feed;
  exposed.links.insert(&link);
  if (link.logs) count_log_links(exposed, 1);
  counters_.links_open.fetch_add(1, std::memory_order_relaxed);
  counters_.links_opened.fetch_add(1, std::memory_order_relaxed);
  states_.link_opened(counters_.links_open);
  LinkClocks clocks;
  do {
    end_outgrown(exposed, &link);
    clocks = clocks_of(link);
  } while (source.outgrown());  // schema and clocks have to fit
  const Bytes names = names_for(link);
  Bytes error;
  std::vector<Extension> extensions;
  if (!link.schema) {
    extensions.push_back({static_cast<std::uint64_t>(ExtensionId::names), names});
  }
  if (error_is_news(link)) {
    const auto last = source.machine().last_error();
    error = encode_error({last->message, last->where}, link_options_.limits);
    extensions.push_back({static_cast<std::uint64_t>(ExtensionId::error), error});
  }
  link.link.accept({.machine_id = source.id(),
                    .epoch = source.epoch(),
                    .fingerprint = source.fingerprint(),
                    .schema = link.schema ? source.schema() : ByteView{},
                    .clocks = clocks,
                    .features = link.features,
                    .extensions = extensions,
                    .log = session.log,
                    .token = session.token},
                   now(), effects_);
}

void ServerCore::handle(Link& link, const MutationReceived& mutation) {
  const auto denied = link.may_mutate ? link.exposed->callable.denies(mutation.op, mutation.called,
                                                                      link.exposed->source->names())
                                      : "this client may read, and not mutate";
  if (!denied.empty()) {
    counters_.denied.fetch_add(1, std::memory_order_relaxed);
    link.link.on_result(mutation.request, {Result::not_sent, Reason::denied}, denied,
                        clocks_of(link), std::nullopt, now(), effects_);
    return;
  }
  Bytes arguments;
  if (!fetch_arguments(link, mutation, arguments)) return;
  mutations_.push_back(
      {link.exposed->source.get(),
       mutation.op,
       {mutation.called.begin(), mutation.called.end()},
       std::move(arguments),
       std::make_shared<ReplyCompletion>(shared_from_this(), link.session, mutation.request)});
}

/// Submits the mutation that has waited longest, and mostly runs it. Another thread may go on with
/// the next one while its handlers run: uses nothing of this object then but what any thread may.
void ServerCore::work() {
  auto mutation = std::move(mutations_[next_mutation_]);
  if (++next_mutation_ == mutations_.size()) {
    mutations_.clear();
    next_mutation_ = 0;
  }
  const auto& completion = mutation.completion;
  std::string error;
  const auto result =
      mutation.source->submit(mutation.op, mutation.called, mutation.args, completion, error);
  if (completion->begun() || result == Result::queued) return;
  // What never got into the queue completes nothing.
  if (result == Result::not_sent && result.reason() == Reason::denied) {
    counters_.denied.fetch_add(1, std::memory_order_relaxed);
  }
  post({completion->session(), completion->request(), result, std::move(error)});
}

void ServerCore::handle(Link& link, const SyncReceived&) {
  tell_error(link);
  link.link.send_snapshot(clocks_of(link), now(), effects_);
}

void ServerCore::handle(Link& link, const LinkClosed& closed) {
  leave(link, &closed);
  if (closed.reason == CloseReason::bye || closed.reason == CloseReason::local ||
      closed.reason == CloseReason::refused) {
    return;
  }
  counters_.links_broken.fetch_add(1, std::memory_order_relaxed);
  states_.broken(closed.text);
  log(fmt::format("peer {} link {}: ended, {}: {}", static_cast<std::uint64_t>(link.peer),
                  link.link.id(), to_string(closed.reason), closed.text));
}

/// A link leaves its session, which waits for another one, unless there will be none.
void ServerCore::leave(Link& link, const LinkClosed* closed) {
  if (link.session == 0) return;
  const bool over = closed != nullptr &&
                    (closed->reason == CloseReason::refused ||
                     (closed->reason == CloseReason::bye && closed->bye == ByeCode::closing));
  if (over || !link.resumable) {
    sessions_.remove(link.session);
    payloads_.session_ended(link.session);
  } else {
    const auto* session = sessions_.find(link.session);
    const LinkName name{static_cast<std::uint64_t>(link.peer), link.link.id()};
    if (session != nullptr && session->link == name) {
      payloads_.link_closed(link.session);
      sessions_.detach(link.session, now());
    }
  }
  link.session = 0;
  counters_.sessions_waiting.store(sessions_.waiting(), std::memory_order_relaxed);
}

/// Ends a link, also while another one is being handled.
void ServerCore::dismiss(Link& link, ByeCode code) {
  ServerEffects aside;
  link.link.close(code, 0, aside);
  for (std::size_t i = 0; i < aside.frames.size(); ++i) {
    static_cast<void>(transport_.send(link.peer, aside.frames[i]));
  }
  count(link.counted, link.link.stats());
  if (code == ByeCode::machine_gone) {
    sessions_.remove(link.session);
    payloads_.session_ended(link.session);
    link.session = 0;
  }
  erase(link);
}

}  // namespace am::rpc::internal
