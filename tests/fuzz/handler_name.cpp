// Names of handlers: what can be read is written again as the same name.
#include "target.hpp"

#include <am/error.hpp>
#include <am/internal/handler_table.hpp>

namespace {

/// States whose names are made of each other and of the words that handlers end in.
const am::CompiledSchema& schema() {
  static const am::CompiledSchema compiled(am::Schema{{"A"},
                                                      {"AB"},
                                                      {"B"},
                                                      {"BA"},
                                                      {"Back"},
                                                      {"BackEnd"},
                                                      {"Enter"},
                                                      {"ExitA"},
                                                      {"Foo"},
                                                      {"FooState"},
                                                      {"StateFoo"}});
  return compiled;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string name(reinterpret_cast<const char*>(data), size);
  try {
    const auto key = am::internal::parse_handler_name(schema(), name);
    fuzz::require(am::internal::handler_name(schema(), key.kind, key.state, key.second) == name);
  } catch (const am::Error& error) {
    fuzz::require(error.code() == am::Errc::unknown_handler);
  }
  return 0;
}
