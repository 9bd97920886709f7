#include <am/rpc/internal/remote_core.hpp>

#include <am/error.hpp>
#include <am/internal/publish.hpp>
#include <am/rpc/arg_types.hpp>
#include <am/rpc/internal/client_core.hpp>
#include <am/rpc/internal/random.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

Op op_of(detail::Operation operation) {
  switch (operation) {
    case detail::Operation::add: return Op::add;
    case detail::Operation::remove: return Op::remove;
    case detail::Operation::set: return Op::set;
    case detail::Operation::toggle: return Op::toggle;
    case detail::Operation::can_add: return Op::can_add;
    case detail::Operation::can_remove: return Op::can_remove;
  }
  return Op::can_add;
}

}  // namespace

RemoteCore::RemoteCore(std::string id, CompiledSchema schema, std::shared_ptr<ClientCore> client,
                       RemoteId remote)
    : Core(std::move(id), std::move(schema)), client_(std::move(client)), remote_(remote) {
  status_.since = std::chrono::steady_clock::now();
}

Result RemoteCore::mutate(detail::Operation operation, const StateList& states, Args args,
                          const MutationOptions& options) {
  auto called = at_source(states);
  auto encoded = ArgTypes::global().encode(args, {.bytes = client_->max_argument_bytes()});
  check_may_block();
  if (over()) return {Result::not_sent, Reason::link};
  std::string error;
  const auto result = client_->call(remote_, op_of(operation), std::move(called),
                                    std::move(encoded), options, error);
  remember_error(std::move(error));
  return result;
}

void RemoteCore::mutate_async(detail::Operation operation, const StateList& states, Args args,
                              const MutationOptions& options,
                              std::shared_ptr<detail::PendingState<Result>> pending) {
  auto called = at_source(states);
  auto encoded = ArgTypes::global().encode(args, {.bytes = client_->max_argument_bytes()});
  if (over()) return pending->end({Result::not_sent, Reason::link});
  client_->call_async(remote_, op_of(operation), std::move(called), std::move(encoded), options,
                      [self = std::static_pointer_cast<RemoteCore>(shared_from_this()),
                       pending = std::move(pending)](Result result, std::string error) {
                        self->remember_error(std::move(error));
                        pending->end(result);
                      });
}

void RemoteCore::forward(Op op, std::span<const StateIndex> called, ByteView args,
                         std::function<void(Result, std::string error)> told) {
  if (over()) return told({Result::not_sent, Reason::link}, "");
  std::vector<StateIndex> there(called.begin(), called.end());
  if (translate(there)) return told({Result::not_sent, Reason::denied}, "a state not followed");
  client_->call_async(remote_, op, std::move(there), {args.begin(), args.end()}, {},
                      std::move(told));
}

void RemoteCore::remember_error(std::string error) {
  if (error.empty()) return;
  const std::lock_guard lock(mutex_);
  last_error_ = ErrorInfo{std::move(error), "server"};
}

void RemoteCore::take_error(ErrorInfo error) {
  {
    const std::lock_guard lock(mutex_);
    last_error_ = error;
  }
  if (watchers_.any()) watchers_.tell_error(error);
}

void RemoteCore::active_states(std::vector<StateIndex>& out) const {
  out.clear();
  std::vector<std::uint64_t> ticks;
  board().snapshot(ticks);
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    if ((ticks[i] & 1U) != 0) out.push_back(static_cast<StateIndex>(i));
  }
}

std::optional<ErrorInfo> RemoteCore::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

void RemoteCore::check_may_block() const {
  if (client_->on_io_thread()) {
    throw Error(
        Errc::would_deadlock,
        fmt::format("the I/O thread of remote machine \"{}\" would wait for itself: hand the "
                    "work to another thread",
                    id()));
  }
}

std::optional<Ended> RemoteCore::over() const noexcept {
  const auto how = over_.load(std::memory_order_acquire);
  return how < 0 ? std::nullopt : std::optional(static_cast<Ended>(how));
}

// -- waits on arguments --------------------------------------------------------------------------

/// One that the source was asked for. Lives as long as the wait; the source forgets it after that.
class RemoteCore::AskedWait {
 public:
  AskedWait(std::weak_ptr<ClientCore> client, RemoteId remote, WaitId wait, StateIndex state)
      : client_(std::move(client)), remote_(remote), wait_(wait), state_(state) {}
  AskedWait(const AskedWait&) = delete;
  AskedWait& operator=(const AskedWait&) = delete;
  ~AskedWait() {
    if (const auto client = client_.lock()) client->forget(remote_, wait_);
  }

  StateIndex state() const noexcept { return state_; }
  void end() noexcept { ended_.store(true, std::memory_order_release); }
  bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }

 private:
  std::weak_ptr<ClientCore> client_;
  RemoteId remote_;
  WaitId wait_;
  StateIndex state_;  ///< here
  std::atomic<bool> ended_{false};
};

Wait RemoteCore::wait_on_named(StateIndex state, const Args& wanted) {
  std::vector<StateIndex> there{state};
  if (translate(there)) {
    throw Error(Errc::invalid_argument,
                fmt::format("state \"{}\" of remote machine \"{}\" is not followed, and without "
                            "the schema nobody here knows where it is",
                            board().schema().names()[state], id()));
  }
  auto encoded = ArgTypes::global().encode(wanted, {.bytes = max_wait_args});
  std::shared_ptr<AskedWait> asked;
  WaitId id = 0;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(asked_, [](const auto& entry) { return entry.second.expired(); });
    if (asked_.size() < max_waits) {
      id = ++last_wait_;
      asked = std::make_shared<AskedWait>(client_, remote_, id, state);
      asked_.emplace(id, asked);
    }
  }
  if (asked == nullptr) {
    throw Error(Errc::invalid_argument,
                fmt::format("remote machine \"{}\" has {} waits on arguments: that is the most, "
                            "let go of some",
                            this->id(), max_waits));
  }
  auto wait =
      wait_on_args(state, [asked = std::move(asked)](const Args&) { return asked->ended(); });
  if (!wait.done()) client_->ask(remote_, id, there.front(), std::move(encoded));
  return wait;
}

void RemoteCore::answered(WaitId wait, Ended how) {
  std::shared_ptr<AskedWait> asked;
  {
    const std::lock_guard lock(mutex_);
    const auto found = asked_.find(wait);
    if (found == asked_.end()) return;
    asked = found->second.lock();
    asked_.erase(found);
  }
  if (asked == nullptr) return;
  asked->end();
  fire_args_waits(asked->state(), {}, how);
}

// -- index orders --------------------------------------------------------------------------------

/// Makes positions here those at the source; the first one that is not known there, or nothing.
std::optional<StateIndex> RemoteCore::translate(std::span<StateIndex> states) const {
  std::shared_ptr<const StateMap> map;
  {
    const std::lock_guard lock(mutex_);
    map = map_;
  }
  if (map == nullptr) return std::nullopt;
  for (auto& index : states) {
    const auto there = map->to_source(index);
    if (!there) return index;
    index = *there;
  }
  return std::nullopt;
}

std::vector<StateIndex> RemoteCore::at_source(const StateList& states) const {
  std::vector<StateIndex> called;
  board().indexes_of(states, called);
  if (const auto unknown = translate(called)) {
    throw Error(
        Errc::invalid_argument,
        fmt::format("state \"{}\" of remote machine \"{}\" is not followed, and without the "
                    "schema nobody here knows where it is",
                    board().schema().names()[*unknown], id()));
  }
  return called;
}

void RemoteCore::learn(std::span<const NamedState> names) {
  auto map = std::make_shared<StateMap>(map_ == nullptr ? StateMap{} : *map_);
  map->learn(names, board().schema().names());
  const std::lock_guard lock(mutex_);
  map_ = std::move(map);
}

const Clocks& RemoteCore::own(const Clocks& clocks) {
  if (map_ == nullptr) return clocks;
  own_clocks_.ticks.assign(board().schema().size(), 0);
  own_clocks_.queue_tick = clocks.queue_tick;
  own_clocks_.machine_tick = clocks.machine_tick;
  for (std::size_t i = 0; i < own_clocks_.ticks.size(); ++i) {
    const auto there = map_->to_source(static_cast<StateIndex>(i));
    if (there) own_clocks_.ticks[i] = clocks.ticks[*there];
  }
  return own_clocks_;
}

std::span<const StateIndex> RemoteCore::own(std::span<const StateIndex> changed) {
  if (map_ == nullptr) return changed;
  own_changed_.clear();
  for (const auto index : changed) {
    if (const auto here = map_->to_own(index)) own_changed_.push_back(*here);
  }
  std::sort(own_changed_.begin(), own_changed_.end());
  return own_changed_;
}

// -- clocks, on the I/O thread -------------------------------------------------------------------

void RemoteCore::apply(const Clocks& clocks, std::span<const StateIndex> changed) {
  show(own(clocks), own(changed), {});
}

void RemoteCore::apply(const Clocks& clocks, std::span<const StateIndex> changed,
                       const TransitionStory& story) {
  if (!watchers_.any()) return apply(clocks, changed);  // nobody is told
  std::vector<StateIndex> called;
  for (const auto there : story.called) {
    const auto here = map_ == nullptr ? std::optional(there) : map_->to_own(there);
    if (here) called.push_back(*here);
  }
  UpdateStory update;
  update.type = story.type;
  update.automatic = story.automatic;
  update.accepted = story.accepted;
  update.called = called;
  show(own(clocks), own(changed), update);
}

void RemoteCore::show(const Clocks& clocks, std::span<const StateIndex> changed,
                      const UpdateStory& story) {
  const auto write_all = [&](detail::ClockBoard::Write& write) {
    for (const auto i : changed) write.tick(i, clocks.ticks[i]);
    write.queue_tick(clocks.queue_tick);
    write.machine_tick(clocks.machine_tick);
  };
  // Of a source that was restored to earlier clocks: here as there, waits on ticks end.
  const bool back =
      std::ranges::any_of(changed, [&](StateIndex i) { return clocks.ticks[i] < board().tick(i); });
  const auto publish_all = [&] {
    if (!back) return publish(changed, write_all);
    epochs_.fetch_add(1, std::memory_order_acq_rel);
    rewind(write_all);
  };
  if (watchers_.any()) {
    watchers_.tell(*this, clocks, changed, story, publish_all);
  } else {
    publish_all();
  }
  fire_waits(changed);
  fire_queue_waits(clocks.queue_tick);
}

/// Of a proxy without a schema: states that are new here come after the others.
void RemoteCore::take_names(std::span<const NamedState> names) {
  const auto& before = board().schema();
  auto entries = before.schema().entries();
  for (const auto& state : names) {
    if (!before.find(state.name)) entries.push_back({StateName{state.name}, State{}});
  }
  if (entries.size() != before.size()) {
    grow_board(CompiledSchema(Schema(std::move(entries))));
    if (watchers_.any()) watchers_.tell_grown(before, board().schema());
  }
  learn(names);
}

void RemoteCore::retrack(const ChoiceTaken& taken, const Clocks& clocks,
                         std::span<const StateIndex> changed) {
  if (taken.names) take_names(*taken.names);
  if (taken.back) {
    replace(random_number(), clocks);  // to those that this proxy is served to, it is another life
  } else {
    apply(clocks, changed);
  }
}

void RemoteCore::set_status(LinkState state, std::string why) {
  const std::lock_guard lock(mutex_);
  if (status_.state == LinkState::ended) return;
  if (status_.state != state) status_.since = std::chrono::steady_clock::now();
  status_.state = state;
  status_.why = std::move(why);
}

void RemoteCore::lose(std::string reason) { set_status(LinkState::stale, std::move(reason)); }

void RemoteCore::resume(const LinkOpened& opened, const Clocks& clocks,
                        std::span<const StateIndex> changed) {
  if (opened.schema) {
    const auto& before = board().schema();
    grow_board(CompiledSchema(*opened.schema));
    if (watchers_.any()) watchers_.tell_grown(before, board().schema());
  }
  if (opened.names) take_names(*opened.names);
  if (opened.clocks == LinkOpened::Clocks::new_epoch) {
    replace(opened.epoch, clocks);
  } else {
    apply(clocks, changed);
  }
  set_status(LinkState::connected, "");
}

/// The clocks are those of another life of the source.
void RemoteCore::replace(std::uint64_t epoch, const Clocks& theirs) {
  const Clocks& clocks = own(theirs);
  const auto show = [&] {
    epochs_.fetch_add(1, std::memory_order_acq_rel);
    set_epoch(epoch);
    begin_epoch(clocks.ticks, clocks.queue_tick, clocks.machine_tick);
  };
  if (!watchers_.any()) return show();
  std::vector<StateIndex> changed;
  for (std::size_t i = 0; i < clocks.ticks.size(); ++i) {
    const auto index = static_cast<StateIndex>(i);
    if (board().tick(index) != clocks.ticks[i]) changed.push_back(index);
  }
  watchers_.tell(*this, clocks, changed, {}, show);
}

void RemoteCore::set_traffic(const LinkTraffic& traffic) {
  const std::lock_guard lock(mutex_);
  traffic_ = traffic;
}

void RemoteCore::end(Ended how, std::string reason) {
  int going_on = -1;
  if (!over_.compare_exchange_strong(going_on, static_cast<int>(how))) return;
  set_status(LinkState::ended, std::move(reason));
  release_all(how);
  if (watchers_.any()) watchers_.tell_disposed();
}

LinkStatus RemoteCore::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

LinkTraffic RemoteCore::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

}  // namespace am::rpc::internal
