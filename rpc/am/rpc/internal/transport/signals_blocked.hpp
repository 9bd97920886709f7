// Threads of ours get no signals.
#pragma once

#include <csignal>

namespace am::rpc::internal {

/// Signals belong to the threads of the program: they stay blocked while a thread of ours is
/// started, which inherits that.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
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

}  // namespace am::rpc::internal
