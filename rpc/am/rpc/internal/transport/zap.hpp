// Who may connect: the answers to libzmq's question for it (ZAP, https://rfc.zeromq.org/spec/27).
#pragma once

#include <am/rpc/internal/transport/context.hpp>
#include <am/rpc/keys.hpp>

#include <sys/types.h>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace am::rpc::internal {

/// The domain of sockets without keys, for which nobody is turned away.
inline constexpr std::string_view plain_domain = "asyncmachine";

/// The thread of a context that answers for all of its sockets. Each socket with keys has a domain
/// of its own, hence a list of its own; the key decides, nothing that the peer says of itself. A
/// domain that is not there, a request that cannot be read, or a thread that died: nobody comes in,
/// as sockets with keys enforce the domain.
class ZapResponder {
 public:
  /// Starts the thread, which ends when `context` is shut down. Throws `std::system_error` when
  /// sockets or threads have run out, or another handler is in this context already.
  explicit ZapResponder(void* context);
  /// The context must have been shut down. In a forked child, where the thread does not exist, it
  /// is left alone.
  ~ZapResponder();
  ZapResponder(ZapResponder&&) = delete;
  ZapResponder& operator=(ZapResponder&&) = delete;

  // -- any thread --------------------------------------------------------------------------------

  /// Opens a domain that lets in the holders of `keys`, and returns its name.
  std::string open(const std::vector<PublicKey>& keys);
  /// Replaces the keys of a domain, for peers that connect from now on.
  void replace(const std::string& domain, const std::vector<PublicKey>& keys);
  /// From now on nobody comes in.
  void close(const std::string& domain) noexcept;

 private:
  struct Socket;

  void run() noexcept;
  bool admits(std::string_view domain, std::string_view mechanism,
              std::string_view credentials) noexcept;

  std::mutex mutex_;
  std::map<std::string, std::set<PublicKey>, std::less<>> domains_;
  std::uint64_t last_domain_ = 0;
  std::unique_ptr<Socket> socket_;
  std::thread thread_;
  pid_t owner_;
};

/// A domain for as long as this object lives.
class ZapDomain {
 public:
  ZapDomain(Context context, const std::vector<PublicKey>& keys)
      : context_(std::move(context)), name_(context_.zap().open(keys)) {}
  ~ZapDomain() { context_.zap().close(name_); }
  ZapDomain(ZapDomain&&) = delete;
  ZapDomain& operator=(ZapDomain&&) = delete;

  const std::string& name() const noexcept { return name_; }
  /// Replaces the keys, for peers that connect from now on. Any thread.
  void replace(const std::vector<PublicKey>& keys) { context_.zap().replace(name_, keys); }

 private:
  Context context_;
  std::string name_;
};

}  // namespace am::rpc::internal
