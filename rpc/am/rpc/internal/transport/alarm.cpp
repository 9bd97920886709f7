#include <am/rpc/internal/transport/alarm.hpp>

#include <sys/timerfd.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace am::rpc::internal {

Alarm::Alarm() : timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
  if (timer_ < 0) throw std::system_error(errno, std::generic_category(), "cannot make a timer");
}

Alarm::~Alarm() { close(timer_); }

void Alarm::set(std::chrono::nanoseconds delay) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(delay);
  itimerspec time{};
  time.it_value.tv_sec = static_cast<time_t>(seconds.count());
  time.it_value.tv_nsec = static_cast<long>((delay - seconds).count());
  timerfd_settime(timer_, 0, &time, nullptr);
}

void Alarm::wait() noexcept {
  std::uint64_t times = 0;
  while (read(timer_, &times, sizeof times) < 0 && errno == EINTR) {
  }
}

}  // namespace am::rpc::internal
