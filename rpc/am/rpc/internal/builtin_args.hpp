// Argument types of the library's own.
#pragma once

namespace am::rpc::internal {

/// Registers `am::ErrorInfo`, so that errors can be added to remote machines. Harmless when
/// repeated. Any thread.
void register_builtin_args();

}  // namespace am::rpc::internal
