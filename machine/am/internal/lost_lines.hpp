// Writing lines of a log, which may fail: what tells of them goes on without its log.
#pragma once

#include <exception>
#include <string_view>

namespace am::internal {

/// Says on standard error, once per process, that lines of a log are lost, and why: nobody should
/// look for what is not there. Any thread.
void tell_lost_lines(std::string_view why) noexcept;

/// Calls `write`, a user's sink for example, and tells when it throws.
template <class Write>
void write_line(Write&& write) noexcept {
  try {
    write();
  } catch (const std::exception& error) {
    tell_lost_lines(error.what());
  } catch (...) {
    tell_lost_lines("what was thrown is no std::exception");
  }
}

}  // namespace am::internal
