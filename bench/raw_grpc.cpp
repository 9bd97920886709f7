#include "raw_grpc.hpp"

#include "harness.hpp"
#include "latency.hpp"
#include "peer.hpp"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <string>

#include "echo.grpc.pb.h"

namespace bench {

namespace {

const std::string text(32, 'x');

/// The synchronous server: of those gRPC has, the one with the shortest round trip here.
class GrpcService final : public Service, private Echo::Service {
 public:
  GrpcService() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    require(server_ != nullptr, "gRPC cannot listen");
  }
  std::string endpoint() const override { return "127.0.0.1:" + std::to_string(port_); }

  void push(std::uint64_t i, Stamps& stamps) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return listener_ != nullptr; });
    Number number;
    number.set_number(i);
    stamps[i] = shared_now();
    listener_->Write(number);
  }

 private:
  grpc::Status Call(grpc::ServerContext*, const Text* request, Text* reply) override {
    *reply->mutable_text() = request->text();
    return grpc::Status::OK;
  }
  grpc::Status Talk(grpc::ServerContext*, grpc::ServerReaderWriter<Text, Text>* stream) override {
    for (Text message; stream->Read(&message);) stream->Write(message);
    return grpc::Status::OK;
  }
  /// Keeps the stream until the process ends, as everything here.
  grpc::Status Listen(grpc::ServerContext*, const Text*,
                      grpc::ServerWriter<Number>* stream) override {
    std::unique_lock lock(mutex_);
    listener_ = stream;
    changed_.notify_all();
    changed_.wait(lock, [&] { return false; });
    return grpc::Status::OK;
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::condition_variable changed_;
  grpc::ServerWriter<Number>* listener_ = nullptr;
};

class Client final : public RawGrpc {
 public:
  explicit Client(const std::string& endpoint)
      : stub_(Echo::NewStub(grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials()))),
        stream_(stub_->Talk(&talking_)),
        pushes_(stub_->Listen(&listening_, Text{})) {}
  ~Client() override {
    talking_.TryCancel();
    listening_.TryCancel();
    stream_->Finish();
    pushes_->Finish();
  }

  void call() override {
    grpc::ClientContext context;
    Text request;
    Text reply;
    request.set_text(text);
    require(stub_->Call(&context, request, &reply).ok(), "a gRPC call failed");
  }
  void talk() override {
    Text message;
    message.set_text(text);
    require(stream_->Write(message) && stream_->Read(&message), "the gRPC stream ended");
  }
  std::uint64_t next_push() override {
    Number number;
    require(pushes_->Read(&number), "the gRPC stream ended");
    return number.number();
  }

 private:
  std::unique_ptr<Echo::Stub> stub_;
  grpc::ClientContext talking_;
  grpc::ClientContext listening_;
  std::unique_ptr<grpc::ClientReaderWriter<Text, Text>> stream_;
  std::unique_ptr<grpc::ClientReader<Number>> pushes_;
};

}  // namespace

std::unique_ptr<Service> make_grpc_service() { return std::make_unique<GrpcService>(); }
std::unique_ptr<RawGrpc> make_grpc(const std::string& endpoint) {
  return std::make_unique<Client>(endpoint);
}
bool has_grpc() noexcept { return true; }

}  // namespace bench
