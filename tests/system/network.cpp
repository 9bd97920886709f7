#include "network.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>
#include <utility>

namespace system_test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* device_name = "wire";

void require(bool holds, const char* what) {
  if (!holds) throw std::system_error(errno, std::generic_category(), what);
}

ifreq request() {
  ifreq wanted{};
  std::strcpy(wanted.ifr_name, device_name);
  return wanted;
}

ifreq request(const std::string& address) {
  auto wanted = request();
  sockaddr_in value{};
  value.sin_family = AF_INET;
  require(inet_pton(AF_INET, address.c_str(), &value.sin_addr) == 1, "inet_pton");
  std::memcpy(&wanted.ifr_addr, &value, sizeof value);
  return wanted;
}

/// Gives the device of this thread's namespace an address of 10.77.0.0/24.
void set_address(const std::string& address) {
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  require(any >= 0, "socket");
  auto own = request(address);
  auto mask = request("255.255.255.0");
  auto up = request();
  up.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool done = ioctl(any, SIOCSIFADDR, &own) == 0 && ioctl(any, SIOCSIFNETMASK, &mask) == 0 &&
                    ioctl(any, SIOCSIFFLAGS, &up) == 0;
  close(any);
  require(done, "cannot set up a network device");
}

/// Makes the device in this thread's namespace. It goes with the descriptor.
int open_device(const char* address) {
  const int device = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  require(device >= 0, "/dev/net/tun");
  auto wanted = request();
  wanted.ifr_flags = IFF_TUN | IFF_NO_PI;
  require(ioctl(device, TUNSETIFF, &wanted) == 0, "cannot make a network device");
  set_address(address);
  return device;
}

/// Runs `action` on a thread of its own and throws what it throws: a thread can leave its
/// namespace, but not every one can come back.
void on_a_thread(const std::function<void()>& action) {
  std::exception_ptr failed;
  std::jthread([&] {
    try {
      action();
    } catch (...) {
      failed = std::current_exception();
    }
  }).join();
  if (failed) std::rethrow_exception(failed);
}

std::string try_to_enter() {
  // Who is not root becomes root of a user namespace, if the system lets everybody do so.
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    return std::string("no network namespaces: ") + std::strerror(errno);
  }
  try {
    close(open_device(Network::near_address));
  } catch (const std::system_error& error) {
    return std::string("no network devices: ") + error.what();
  }
  return {};
}

}  // namespace

const std::string& Network::unavailable() {
  static const std::string why = try_to_enter();
  return why;
}

Network::Network(std::uint32_t seed) : random_(seed) {
  const int near = open_device(near_address);
  int far = -1;
  on_a_thread([&] {
    require(unshare(CLONE_NEWNET) == 0, "unshare");
    far_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    require(far_ >= 0, "/proc/thread-self/ns/net");
    far = open_device(far_address);
  });
  to_far_.from = to_near_.to = near;
  to_far_.to = to_near_.from = far;
  thread_ = std::jthread([this](const std::stop_token& stop) { carry(stop); });
}

Network::~Network() {
  thread_ = {};
  close(to_far_.from);
  close(to_far_.to);
  close(far_);
}

void Network::set_weather(Weather to_far, Weather to_near) {
  to_far_.loss = to_far.loss;
  to_far_.delay = to_far.delay;
  to_near_.loss = to_near.loss;
  to_near_.delay = to_near.delay;
}

void Network::move_near(const std::string& address) { set_address(address); }

void Network::on_far_host(const std::function<void()>& action) const {
  on_a_thread([&] {
    require(setns(far_, CLONE_NEWNET) == 0, "setns");
    action();
  });
}

void Network::carry(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    auto pause = std::chrono::milliseconds(20);  // to look at the token
    for (auto* const direction : {&to_far_, &to_near_}) {
      deliver(*direction);
      if (direction->under_way.empty()) continue;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          direction->under_way.front().due - Clock::now());
      pause = std::clamp(left, std::chrono::milliseconds(0), pause);
    }
    std::array<pollfd, 2> readable{{{to_far_.from, POLLIN, 0}, {to_near_.from, POLLIN, 0}}};
    poll(readable.data(), readable.size(), static_cast<int>(pause.count()));
    take(to_far_);
    take(to_near_);
  }
}

void Network::take(Direction& direction) {
  std::array<char, 2048> bytes{};  // more than a device's MTU
  for (;;) {
    const auto size = read(direction.from, bytes.data(), bytes.size());
    if (size <= 0) return;
    if (std::uniform_real_distribution{}(random_) < direction.loss.load()) {
      ++lost_;
      continue;
    }
    direction.under_way.push_back(
        {Clock::now() + direction.delay.load(), {bytes.begin(), bytes.begin() + size}});
  }
}

void Network::deliver(Direction& direction) {
  while (!direction.under_way.empty() && direction.under_way.front().due <= Clock::now()) {
    const auto& bytes = direction.under_way.front().bytes;
    // What a device does not take is lost, as on any wire.
    if (write(direction.to, bytes.data(), bytes.size()) < 0) errno = 0;
    direction.under_way.pop_front();
  }
}

}  // namespace system_test
