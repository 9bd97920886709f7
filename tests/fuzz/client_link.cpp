// A client's link: what a server sends, lost, repeated, damaged or made up, calls at any time and
// any passing of time.
#include "target.hpp"

#include <am/rpc/internal/client_link.hpp>
#include <am/rpc/internal/packing.hpp>
#include <am/rpc/internal/resume.hpp>
#include <am/rpc/internal/schema_codec.hpp>
#include <am/rpc/internal/transfer_messages.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace rpc = am::rpc::internal;
using fuzz::require;
using Link = rpc::ClientLink;

constexpr std::uint64_t fingerprint = 9;

rpc::Bytes schema_bytes() {
  rpc::Bytes bytes;
  rpc::Writer writer(bytes);
  require(rpc::encode_schema(am::CompiledSchema({{"A"}, {"B", {.require = {"A"}}}, {"C"}}).schema(),
                             writer));
  return bytes;
}

/// Whether features are offered and taken: inputs that begin with a small byte say no more than the
/// first version of the protocol.
bool has_features(unsigned kind) { return kind >= 128; }

/// One of few choices; among four states, "A", "B", "C" and "Exception".
am::rpc::SyncOptions some_choice(fuzz::Input& in) {
  am::rpc::SyncOptions choice;
  const auto what = in.byte();
  choice.shallow = what % 2 != 0;
  choice.schema = what / 2 % 2 != 0;
  if (what / 4 % 2 != 0) choice.states = std::vector<std::string>{"B"};
  choice.log = what / 8 % 4 == 3;
  return choice;
}

rpc::ClientLinkOptions options(unsigned kind, fuzz::Input& in) {
  rpc::ClientLinkOptions o;
  o.limits.pending_calls = 5;
  o.limits.resync_attempts = 3;
  if (kind % 2 == 0) {
    o.known_fingerprint = fingerprint;
    o.known_states = 4;
  }
  if (kind % 5 == 0) o.limits.frame = 40;
  if (!has_features(kind)) return o;
  const auto offered = in.byte();
  o.features = offered & (rpc::feature_transfers | rpc::feature_packing);
  o.resumable = (offered & rpc::feature_resume) != 0;
  if ((offered & rpc::feature_choice) != 0) o.sync = some_choice(in);
  return o;
}

/// The link, and a server that knows the rules but may break them.
class Session {
 public:
  explicit Session(fuzz::Input& in)
      : in_(in), kind_(in.byte()), options_(options(kind_, in)), link_(link_id_, options_) {}

  void run() {
    link_.start({}, now_, effects_);
    take();
    for (int step = 0; step < 200 && !in_.empty(); ++step) {
      act();
      take();
    }
    link_.close(rpc::ByeCode::closing, effects_);
    take();
    link_.give_up("over", effects_);
    take();
    require(ended_ == 1 && link_.state() == Link::State::closed && link_.pending() == 0);
    require(link_.next_deadline() == Link::TimePoint::max());
    for (const auto& [request, answers] : calls_) require(answers == 1);
  }

 private:
  void act() {
    const auto what = in_.byte();
    if (has_features(kind_) && what >= 224) return act_with_features(what);
    switch (what % 19) {
      case 0: return receive_raw();
      case 1: return welcome();
      case 2:
      case 3: return call();
      case 4: return push();
      case 5:
      case 6: return reply();
      case 7: return snapshot();
      case 8: return lose();
      case 9: return link_.on_frame(frame_, now_, effects_);  // the last one, once more
      case 10: return error();
      case 11: return link_.sync(effects_);
      case 12: return link_.ping(in_.byte(), effects_);
      case 13: return receive(rpc::Pong{in_.byte(), sequence_ + in_.byte() % 2});
      case 14: return restore();
      case 15: return rare();
      case 18: return damaged_push();
      default: return pass_time();
    }
  }

  void act_with_features(unsigned what) {
    switch (what % 5) {
      case 0: return restart();
      case 1: return link_.abandon("the transport is gone", effects_);
      case 2: return choose();
      case 3: return chosen();
      default: return what >= 240 ? logged() : welcome();
    }
  }
  /// Says hello again on another link, if the one before has ended.
  void restart() {
    if (link_.state() != Link::State::closed) return;
    take();
    ended_ = 0;
    last_words_ = opened_ = false;
    link_.restart(++link_id_, {}, now_, effects_);
  }
  void choose() {
    if (choosing_) return;
    choosing_ = some_choice(in_);
    link_.choose(*choosing_, effects_);
  }
  /// The answer to a choice, or to none.
  void chosen() {
    const auto number = in_.byte() == 255 ? in_.byte() : choices_;
    if (in_.flag()) return receive(rpc::Chosen{number, "no", {}, {}});
    // Ticks may be lower than before, which nothing but the choice explains.
    for (auto& tick : source_.ticks) tick = in_.byte();
    sequenced();
    const auto names = choosing_ && !choosing_->schema ? names_bytes() : rpc::Bytes{};
    receive(rpc::Chosen{number, {}, names, {sequence_, 0, {}, source_, digest()}});
  }
  rpc::Bytes names_bytes() {
    static constexpr std::array<std::string_view, 4> all{"A", "B", "C", "Exception"};
    rpc::Bytes bytes;
    rpc::Writer writer{bytes};
    rpc::write_names(writer, rpc::ClockFilter(all.size()), all);
    return bytes;
  }

  // -- the server ---------------------------------------------------------------------------------

  template <class Message>
  void receive(const Message& message) {
    frame_.clear();
    rpc::Writer writer{frame_};
    rpc::encode(writer, link_id_, message);
    if (const auto damage = in_.byte(); damage >= 240 && !frame_.empty()) {
      honest_ = false;
      frame_[in_.below(frame_.size())] ^= static_cast<std::byte>(damage - 239);
    }
    link_.on_frame(frame_, now_, effects_);
  }
  void receive_raw() {
    honest_ = false;
    const auto text = in_.text(255);
    frame_.assign(rpc::as_bytes(text).begin(), rpc::as_bytes(text).end());
    link_.on_frame(frame_, now_, effects_);
  }
  void welcome() {
    static const rpc::Bytes schema = schema_bytes();
    rpc::Welcome message;
    message.epoch = 5;
    message.fingerprint = fingerprint;
    message.machine_id = "m";
    if (in_.flag()) message.schema = schema;
    message.sequence = sequence_ = in_.byte();
    at_sequence_ = source_;
    message.clocks = source_;
    message.digest = digest();
    if (!has_features(kind_)) return receive(message);
    const auto what = in_.byte();
    message.epoch += what / 64 % 2;
    message.features = offered_ & ~std::uint64_t{what & 3U};
    if (what == 255) message.features |= 4;  // not offered
    const auto token = rpc::encode_token(1 + what / 128);
    const auto names = names_bytes();
    std::vector<rpc::Extension> extensions;
    if ((message.features & rpc::feature_resume) != 0) {
      extensions.push_back({static_cast<std::uint64_t>(rpc::ExtensionId::resume), token});
    }
    if ((message.features & rpc::feature_choice) != 0 && options_.sync && !options_.sync->schema) {
      extensions.push_back({static_cast<std::uint64_t>(rpc::ExtensionId::names), names});
    }
    message.extensions = extensions;
    receive(message);
  }
  void sequenced() {
    ++sequence_;
    at_sequence_ = source_;
  }
  /// The source moves; what a server would say of it.
  const rpc::Diff& change() {
    diff_.clear();
    for (am::StateIndex i = 0; i < source_.ticks.size(); ++i) {
      if (const auto by = in_.below(5)) diff_.changes.push_back({i, by});
    }
    diff_.queue = in_.below(3);
    rpc::apply_diff(diff_, source_);
    sequenced();
    return diff_;
  }
  void push() {
    const auto& diff = change();
    receive(rpc::Push{sequence_, &diff, rpc::short_digest(digest())});
  }
  void logged() {
    const auto& diff = change();
    const std::array<am::StateIndex, 2> called{static_cast<am::StateIndex>(in_.byte() % 5), 0};
    receive(rpc::Logged{sequence_,
                        {am::MutationType::add, in_.flag(), in_.flag(), called},
                        &diff,
                        rpc::short_digest(digest()),
                        {}});
  }
  /// One that was hurt after its sequence, which nothing but the digest tells.
  void damaged_push() {
    const auto& diff = change();
    frame_.clear();
    rpc::Writer writer{frame_};
    rpc::encode(writer, link_id_, rpc::Push{sequence_, &diff, rpc::short_digest(digest())});
    constexpr std::size_t head = 4;  // type, link and a sequence of at most two bytes
    const auto at = frame_.size() - 1 - in_.below(frame_.size() - head);
    frame_[at] ^= static_cast<std::byte>(1 + in_.below(255));
    link_.on_frame(frame_, now_, effects_);
  }
  void lose() { change(); }
  void reply() {
    const auto request = any_request();
    const am::Result result{static_cast<am::Result::Kind>(in_.below(5)),
                            static_cast<am::Reason>(in_.below(12)), am::QueueTick{in_.byte()}};
    const auto text = in_.text(12);
    const auto& diff = change();
    receive(rpc::Reply{request, sequence_, result, text, &diff, rpc::short_digest(digest())});
  }
  void snapshot() {
    const auto last = any_request();
    std::vector<rpc::RequestId> running;
    for (rpc::RequestId r = 1; r <= last && r < 8; ++r) {
      if (in_.flag()) running.push_back(r);
    }
    sequenced();
    receive(rpc::Snapshot{sequence_, last, running, source_, digest()});
  }
  void error() {
    receive(rpc::Problem{any_request(), static_cast<rpc::ErrorCode>(in_.byte()), in_.text(20)});
  }
  void restore() {
    for (auto& tick : source_.ticks) tick = in_.byte();
    if (in_.byte() < 200) source_.machine_tick += 1;  // else it breaks the rule
  }
  void rare() {
    switch (in_.byte()) {
      case 0: return receive(rpc::Bye{static_cast<rpc::ByeCode>(in_.byte()), in_.byte()});
      case 1: return receive(rpc::Refused{rpc::RefuseCode::busy, in_.byte(), "no"});
      case 2: return link_.close(rpc::ByeCode::closing, effects_);
      case 3: return link_.abandon("the transport is gone", effects_);
      default: return receive(rpc::Ping{in_.byte()});
    }
  }
  std::uint64_t digest() const { return rpc::digest_of(source_); }
  rpc::RequestId any_request() { return in_.below(calls_.size() + 2); }

  // -- the caller ---------------------------------------------------------------------------------

  void call() {
    std::vector<am::StateIndex> called;
    for (auto n = in_.below(4); n > 0; --n)
      called.push_back(static_cast<am::StateIndex>(in_.below(5)));
    const auto args = in_.text(30);
    const auto deadline =
        in_.flag() ? Link::TimePoint::max() : now_ + std::chrono::seconds(in_.byte());
    const auto request = link_.mutate(static_cast<rpc::Op>(in_.below(6)), called,
                                      rpc::as_bytes(args), deadline, effects_);
    require(request > last_request_);
    last_request_ = request;
    calls_[request] = 0;
  }
  void pass_time() {
    now_ += in_.flag() ? std::chrono::milliseconds(in_.byte()) : std::chrono::seconds(in_.byte());
    link_.poll(now_, effects_);
    // What is due has been done: who sleeps until the deadline never spins.
    require(link_.next_deadline() > now_);
  }

  // -- what comes out -----------------------------------------------------------------------------

  void take() {
    for (std::size_t i = 0; i < effects_.frames.size(); ++i) check(effects_.frames[i]);
    for (const auto& event : effects_.events) {
      std::visit([&](const auto& e) { check(e); }, event);
    }
    require(std::ranges::is_sorted(effects_.changed));
    const auto open = static_cast<std::size_t>(
        std::ranges::count(calls_, 0, [](const auto& call) { return call.second; }));
    require(link_.pending() == open);
    require(ended_ == 0 || link_.state() == Link::State::closed);
    follow();
    effects_.clear();
    if (std::exchange(just_opened_, false)) {
      link_.proceed(now_, effects_);
      take();
    }
  }
  /// Clocks never go back, but for a machine that was restored.
  void follow() {
    const auto& now = link_.clocks();
    if (opened_ && now.machine_tick == seen_.machine_tick) {
      require(now.queue_tick >= seen_.queue_tick && now.ticks.size() == seen_.ticks.size());
      require(std::ranges::equal(seen_.ticks, now.ticks, std::less_equal{}));
    }
    require(!opened_ || now.machine_tick >= seen_.machine_tick);
    require(!opened_ || link_.sequence() >= seen_sequence_);
    if (honest_ && link_.state() == Link::State::open && !link_.resyncing() &&
        link_.sequence() == sequence_) {
      require(now == at_sequence_);
    }
    seen_ = now;
    seen_sequence_ = link_.sequence();
    opened_ = opened_ || link_.state() == Link::State::open;
  }

  void check(rpc::ByteView frame) {
    require(ended_ == 0 && !last_words_);
    const auto decoded = rpc::decode(frame, rpc::Sender::client, {}, scratch_);
    require(decoded.ok() && decoded.link == link_id_);
    if (const auto* hello = std::get_if<rpc::Hello>(&decoded.message)) offered_ = hello->features;
    if (const auto* choice = std::get_if<rpc::Choose>(&decoded.message)) choices_ = choice->token;
    last_words_ = std::holds_alternative<rpc::Bye>(decoded.message);
  }
  void check(const rpc::LinkOpened& opened) {
    require(!opened_ && ended_ == 0);
    just_opened_ = true;
    require(!opened.schema || opened.schema->entries().size() == link_.clocks().ticks.size());
  }
  void check(const rpc::ClocksChanged&) {
    require(ended_ == 0);
    for (const auto index : effects_.changed) require(index < link_.clocks().ticks.size());
  }
  void check(const rpc::Replied& replied) {
    const auto call = calls_.find(replied.request);
    require(call != calls_.end() && ++call->second == 1);
  }
  void check(const rpc::Synced&) {
    require(ended_ == 0);
    if (honest_) require(link_.clocks() == source_);
  }
  void check(const rpc::ChoiceTaken& taken) {
    require(ended_ == 0 && choosing_ && (offered_ & rpc::feature_choice) != 0);
    if (honest_) require(link_.clocks() == source_);
    opened_ = false;  // clocks may have gone back
    if (taken.names) require(taken.names->size() <= link_.clocks().ticks.size());
  }
  void check(const rpc::ChoiceAnswered&) {
    require(choosing_.has_value());
    choosing_.reset();
  }
  void check(const rpc::ProblemReported&) { require(ended_ == 0); }
  void check(const rpc::Ponged&) { require(ended_ == 0); }
  void check(const rpc::LinkClosed& closed) {
    require(closed.reason != rpc::CloseReason::none && !closed.text.empty());
    require(++ended_ == 1);
  }

  fuzz::Input& in_;
  unsigned kind_;
  rpc::LinkId link_id_ = 4;
  rpc::ClientLinkOptions options_;
  Link::TimePoint now_{std::chrono::hours(1)};
  Link link_;
  rpc::ClientEffects effects_;

  // The server.
  rpc::Bytes frame_;
  rpc::Diff diff_;
  rpc::Clocks source_{{0, 0, 0, 0}, 1, 0};
  std::uint64_t sequence_ = 0;
  rpc::Clocks at_sequence_;                         // the source's as of that
  bool honest_ = true;                              // nothing was damaged or made up so far
  std::uint64_t offered_ = 0;                       // features, by the last hello
  std::uint64_t choices_ = 0;                       // the token of the last choice
  std::optional<am::rpc::SyncOptions> choosing_{};  // that has no answer yet

  // What the link has done.
  rpc::DecodeScratch scratch_;
  std::map<rpc::RequestId, int> calls_;  // with the number of their answers
  rpc::RequestId last_request_ = 0;
  rpc::Clocks seen_;
  std::uint64_t seen_sequence_ = 0;
  bool opened_ = false;
  bool just_opened_ = false;
  bool last_words_ = false;
  int ended_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  Session(in).run();
  return 0;
}
