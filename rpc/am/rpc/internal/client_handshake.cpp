// How a link begins: the hello, and the two answers to it.
#include <am/detail/deadline.hpp>
#include <am/rpc/internal/client_link.hpp>
#include <am/rpc/internal/resume.hpp>
#include <am/rpc/internal/schema_codec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

// -- the hello -----------------------------------------------------------------------------------

std::uint64_t ClientLink::offered() const noexcept {
  return options_.features | (options_.resumable ? feature_resume : 0) |
         (options_.sync ? feature_choice | feature_log : 0);
}

void ClientLink::start(std::span<const Extension> extensions, TimePoint now,
                       ClientEffects& effects) {
  if (state_ == State::idle) hello(extensions, now, effects);
}

void ClientLink::restart(LinkId id, std::span<const Extension> extensions, TimePoint now,
                         ClientEffects& effects) {
  if (state_ != State::closed) return;
  id_ = id;
  hello(extensions, now, effects);
}

void ClientLink::hello(std::span<const Extension> extensions, TimePoint now,
                       ClientEffects& effects) {
  Hello hello;
  hello.features = offered();
  hello.session = options_.session;
  hello.fingerprint = options_.known_fingerprint;
  hello.client_id = options_.client_id;
  hello.machine_id = options_.machine_id;
  std::vector<Extension> all(extensions.begin(), extensions.end());
  Bytes offer;
  if (token_ != 0) {
    offer = encode(ResumeOffer{token_, calls_.lowest().value_or(calls_.next())});
    all.push_back({static_cast<std::uint64_t>(ExtensionId::resume), offer});
  }
  Bytes choice;
  if (options_.sync) {
    Writer writer{choice};
    write_choice(writer, *options_.sync);
    all.push_back({static_cast<std::uint64_t>(ExtensionId::choice), choice});
  }
  hello.extensions = all;
  const std::size_t longest = std::max(hello.client_id.size(), hello.machine_id.size());
  if (longest > options_.limits.id || !send(hello, effects)) {
    return end(
        {CloseReason::local, fmt::format("the client or machine id is too long: {} bytes, at "
                                         "most {}",
                                         longest, options_.limits.id)},
        effects);
  }
  state_ = State::greeting;
  handshake_deadline_ = detail::deadline_after(now, options_.handshake_timeout);
}

// -- the answer ----------------------------------------------------------------------------------

/// The states that a welcome is about: told by name, by its schema, or known already. False when it
/// has ended the link.
bool ClientLink::learn_states(const Welcome& welcome, LinkOpened& opened, std::size_t& states,
                              ClientEffects& effects) {
  states = options_.known_states;
  if (may_choose_ && !options_.sync->schema) {
    const auto* names = find(welcome.extensions, ExtensionId::names);
    if (names == nullptr || !take_names(names->bytes, states, opened.names.emplace())) {
      fail(CloseReason::malformed, "welcome.names: cannot be read", ByeCode::malformed, effects);
      return false;
    }
  } else if (!welcome.schema.empty()) {
    DecodedSchema decoded = decode_schema(welcome.schema, options_.limits);
    if (!decoded.schema) {
      fail(CloseReason::schema, std::move(decoded.error), ByeCode::malformed, effects);
      return false;
    }
    opened.schema = std::move(decoded.schema);
    states = opened.schema->entries().size();
  } else if (options_.known_fingerprint == 0 || welcome.fingerprint != options_.known_fingerprint) {
    fail(CloseReason::schema, "a new schema was announced, but not sent", ByeCode::protocol,
         effects);
    return false;
  }
  if (states == welcome.clocks.ticks.size()) return true;
  fail(CloseReason::schema,
       fmt::format("the schema has {} states, the clocks have {}", states,
                   welcome.clocks.ticks.size()),
       ByeCode::protocol, effects);
  return false;
}

/// How the clocks of a welcome follow those of the links before. False when it has ended the link.
bool ClientLink::compare_clocks(const Welcome& welcome, LinkOpened& opened,
                                ClientEffects& effects) {
  using Follow = LinkOpened::Clocks;
  opened.clocks = !known_                   ? Follow::first
                  : welcome.epoch == epoch_ ? Follow::continued
                                            : Follow::new_epoch;
  const bool forward = find_changes(clocks_, welcome.clocks, effects.changed);
  if (opened.clocks == Follow::continued && forward) return true;
  effects.changed.clear();
  if (opened.clocks != Follow::continued) return true;
  if (may_choose_ && options_.sync->shallow) {
    opened.clocks = Follow::new_epoch;  // the server has begun to count anew
    return true;
  }
  fail(CloseReason::protocol, "a welcome with clocks that went back", ByeCode::protocol, effects);
  return false;
}

void ClientLink::handle(const Welcome& welcome, TimePoint, ClientEffects& effects) {
  if (state_ != State::greeting) {
    return fail(CloseReason::protocol, "a second welcome", ByeCode::protocol, effects);
  }
  if (welcome.digest != digest_of(welcome.clocks)) {
    ++stats_.malformed;
    return fail(CloseReason::malformed, "welcome.digest: does not match", ByeCode::malformed,
                effects);
  }
  if ((welcome.features & ~offered()) != 0) {
    return fail(CloseReason::protocol, "the server uses features that were not offered",
                ByeCode::protocol, effects);
  }
  may_choose_ = options_.sync && (welcome.features & feature_choice) != 0;
  may_log_ = may_choose_ && (welcome.features & feature_log) != 0;
  LinkOpened opened;
  std::size_t states = 0;
  if (!learn_states(welcome, opened, states, effects)) return;
  if (!compare_clocks(welcome, opened, effects)) return;
  if (known_) count_merged(effects);
  const auto token = (welcome.features & feature_resume) != 0 ? find_token(welcome.extensions) : 0;
  same_session_ = opened.clocks == LinkOpened::Clocks::continued && token != 0 && token == token_;
  token_ = token;
  epoch_ = welcome.epoch;
  proceeding_ = std::exchange(known_, true) || !calls_.empty();
  options_.known_fingerprint = welcome.fingerprint;
  options_.known_states = states;
  state_ = State::open;
  handshake_deadline_ = TimePoint::max();
  sequence_ = welcome.sequence;
  digest_ = welcome.digest;
  welcome.clocks.copy_to(clocks_);
  opened.machine_id = welcome.machine_id;
  opened.epoch = welcome.epoch;
  opened.fingerprint = welcome.fingerprint;
  opened.features = welcome.features;
  opened.extensions = welcome.extensions;
  effects.events.emplace_back(std::move(opened));
}

void ClientLink::handle(const Refused& refused, TimePoint, ClientEffects& effects) {
  if (state_ != State::greeting) {
    return fail(CloseReason::protocol, "refused after the welcome", ByeCode::protocol, effects);
  }
  LinkClosed closed;
  closed.reason = CloseReason::refused;
  closed.text = fmt::format("refused ({}): {}", to_string(refused.code), refused.text);
  closed.refused = refused.code;
  closed.retry_after_ms = refused.retry_after_ms;
  end(std::move(closed), effects);
}

bool ClientLink::take_names(ByteView bytes, std::size_t& states,
                            std::vector<NamedState>& names) const {
  Reader reader{bytes};
  return read_names(reader, options_.limits, states, names) && reader.finish();
}

}  // namespace am::rpc::internal
