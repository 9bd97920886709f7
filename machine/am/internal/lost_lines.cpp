#include <am/internal/lost_lines.hpp>

#include <atomic>
#include <cstdio>

namespace am::internal {

void tell_lost_lines(std::string_view why) noexcept {
  static std::atomic_flag told;
  if (told.test_and_set()) return;
  // Standard error may be full, too: then there is nobody left to tell.
  std::fprintf(stderr, "asyncmachine: lines of a log are lost: %.*s\n",
               static_cast<int>(why.size()), why.data());
}

}  // namespace am::internal
