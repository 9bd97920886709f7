// A schema as it comes from the network: what is decoded can be compiled, and encoded again.
#include "target.hpp"

#include <am/rpc/internal/schema_codec.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace rpc = am::rpc::internal;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto decoded = rpc::decode_schema(rpc::as_bytes(text), {});
  if (!decoded.schema) {
    fuzz::require(!decoded.error.empty());
    return 0;
  }
  const am::CompiledSchema compiled(*decoded.schema);
  rpc::Bytes bytes;
  rpc::Writer writer(bytes);
  fuzz::require(rpc::encode_schema(compiled.schema(), writer));
  const auto again = rpc::decode_schema(bytes, {});
  fuzz::require(again.schema.has_value());
  fuzz::require(am::CompiledSchema(*again.schema).fingerprint() == compiled.fingerprint());
  return 0;
}
