#include <am/rpc/internal/random.hpp>

#include <fmt/format.h>

#include <random>

namespace am::rpc::internal {

std::uint64_t random_number() {
  // The device itself, not a generator: a forked child must not repeat its parent's numbers.
  std::random_device device;
  std::uint64_t number = 0;
  while (number == 0) number = (std::uint64_t{device()} << 32U) | device();
  return number;
}

std::string random_id() { return fmt::format("{:016x}", random_number()); }

}  // namespace am::rpc::internal
