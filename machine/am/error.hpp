// What the library throws.
#pragma once

#include <stdexcept>
#include <string>

namespace am {

/// The rule that was broken. The message of `Error` names the thing, the rule and the remedy.
enum class Errc {
  schema,            ///< a schema contradicts itself (spec: machine 2.3)
  unknown_state,     ///< a state name or id that the machine does not have
  unknown_handler,   ///< a handler name that matches no state, or more than one reading of it
  invalid_argument,  ///< any other argument that breaks a documented limit
  would_deadlock,    ///< a blocking call made where it could never return
  disposed,          ///< the machine is gone
};

/// Returns the name of `code`, for example "unknown_state".
const char* to_string(Errc code) noexcept;

/// Thrown for mistakes of the program: bad schemas, unknown names, calls that cannot return.
/// Outcomes of mutations and of the network are values (`Result`), never exceptions.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& message) : std::runtime_error(message), code_(code) {}

  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

}  // namespace am
