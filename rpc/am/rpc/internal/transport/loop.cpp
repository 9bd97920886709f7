#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/rpc/internal/transport/loop.hpp>
#include <am/rpc/internal/transport/signals_blocked.hpp>

#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <algorithm>
#include <ctime>

namespace am::rpc::internal {

namespace {

/// What the calling thread was started for.
struct OwnThread {
  const Loop* loop = nullptr;
  unsigned number = 0;
};
thread_local OwnThread own_thread;

}  // namespace

bool poll_until(int first, int second, TransportTime deadline) noexcept {
  std::array<pollfd, 2> descriptors{pollfd{first, POLLIN, 0}, pollfd{second, POLLIN, 0}};
  if (deadline == no_deadline) {
    ppoll(descriptors.data(), descriptors.size(), nullptr, nullptr);
  } else {
    // An hour at a time, and nothing for what has passed: no deadline must overflow.
    const auto now = std::chrono::steady_clock::now();
    const auto left =
        deadline <= now ? std::chrono::nanoseconds{0}
                        : std::min<std::chrono::nanoseconds>(deadline - now, std::chrono::hours{1});
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec timeout{.tv_sec = static_cast<time_t>(seconds.count()),
                           .tv_nsec = static_cast<long>((left - seconds).count())};
    ppoll(descriptors.data(), descriptors.size(), &timeout, nullptr);
  }
  return (descriptors[0].revents & POLLIN) != 0;
}

Loop::Loop(LoopBody& body) : body_(body), owner_(getpid()) {}

Loop::~Loop() = default;

bool Loop::forked() const noexcept { return owner_ != getpid(); }

bool Loop::on_own_thread() const noexcept { return own_thread.loop == this; }

bool Loop::on_leading_thread() const noexcept {
  return own_thread.loop == this && lead_.leads(own_thread.number);
}

// -- life ----------------------------------------------------------------------------------------

void Loop::start(std::shared_ptr<void> keep_alive, std::string_view name,
                 const std::function<void()>& prepare) {
  const std::scoped_lock lock(mutex_);
  if (started_ || ended_) throw Error(Errc::invalid_argument, "a transport is started once only");
  prepare();
  name_ = name;
  start_thread(std::move(keep_alive));
  started_ = true;
}

/// Under `mutex_`.
void Loop::start_thread(std::shared_ptr<void> keep_alive) {
  const SignalsBlocked blocked;
  const auto number = static_cast<unsigned>(threads_.size());
  threads_.emplace_back([this, number, keep = std::move(keep_alive), name = name_] {
    // `this` lives as long as `keep`.
    pthread_setname_np(pthread_self(), name.c_str());
    prctl(PR_SET_TIMERSLACK, 1UL);
    own_thread = {this, number};
    run(number, keep);
  });
  ++running_;
}

void Loop::run(unsigned thread, const std::shared_ptr<void>& keep_alive) noexcept {
  while (!stopping()) {
    if (lead_.leads(thread)) {
      pump(thread, keep_alive);
    } else {
      stand_by(thread, keep_alive);
    }
  }
  end_thread();
}

void Loop::end_thread() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    if (--running_ != 0) return;
  }
  {
    const std::scoped_lock turn(turn_mutex_);
    closed_ = true;
    watch_.forget();
    body_.close();
  }
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

bool Loop::stop(std::chrono::milliseconds timeout) {
  if (on_own_thread() || in_turn()) {
    throw Error(Errc::would_deadlock,
                "a transport cannot be stopped from its own I/O thread; stop it from another");
  }
  if (forked()) return true;
  stopping_.store(true);
  wake();
  alarm_.set(std::chrono::nanoseconds{1});
  std::unique_lock lock(mutex_);
  if (!started_ && !ended_) {
    body_.close();
    ended_ = true;
  }
  const auto deadline = am::detail::deadline_after(std::chrono::steady_clock::now(), timeout);
  if (!ended_changed_.wait_until(lock, deadline, [this] { return ended_; })) return false;
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  return true;
}

void Loop::stop_or_abandon(std::chrono::milliseconds timeout) noexcept {
  if (forked()) return;
  stopping_.store(true);
  wake();
  alarm_.set(std::chrono::nanoseconds{1});
  if (!on_own_thread() && !in_turn() && stop(timeout)) return;
  const std::scoped_lock lock(mutex_);
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.detach();
  }
}

// -- turning -------------------------------------------------------------------------------------

void Loop::wake() noexcept {
  // A caller that leads takes its own signal after it says that it leads no more, or another one
  // after it says that it does: so whoever has the socket now has heard of this.
  if (led_.load(std::memory_order_seq_cst)) {
    caller_signal_.wake();
    if (led_.load(std::memory_order_seq_cst)) return;
  }
  signal_.wake();
}

void Loop::pump(unsigned thread, const std::shared_ptr<void>& keep_alive) noexcept {
  const bool woken = sleep();
  if (stopping()) return;
  turn(woken);
  // Whoever leads a turn for an answer sleeps on, though its answer may be there.
  if (led_.load(std::memory_order_seq_cst)) caller_signal_.wake();
  while (body_.has_work() && !stopping()) {
    if (!do_work(thread, keep_alive)) return;
    const std::scoped_lock lock(turn_mutex_);
    have_turn([this] { body_.after_work(); });
  }
}

bool Loop::sleep() noexcept {
  TransportTime deadline{};
  {
    const std::scoped_lock lock(turn_mutex_);
    if (!may_sleep_) return signal_.take();
    deadline = sleeps_until_ = next_deadline_;
  }
  if (signal_.begin_sleep() && poll_until(signal_.descriptor(), watch_.descriptor(), deadline)) {
    signal_.clear();
  }
  return signal_.take();
}

void Loop::turn(bool woken) noexcept {
  const std::scoped_lock lock(turn_mutex_);
  have_turn([&] { body_.turn(woken); });
}

}  // namespace am::rpc::internal
