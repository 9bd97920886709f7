#include <am/error.hpp>
#include <am/rpc/internal/transport/loop.hpp>

#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <ctime>
#include <string>

namespace am::rpc::internal {

namespace {

/// Signals belong to the threads of the program: they stay blocked while a thread of ours is
/// started.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(SignalsBlocked&&) = delete;
  SignalsBlocked& operator=(SignalsBlocked&&) = delete;

 private:
  sigset_t before_;
};

/// Sleeps until a descriptor is readable or `deadline` has passed.
void poll_until(std::span<pollfd> descriptors, TransportTime deadline) noexcept {
  const auto count = static_cast<nfds_t>(descriptors.size());
  if (deadline == no_deadline) {
    ppoll(descriptors.data(), count, nullptr, nullptr);
    return;
  }
  // An hour at a time: far deadlines must not overflow.
  const auto left =
      std::clamp<std::chrono::nanoseconds>(deadline - std::chrono::steady_clock::now(),
                                           std::chrono::nanoseconds{0}, std::chrono::hours{1});
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  const timespec timeout{.tv_sec = static_cast<time_t>(seconds.count()),
                         .tv_nsec = static_cast<long>((left - seconds).count())};
  ppoll(descriptors.data(), count, &timeout, nullptr);
}

}  // namespace

Loop::Loop(LoopBody& body) : body_(body), owner_(getpid()) {}

Loop::~Loop() = default;

bool Loop::forked() const noexcept { return owner_ != getpid(); }

void Loop::start(std::shared_ptr<void> keep_alive, std::string_view name,
                 const std::function<void()>& prepare) {
  const std::scoped_lock lock(mutex_);
  if (started_ || ended_) throw Error(Errc::invalid_argument, "a transport is started once only");
  prepare();
  const SignalsBlocked blocked;
  thread_ = std::thread([this, keep = std::move(keep_alive), text = std::string{name}]() mutable {
    // `this` lives as long as `keep`.
    pthread_setname_np(pthread_self(), text.c_str());
    prctl(PR_SET_TIMERSLACK, 1UL);
    run();
  });
  started_ = true;
}

void Loop::run() noexcept {
  loop_thread_.store(std::this_thread::get_id());
  while (!stopping()) pump(no_deadline);
  body_.close();
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

void Loop::pump(TransportTime deadline) noexcept {
  const bool woken = wait(deadline);
  if (stopping()) return;
  const std::scoped_lock turn(turn_mutex_);
  body_.turn(woken);
  may_sleep_ = body_.may_sleep();
  next_deadline_ = body_.next_deadline();
}

bool Loop::wait(TransportTime deadline) noexcept {
  bool may_sleep = false;
  {
    const std::scoped_lock turn(turn_mutex_);
    may_sleep = may_sleep_;
    deadline = std::min(deadline, next_deadline_);
  }
  if (!may_sleep) return signal_.take();

  const auto [socket, monitor] = body_.descriptors();
  std::array<pollfd, 3> descriptors{pollfd{signal_.descriptor(), POLLIN, 0},
                                    pollfd{socket, POLLIN, 0}, pollfd{monitor, POLLIN, 0}};
  if (signal_.begin_sleep()) {
    poll_until(descriptors, deadline);
    if ((descriptors[0].revents & POLLIN) != 0) signal_.clear();
  }
  return signal_.take();
}

bool Loop::stop(std::chrono::milliseconds timeout) {
  if (loop_thread_.load() == std::this_thread::get_id()) {
    throw Error(Errc::would_deadlock,
                "a transport cannot be stopped from its own I/O thread; stop it from another");
  }
  if (forked()) return true;
  stopping_.store(true);
  wake();
  std::unique_lock lock(mutex_);
  if (!started_ && !ended_) {
    body_.close();
    ended_ = true;
  }
  if (!ended_changed_.wait_for(lock, timeout, [this] { return ended_; })) return false;
  if (thread_.joinable()) thread_.join();
  return true;
}

void Loop::stop_or_abandon(std::chrono::milliseconds timeout) noexcept {
  if (forked()) return;
  stopping_.store(true);
  wake();
  const bool on_loop_thread = loop_thread_.load() == std::this_thread::get_id();
  if (!on_loop_thread && stop(timeout)) return;
  const std::scoped_lock lock(mutex_);
  if (thread_.joinable()) thread_.detach();
}

}  // namespace am::rpc::internal
