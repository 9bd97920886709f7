// Arguments as they come from the network: what can be read can be sent on, and arrives the same.
#include "target.hpp"

#include <am/error_info.hpp>
#include <am/rpc/arg_types.hpp>
#include <am/rpc/internal/arg_samples.hpp>
#include <am/rpc/internal/builtin_args.hpp>

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fuzz::require;
  namespace rpc = am::rpc;
  rpc::internal::register_builtin_args();
  const auto& types = rpc::ArgTypes::global();
  const auto bytes = std::as_bytes(std::span{data, size});

  const auto decoded = types.decode(bytes);
  if (!decoded.ok()) {
    require(decoded.args.typed().size() + decoded.args.named().size() <= size);
    return 0;
  }
  require(decoded.args.empty() == bytes.empty());
  const auto once = types.encode(decoded.args);
  require(once.size() <= bytes.size());
  // Hash maps have an order of their own, and a key that came twice is there once.
  const bool ordered = decoded.args.get_if<rpc::samples::Everything>() == nullptr;
  if (ordered) require(std::ranges::equal(once, bytes));
  const auto again = types.decode(once);
  require(again.ok());
  require(std::ranges::equal(again.args.named(), decoded.args.named(), {}, &am::Args::Named::name,
                             &am::Args::Named::name));
  require(again.args.typed().size() == decoded.args.typed().size());
  if (const auto* error = decoded.args.get_if<am::ErrorInfo>()) {
    require(again.args.get_if<am::ErrorInfo>()->message == error->message);
    require(again.args.get_if<am::ErrorInfo>()->where == error->where);
  }
  return 0;
}
