// Endpoints as text: accepted or refused with a reason, and nothing else.
#include "target.hpp"

#include <am/error.hpp>
#include <am/rpc/internal/transport/endpoint.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using am::rpc::internal::Endpoint;
  const std::string text(reinterpret_cast<const char*>(data), size);
  bool accepted = false;
  for (const auto use : {Endpoint::Use::connect, Endpoint::Use::bind}) {
    try {
      const auto endpoint = Endpoint::parse(text, use);
      fuzz::require(endpoint.text == text && text.ends_with(endpoint.address));
      accepted = true;
    } catch (const am::Error& error) {
      fuzz::require(error.code() == am::Errc::invalid_argument);
      fuzz::require(!accepted);  // who may connect to it may bind to it
    }
  }
  return 0;
}
