#include <am/helpers/interval.hpp>

#include <am/error.hpp>
#include <am/helpers/internal/follow.hpp>

#include <mutex>
#include <optional>
#include <utility>

namespace am {

using Clock = Timers::Clock;

namespace {

/// Kept by the timer that is to call it next.
class Interval final : public std::enable_shared_from_this<Interval>,
                       public detail::PendingState<Ended> {
 public:
  Interval(std::chrono::nanoseconds every, std::function<bool()> fn, IntervalOptions options)
      : PendingState(nullptr), every_(every), fn_(std::move(fn)), options_(std::move(options)) {
    const auto timers =
        options_.timers != nullptr ? std::exchange(options_.timers, nullptr) : system_timers();
    timers_ = timers;
    next_ = detail::deadline_after(timers->now(), every_);
    last_ = detail::deadline_after(timers->now(), options_.total.get());
  }

  void start() {
    arm();
    if (options_.stop.stop_possible()) {
      stopped_.emplace(options_.stop, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->finish(Ended::stopped);
      });
    }
  }

 private:
  void arm() {
    const auto timers = timers_.lock();
    if (timers == nullptr) return;  // time stands still
    const auto due = std::min(next_, last_);
    const auto id = timers->at(
        due, [self = shared_from_this()] { self->tick(); }, options_.executor);
    const std::lock_guard lock(mutex_);
    timer_ = id;
    if (over_) timers->cancel(id);
  }

  void tick() {
    {
      const std::lock_guard lock(mutex_);
      if (over_) return;
    }
    if (next_ > last_) return finish(Ended::timeout);
    if (!fn_()) return finish(Ended::fired);
    const auto timers = timers_.lock();
    if (timers == nullptr) return;
    const auto now = timers->now();
    if (now >= last_) return finish(Ended::timeout);
    next_ = detail::deadline_after(next_, every_);
    if (next_ <= now) next_ = detail::deadline_after(now, every_);
    arm();
  }

  void finish(Ended how) {
    TimerId timer;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(over_, true)) return;
      timer = timer_;
    }
    if (const auto timers = timers_.lock()) timers->cancel(timer);
    end(how);
  }

  const std::chrono::nanoseconds every_;
  const std::function<bool()> fn_;
  IntervalOptions options_;
  std::weak_ptr<Timers> timers_{};  // which own this while it is armed
  Clock::time_point next_{};        // by the timer's thread
  Clock::time_point last_{};
  std::mutex mutex_;
  bool over_ = false;
  TimerId timer_{};
  std::optional<std::stop_callback<std::function<void()>>> stopped_{};
};

}  // namespace

Pending<Ended> interval(Duration every, std::function<bool()> fn, IntervalOptions options) {
  if (every <= Duration{}) {
    throw Error(Errc::invalid_argument, "interval: must be longer than nothing");
  }
  if (fn == nullptr) throw Error(Errc::invalid_argument, "interval: needs a function to call");
  auto state = std::make_shared<Interval>(every, std::move(fn), std::move(options));
  state->start();
  return Pending<Ended>(std::move(state));
}

// -- debounce -----------------------------------------------------------------------

class Debounce::State : public std::enable_shared_from_this<State> {
 public:
  State(const Api& machine, StateRef state, std::chrono::nanoseconds quiet,
        std::shared_ptr<Timers> timers)
      : machine_(machine),
        state_(machine.core()->board().index_of(state)),
        quiet_(quiet),
        timers_(timers != nullptr ? std::move(timers) : machine.core()->timers()) {}

  void poke() {
    const auto due = detail::deadline_after(timers_->now(), quiet_);
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      due_ = due;
      // A timer that is armed looks at `due_` when it goes off, and goes on from there.
      if (due == detail::never || std::exchange(armed_, true)) return;
    }
    arm(due);
  }

  bool cancel() {
    const std::lock_guard lock(mutex_);
    return std::exchange(due_, std::nullopt).has_value();
  }

  void watch(const Api& source, const std::vector<StateName>& states) {
    std::vector<StateIndex> followed;
    for (const auto& name : states) followed.push_back(source.schema().id(name.text).index());
    auto follow = std::make_unique<internal::Follow>(
        source, std::move(followed),
        internal::FollowCalls{.changed = [weak = weak_from_this()](auto, const Transition*) {
          if (const auto self = weak.lock()) self->poke();
        }});
    const std::lock_guard lock(mutex_);
    follows_.push_back(std::move(follow));
  }

  void close() {
    std::vector<std::unique_ptr<internal::Follow>> follows;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    due_.reset();
    follows.swap(follows_);
  }

 private:
  void arm(Clock::time_point due) {
    timers_->at(due, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->go_off();
    });
  }

  void go_off() {
    std::optional<Clock::time_point> later;
    {
      const auto now = timers_->now();
      const std::lock_guard lock(mutex_);
      if (due_ && *due_ > now) {
        later = due_;
      } else {
        armed_ = false;
        if (!std::exchange(due_, std::nullopt)) return;
      }
    }
    if (later) return arm(*later);
    machine_.add_async(machine_.schema().id(state_));
  }

  Api machine_;
  const StateIndex state_;
  const std::chrono::nanoseconds quiet_;
  const std::shared_ptr<Timers> timers_;
  std::mutex mutex_;
  bool closed_ = false;
  bool armed_ = false;
  std::optional<Clock::time_point> due_{};
  std::vector<std::unique_ptr<internal::Follow>> follows_;
};

Debounce::Debounce(const Api& machine, StateRef state, Duration quiet,
                   std::shared_ptr<Timers> timers)
    : state_(std::make_shared<State>(machine, state, quiet, std::move(timers))) {}

Debounce& Debounce::operator=(Debounce&& other) noexcept {
  if (state_ != nullptr && state_ != other.state_) state_->close();
  state_ = std::move(other.state_);
  return *this;
}

Debounce::~Debounce() {
  if (state_ != nullptr) state_->close();
}

void Debounce::poke() { state_->poke(); }
bool Debounce::cancel() { return state_->cancel(); }
void Debounce::watch(const Api& source, const std::vector<StateName>& states) {
  state_->watch(source, states);
}

}  // namespace am
