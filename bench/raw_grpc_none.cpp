// In place of raw_grpc.cpp where gRPC is not installed.
#include "peer.hpp"
#include "raw_grpc.hpp"

namespace bench {

std::unique_ptr<Service> make_grpc_service() { return nullptr; }
std::unique_ptr<RawGrpc> make_grpc(const std::string&) { return nullptr; }
bool has_grpc() noexcept { return false; }

}  // namespace bench
