// The ZeroMQ context: what sockets of one process share.
#pragma once

#include <memory>
#include <utility>

namespace am::rpc::internal {

/// Most sockets of one context. A transport takes three; libzmq's own default of 1,023 is too few
/// for tests and load generators, and running into the limit fails far from the cause.
inline constexpr int max_sockets = 16'384;

class ZapResponder;

/// A handle to a ZeroMQ context. Copies share it; every transport keeps one, and the context ends
/// with its last user, which blocks at most for the longest linger of the sockets that were closed.
/// One libzmq I/O thread serves all sockets of a context.
///
/// fork(): threads do not survive it. In the child, `shared()` makes a new context, and transports
/// inherited from the parent must not be used; destroying them there leaks instead of hanging.
///
/// Static destruction: the library keeps no context in a static object, so a transport may itself
/// be a static object; its destructor stops it as anywhere else.
class Context {
 public:
  /// A context of its own: inproc endpoints of different contexts do not see each other.
  /// Throws `std::system_error` when the process is out of descriptors or memory.
  Context();

  /// The process's context; made on first use, ended with its last user, then made anew.
  /// Any thread.
  static Context shared();

  /// What decides about peers of sockets with keys; made on first use, and there until the context
  /// ends. Throws `std::system_error` when sockets or threads have run out. Any thread.
  ZapResponder& zap() const;

  /// The `zmq::context_t` behind it, for the sockets of this folder.
  void* native() const noexcept;

 private:
  struct Impl;

  explicit Context(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;
};

}  // namespace am::rpc::internal
