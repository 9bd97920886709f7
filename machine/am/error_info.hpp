// An error as a machine keeps and passes it.
#pragma once

#include <exception>
#include <string>

namespace am {

/// An error that became a state: the arguments of every Exception mutation made by the library, and
/// what `last_error()` returns.
struct ErrorInfo {
  /// The text of the error.
  std::string message;
  /// The handler or place it came from; "" when unknown.
  std::string where{};
  /// The exception itself; null for errors that came from another process.
  std::exception_ptr cause{};
};

/// Makes an ErrorInfo of an exception: its `what()`, or "unknown exception".
ErrorInfo error_info(std::exception_ptr cause, std::string where = {});

}  // namespace am
