#include <am/rpc/internal/transport/context.hpp>

#include <am/rpc/internal/transport/zap.hpp>

#include <unistd.h>
#include <mutex>
#include <system_error>
#include <zmq.hpp>

namespace am::rpc::internal {

struct Context::Impl {
  Impl() {
    try {
      context = std::make_unique<zmq::context_t>(1);
      context->set(zmq::ctxopt::max_sockets, max_sockets);
      // One I/O thread: with more, a frame could overtake the monitor's word of its connection.
      context->set(zmq::ctxopt::io_threads, 1);
    } catch (const zmq::error_t& error) {
      throw std::system_error(error.num(), std::generic_category(), "cannot make a ZeroMQ context");
    }
  }
  ~Impl() {
    // In a forked child the threads that would end it do not exist.
    if (owner != getpid()) {
      static_cast<void>(context.release());
    } else if (zap != nullptr) {
      context->shutdown();
    }
  }
  Impl(Impl&&) = delete;
  Impl& operator=(Impl&&) = delete;

  std::unique_ptr<zmq::context_t> context;
  std::mutex zap_mutex;
  std::unique_ptr<ZapResponder> zap;  // after the context: it ends first
  pid_t owner = getpid();
};

void* Context::native() const noexcept { return impl_->context.get(); }

ZapResponder& Context::zap() const {
  const std::scoped_lock lock(impl_->zap_mutex);
  if (impl_->zap == nullptr) impl_->zap = std::make_unique<ZapResponder>(native());
  return *impl_->zap;
}

Context::Context() : impl_(std::make_shared<Impl>()) {}

Context Context::shared() {
  struct Slot {
    std::mutex mutex;
    std::weak_ptr<Impl> current;
    pid_t owner = 0;
  };
  // Never destroyed: static objects may hold transports, and may make some while they end.
  static Slot& slot = *new Slot;
  const std::scoped_lock lock(slot.mutex);
  auto current = slot.current.lock();
  if (current == nullptr || slot.owner != getpid()) {
    current = std::make_shared<Impl>();
    slot.current = current;
    slot.owner = getpid();
  }
  return Context(std::move(current));
}

}  // namespace am::rpc::internal
