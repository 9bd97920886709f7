#include <am/version.hpp>

namespace am {

std::string_view version() noexcept { return AM_VERSION; }

}  // namespace am
