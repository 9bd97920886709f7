#include <am/event.hpp>

#include <am/error.hpp>
#include <am/internal/local_core.hpp>

#include <fmt/format.h>

namespace am {

std::string Event::name() const {
  return internal::handler_name(*transition_.schema, kind_, state_, second_);
}

Api Event::machine() const { return Api(core_.shared_from_this()); }

void Event::throw_missing(const char* type) const {
  throw Error(Errc::invalid_argument,
              fmt::format("{} was called without an argument of type {}", name(), type));
}

}  // namespace am
