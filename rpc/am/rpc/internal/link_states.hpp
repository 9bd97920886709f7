// The machines that show what a client and a server do.
#pragma once

#include <am/machine.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace am::rpc::internal {

/// A machine that is changed on the completion executor, in the order of the calls, so that neither
/// its handlers nor its tracers run on, or hold up, a transport's thread. Any thread.
class StateReporter {
 public:
  StateReporter(Schema schema, std::string id);

  Machine& machine() const noexcept { return *machine_; }
  void report(std::function<void(Machine&)> change) const;

 private:
  std::shared_ptr<Machine> machine_;
};

/// What a client does: see `Client::machine`. By one thread.
class ClientStates {
 public:
  explicit ClientStates(const std::string& client_id);

  Machine& machine() const noexcept { return states_.machine(); }

  /// How many remote machines there are, or are being attached, and how many of them have a link.
  struct Links {
    std::size_t all = 0;
    std::size_t open = 0;
  };
  void started() const;
  void connected();
  void disconnected(const std::string& why);
  void links(Links now);
  /// A link has ended for good, without having been asked to.
  void failed(const std::string& why) const;
  void stopped() const;

 private:
  enum class Stage { idle, handshaking, done };

  void enter(Stage stage);

  StateReporter states_;
  bool connected_ = false;
  Stage stage_ = Stage::idle;
};

/// What a server does: see `Server::machine`. By one thread.
class ServerStates {
 public:
  explicit ServerStates(const std::string& endpoint);

  Machine& machine() const noexcept { return states_.machine(); }

  void started() const;
  void link_opened(std::size_t links_open);
  void links_left(std::size_t links_open);
  /// A link was ended because of what its peer sent.
  void broken(const std::string& why) const;
  void stopped() const;

 private:
  StateReporter states_;
  bool has_clients_ = false;
};

}  // namespace am::rpc::internal
