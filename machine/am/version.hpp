#pragma once

#include <string_view>

namespace am {

/// The version of the library that is linked, as "major.minor.patch".
/// Compare it with the version you compiled for when the library is shared. Any thread may call it.
std::string_view version() noexcept;

}  // namespace am
