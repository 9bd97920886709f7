// Numbers that nobody guesses or meets twice: epochs, sessions, ids.
#pragma once

#include <cstdint>
#include <string>

namespace am::rpc::internal {

/// A random 64-bit number, never 0. Any thread.
std::uint64_t random_number();

/// 16 random hexadecimal digits. Any thread.
std::string random_id();

}  // namespace am::rpc::internal
