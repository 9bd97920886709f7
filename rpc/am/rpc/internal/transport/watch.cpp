#include <am/rpc/internal/transport/watch.hpp>

#include <sys/epoll.h>
#include <unistd.h>
#include <cerrno>
#include <system_error>

namespace am::rpc::internal {

Watch::Watch() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make an epoll descriptor");
  }
}

Watch::~Watch() { close(epoll_); }

void Watch::replace(std::array<int, 2> descriptors) noexcept {
  for (const int old : watched_) control(EPOLL_CTL_DEL, old, false);
  watched_ = descriptors;
  control(EPOLL_CTL_ADD, watched_[0], first_on_);
  control(EPOLL_CTL_ADD, watched_[1], true);
}

void Watch::look_at_first(bool on) noexcept {
  if (on == first_on_) return;
  first_on_ = on;
  control(EPOLL_CTL_MOD, watched_[0], on);
}

void Watch::control(int operation, int descriptor, bool on) const noexcept {
  if (descriptor < 0) return;
  epoll_event event{};
  if (on) event.events = EPOLLIN;
  epoll_ctl(epoll_, operation, descriptor, &event);
}

}  // namespace am::rpc::internal
