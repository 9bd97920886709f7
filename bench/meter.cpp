#include "meter.hpp"

#include "loopback.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <array>
#include <charconv>

namespace bench {

namespace {

/// Passes on what there is; false when the connection has ended.
bool pass(int from, int to, std::atomic<std::uint64_t>& count) {
  std::array<char, 65536> buffer;
  const auto size = recv(from, buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  count += static_cast<std::uint64_t>(size);
  for (ssize_t done = 0; done < size;) {
    const auto sent =
        send(to, buffer.data() + done, static_cast<std::size_t>(size - done), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    done += sent;
  }
  return true;
}

}  // namespace

Meter::Meter(const std::string& endpoint) {
  std::uint16_t server = 0;
  const auto text = endpoint.substr(endpoint.rfind(':') + 1);
  std::from_chars(text.data(), text.data() + text.size(), server);
  std::uint16_t port = 0;
  listener_ = listen_anywhere(port);
  end_ = eventfd(0, EFD_CLOEXEC);
  endpoint_ = "tcp://127.0.0.1:" + std::to_string(port);
  thread_ = std::thread([this, server] { forward(server); });
}

Meter::~Meter() {
  eventfd_write(end_, 1);
  thread_.join();
  close(end_);
  close(listener_);
}

void Meter::forward(std::uint16_t port) {
  std::array<pollfd, 2> arriving{pollfd{listener_, POLLIN, 0}, pollfd{end_, POLLIN, 0}};
  poll(arriving.data(), arriving.size(), -1);
  if (arriving[1].revents != 0) return;
  const int client = accept(listener_, nullptr, nullptr);
  if (client < 0) return;
  set_no_delay(client);
  const int server = connect_to(port);
  std::array<pollfd, 3> open{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0},
                             pollfd{end_, POLLIN, 0}};
  while (true) {
    poll(open.data(), open.size(), -1);
    if (open[2].revents != 0) break;
    if (open[0].revents != 0 && !pass(client, server, to_server_)) break;
    if (open[1].revents != 0 && !pass(server, client, to_client_)) break;
  }
  close(client);
  close(server);
}

}  // namespace bench
