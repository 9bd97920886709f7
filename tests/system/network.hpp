// Two hosts and a wire between them that loses, delays and cuts, within this computer.
//
// Each host is a network namespace with one TUN device, and the wire is a thread that carries
// packets from one device to the other. So there is nothing to configure, nothing that other tests
// could meet, and nothing to clean up: all of it goes with the process.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace system_test {

/// What happens to packets, in one direction.
struct Weather {
  double loss = 0;                    ///< the share of packets that is lost; 1: all of them
  std::chrono::milliseconds delay{};  ///< how long the others take
};

class Network {
 public:
  static constexpr const char* near_address = "10.77.0.1";
  static constexpr const char* far_address = "10.77.0.2";

  /// Moves this process into a network of its own, once. Returns why that cannot be done, or "".
  /// To be called before the process has a second thread.
  static const std::string& unavailable();

  /// Throws `std::system_error` when the devices cannot be made.
  explicit Network(std::uint32_t seed);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// From now on, for packets that are not yet on their way.
  void set_weather(Weather to_far, Weather to_near);
  void set_weather(Weather both) { set_weather(both, both); }
  /// Gives the near host another address, in place of the one that it has.
  void move_near(const std::string& address);
  /// How many packets were lost so far.
  unsigned long lost() const { return lost_; }
  /// Runs `action` as the far host: processes that it starts are there.
  void on_far_host(const std::function<void()>& action) const;

 private:
  struct Packet {
    std::chrono::steady_clock::time_point due;
    std::vector<char> bytes;
  };
  struct Direction {
    int from = -1;
    int to = -1;
    std::atomic<double> loss{0};
    std::atomic<std::chrono::milliseconds> delay{};
    std::deque<Packet> under_way{};
  };

  void carry(const std::stop_token& stop);
  void take(Direction& direction);
  static void deliver(Direction& direction);

  std::mt19937 random_;
  std::atomic<unsigned long> lost_{0};
  int far_ = -1;  ///< the namespace
  Direction to_far_{};
  Direction to_near_{};
  std::jthread thread_{};
};

}  // namespace system_test
