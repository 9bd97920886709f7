#include "client/interrupt.hpp"

#include <csignal>

#include <unistd.h>

namespace file_pipeline {

Interrupt::Interrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::thread([this, signals] {
    while (true) {
      int signal = 0;
      sigwait(&signals, &signal);
      if (over_) return;
      if (!source_.request_stop()) _exit(130);
    }
  });
}

Interrupt::~Interrupt() {
  over_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);  // blocked there, so it only ends the sigwait
  thread_.join();
}

}  // namespace file_pipeline
