// A server's link: any frames, answers in any order and any passing of time. What it sends is
// followed by a client that believes nothing.
#include "target.hpp"

#include <am/rpc/internal/packing.hpp>
#include <am/rpc/internal/server_link.hpp>
#include <am/rpc/internal/sync_choice.hpp>
#include <am/rpc/internal/transfer_messages.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>

namespace {

namespace rpc = am::rpc::internal;
using fuzz::require;
using Link = rpc::ServerLink;

constexpr rpc::LinkId link_id = 4;
constexpr std::uint64_t token = 77;
constexpr std::uint64_t small_window = 3;
constexpr std::uint64_t all_features =
    rpc::feature_resume | rpc::feature_choice | rpc::feature_transfers | rpc::feature_packing;

/// Whether features are offered and taken: inputs that begin with a small byte say no more than the
/// first version of the protocol.
bool has_features(unsigned kind) { return kind >= 128; }

rpc::ServerLinkOptions options(unsigned kind) {
  rpc::ServerLinkOptions o;
  o.limits.pending_requests = 5;
  if (kind % 4 == 0) o.limits.frame = 64;  // some frames do not fit
  if (kind % 3 == 0) o.push_interval = {};
  if (kind % 5 == 0) o.push_mode = rpc::PushMode::disabled;
  return o;
}

/// The link between a source whose clocks move as the input says and a model of a client.
class Session {
 public:
  explicit Session(fuzz::Input& in)
      : in_(in),
        kind_(in.byte()),
        options_(options(kind_)),
        window_(has_features(kind_) ? small_window : rpc::PushWindow::default_size),
        link_(link_id, options_, now_, std::make_shared<rpc::PushWindow>(window_)) {}

  void run() {
    for (int step = 0; step < 200 && !in_.empty(); ++step) {
      act();
      take();
    }
    link_.close(rpc::ByeCode::closing, 0, effects_);
    take();
    require(ended_ == 1 && link_.state() == Link::State::closed);
    require(link_.next_deadline() == Link::TimePoint::max());
  }

 private:
  void act() {
    const auto what = in_.byte();
    if (has_features(kind_) && what >= 224) return act_with_features(what);
    switch (what % 16) {
      case 0: return receive_raw();
      case 1: return receive(hello());
      case 2:
      case 3: return mutate();
      case 4: return receive(rpc::Sync{});
      case 5: return receive(rpc::Ping{in_.byte()});
      case 6: return receive(rpc::Bye{static_cast<rpc::ByeCode>(in_.byte()), in_.byte()});
      case 7: return answer_hello();
      case 8:
      case 9: return answer_request();
      case 10:
      case 11: return change();
      case 12: return poll();
      case 13: return snapshot();
      case 14: return replace_source();
      default: return pass_time();
    }
  }

  void act_with_features(unsigned what) {
    switch (what % 6) {
      case 0: return choose();
      case 1: since_shown_ = 0; return receive(rpc::Pong{in_.flag() ? asked_ : in_.byte(), 0});
      case 2: {
        const auto text = in_.text(3);
        return link_.send_chosen(choice_.value_or(in_.byte()), rpc::as_bytes(text), source_, now_,
                                 effects_);
      }
      case 3: return link_.refuse_choice(choice_.value_or(in_.byte()), "no", effects_);
      case 4: return receive(rpc::Mutate{1 + in_.below(highest_ + 1), rpc::Op::add, 1, {}, {}});
      default: return mutate();
    }
  }

  // -- the client ---------------------------------------------------------------------------------

  template <class Message>
  void receive(const Message& message) {
    frame_.clear();
    rpc::Writer writer{frame_};
    rpc::encode(writer, in_.byte() == 255 ? link_id + 1 : link_id, message);
    if (const auto damage = in_.byte(); damage >= 250) {
      frame_.resize(frame_.size() - std::min<std::size_t>(frame_.size(), damage - 249));
    }
    link_.on_frame(frame_, now_, effects_);
  }
  void receive_raw() {
    const auto text = in_.text(255);
    frame_.assign(rpc::as_bytes(text).begin(), rpc::as_bytes(text).end());
    link_.on_frame(frame_, now_, effects_);
  }
  rpc::Hello hello() {
    rpc::Hello hello;
    hello.fingerprint = in_.flag() ? fingerprint : 0;
    hello.session = in_.byte();
    if (in_.byte() == 255) hello.version_low = hello.version_high = 1 + in_.byte();
    if (!has_features(kind_)) return hello;
    hello.features = in_.byte();
    offer_ = rpc::encode(rpc::ResumeOffer{in_.byte(), in_.byte()});
    choice_bytes();
    extensions_ = {rpc::Extension{static_cast<std::uint64_t>(rpc::ExtensionId::resume), offer_},
                   rpc::Extension{static_cast<std::uint64_t>(rpc::ExtensionId::choice), chosen_}};
    hello.extensions = std::span{extensions_}.first(in_.below(3));
    return hello;
  }
  const rpc::Bytes& choice_bytes() {
    chosen_.clear();
    rpc::Writer writer{chosen_};
    am::rpc::SyncOptions choice;
    choice.shallow = in_.flag();
    choice.schema = in_.flag();
    if (in_.flag()) choice.states.emplace({in_.text(3)});
    rpc::write_choice(writer, choice);
    return chosen_;
  }
  void choose() {
    const auto number = in_.byte();
    receive(rpc::Choose{number, choice_bytes()});
  }
  void mutate() {
    const auto request = in_.flag() ? highest_ + 1 : 1 + in_.byte();
    called_.clear();
    for (auto n = in_.below(4); n > 0; --n)
      called_.push_back(static_cast<am::StateIndex>(in_.below(8)));
    const auto lowest = request - std::min<rpc::RequestId>(request - 1, in_.below(4));
    const auto args = in_.text(3);
    since_shown_ = 0;
    receive(rpc::Mutate{request, static_cast<rpc::Op>(in_.below(6)), lowest, called_,
                        rpc::as_bytes(args)});
  }

  // -- the source ---------------------------------------------------------------------------------

  void answer_hello() {
    if (in_.byte() % 8 == 0) {
      const auto text = in_.text(20);
      return link_.refuse(rpc::RefuseCode::busy, text, in_.byte(), effects_);
    }
    link_.accept({.machine_id = "m",
                  .epoch = 5,
                  .fingerprint = fingerprint,
                  .schema = rpc::as_bytes("schema"),
                  .clocks = source_,
                  .features = offered_ & all_features,
                  .log = std::make_shared<rpc::RequestLog>(),
                  .token = token},
                 now_, effects_);
  }
  void answer_request() {
    const auto request =
        running_.empty() || in_.byte() % 8 == 0
            ? in_.byte()
            : *std::next(running_.begin(), static_cast<std::ptrdiff_t>(in_.below(running_.size())));
    const am::Result result{static_cast<am::Result::Kind>(in_.below(5)),
                            static_cast<am::Reason>(in_.below(12)), am::QueueTick{in_.byte()}};
    link_.on_result(request, result, in_.text(30), source_, std::nullopt, now_, effects_);
    running_.erase(request);
  }
  void change() {
    source_.queue_tick += 1;
    const auto what = in_.byte();
    if (what % 4 != 0 && !source_.ticks.empty()) {
      source_.ticks[what % source_.ticks.size()] += what;
      return link_.on_source_changed(rpc::SourceChange::ticks, now_);
    }
    link_.on_source_changed(rpc::SourceChange::queue_only, now_);
  }
  /// Restored, or grown: what a diff cannot say.
  void replace_source() {
    const auto how = in_.byte();
    if (how == 255) {
      source_.ticks.push_back(1);
    } else {
      for (auto& tick : source_.ticks) tick = how;
      source_.machine_tick += 1;
    }
    link_.on_source_changed(rpc::SourceChange::ticks, now_);
  }
  void poll() { link_.poll(now_, source_, std::nullopt, effects_); }
  void snapshot() { link_.send_snapshot(source_, now_, effects_); }
  void pass_time() {
    now_ += in_.flag() ? std::chrono::milliseconds(in_.byte()) : std::chrono::seconds(in_.byte());
    poll();
    take();
    // What is due has been done: who sleeps until the deadline never spins.
    require(link_.next_deadline() > now_);
  }

  // -- what comes out -----------------------------------------------------------------------------

  void take() {
    for (std::size_t i = 0; i < effects_.frames.size(); ++i) check(effects_.frames[i]);
    for (const auto& event : effects_.events) {
      require(ended_ == 0);  // nothing after the end
      std::visit([&](const auto& e) { check(e); }, event);
    }
    if (ended_ != 0) require(link_.state() == Link::State::closed && link_.running() == 0);
    require(link_.running() == running_.size());
    require(running_.size() <= options_.limits.pending_requests);
    if (link_.state() == Link::State::open) {
      require(client_ == link_.sent() && sequence_ == link_.sequence());
    }
    effects_.clear();
    silent_ = silent_ || ended_ != 0;
  }

  void check(rpc::ByteView frame) {
    require(!silent_ && !last_words_);
    require(frame.size() <= options_.limits.frame);
    const auto decoded = rpc::decode(frame, rpc::Sender::server, {}, scratch_);
    require(decoded.ok() && decoded.link == link_id);
    std::visit([&](const auto& message) { check(message); }, decoded.message);
  }

  void check(const rpc::Welcome& welcome) {
    require(!std::exchange(open_, true));
    sequence_ = welcome.sequence;
    welcome.clocks.copy_to(client_);
    require(client_ == source_ && welcome.digest == rpc::digest_of(client_));
    features_ = welcome.features;
    require((features_ & ~offered_) == 0);
    require(rpc::find_token(welcome.extensions) == (in_session() ? token : 0));
  }
  bool in_session() const { return (features_ & rpc::feature_resume) != 0; }
  void check(const rpc::Reply& reply) {
    // One answer for each request, and only for those that came; in a session it may be repeated.
    require(open_);
    const auto [answer, first] = answered_.emplace(reply.request, reply.result);
    require(first || (in_session() &&
                      (reply.result == answer->second || reply.result == am::Result::unknown)));
    require(reply.result == am::Result::not_sent || reply.request <= highest_ || in_session());
    diff(reply.sequence, *reply.diff, reply.digest);
  }
  void check(const rpc::Ping& ping) {
    require(open_);
    asked_ = ping.token;
  }
  void check(const rpc::Chosen& chosen) {
    require(open_);
    if (chosen.refusal.empty()) check(chosen.snapshot);
  }
  void check(const rpc::Push& push) {
    require(open_ && !push.diff->empty());
    // No more than the window since the client has last shown anything.
    require(++since_shown_ <= window_);
    diff(push.sequence, *push.diff, push.digest);
    require(client_ == source_);
  }
  void check(const rpc::Snapshot& snapshot) {
    require(open_);
    require(snapshot.sequence == ++sequence_);
    snapshot.clocks.copy_to(client_);
    require(client_ == source_ && snapshot.digest == rpc::digest_of(client_));
    require(std::ranges::equal(running_, snapshot.running));
  }
  void check(const rpc::Bye&) { last_words_ = true; }
  void check(const rpc::Refused&) {
    require(!open_);
    last_words_ = true;
  }
  void check(const rpc::Problem&) {}
  void check(const rpc::Pong& pong) { require(pong.sequence == sequence_); }
  template <class Message>
  void check(const Message&) {
    require(false);  // no server says this
  }
  void diff(std::uint64_t sequence, const rpc::Diff& diff, std::uint32_t digest) {
    require(sequence == ++sequence_);
    require(rpc::digest_after(client_, rpc::digest_of(client_), diff).has_value());
    rpc::apply_diff(diff, client_);
    require(rpc::short_digest(rpc::digest_of(client_)) == digest);
  }

  void check(const rpc::HelloReceived& hello) {
    require(!open_);
    offered_ = hello.features;
  }
  void check(const rpc::MutationReceived& mutation) {
    require(open_ && mutation.request > highest_);  // once, in order
    highest_ = mutation.request;
    for (const auto index : mutation.called) require(index < client_.ticks.size());
    require(running_.insert(mutation.request).second);
  }
  void check(const rpc::SyncReceived&) { require(open_); }
  void check(const rpc::ChoiceReceived& received) {
    require(open_ && (features_ & rpc::feature_choice) != 0);
    choice_ = received.token;
    am::rpc::SyncOptions choice;
    rpc::Reader reader(received.choice);
    rpc::read_choice(reader, options_.limits, choice);
  }
  void check(const rpc::LinkClosed& closed) {
    require(closed.reason != rpc::CloseReason::none && !closed.text.empty());
    ++ended_;
    running_.clear();
  }

  static constexpr std::uint64_t fingerprint = 9;

  fuzz::Input& in_;
  unsigned kind_;
  rpc::ServerLinkOptions options_;
  std::uint64_t window_;
  Link::TimePoint now_{std::chrono::hours(1)};
  Link link_;
  rpc::ServerEffects effects_;
  rpc::Bytes frame_;
  std::vector<am::StateIndex> called_;
  rpc::Clocks source_{{0, 0, 0, 0}, 1, 0};

  // The client.
  rpc::DecodeScratch scratch_;
  rpc::Clocks client_;
  std::uint64_t sequence_ = 0;
  bool open_ = false;
  std::set<rpc::RequestId> running_;  // those without an answer
  std::map<rpc::RequestId, am::Result> answered_;
  std::uint64_t offered_ = 0;   // features
  std::uint64_t features_ = 0;  // those of the welcome
  rpc::Bytes offer_, chosen_;   // of extensions
  std::array<rpc::Extension, 2> extensions_{};
  std::optional<std::uint64_t> choice_;  // the token of one
  std::uint64_t asked_ = 0;              // the token of the last ping
  std::uint64_t since_shown_ = 0;        // pushes, since the client has shown which it has
  rpc::RequestId highest_ = 0;
  bool last_words_ = false;  // a bye or a refusal was sent
  int ended_ = 0;
  bool silent_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  Session(in).run();
  return 0;
}
