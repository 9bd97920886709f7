#include <am/event.hpp>

#include <am/error.hpp>
#include <am/internal/call_limit.hpp>
#include <am/internal/local_core.hpp>

#include <fmt/format.h>

#include <cxxabi.h>
#include <algorithm>
#include <cstdlib>
#include <memory>

namespace am {

namespace {

/// The name of a type as it is written in C++.
std::string readable(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  return status == 0 ? name.get() : mangled;
}

}  // namespace

std::string Event::name() const {
  return internal::handler_name(*transition_.schema, kind_, state_, second_);
}

void Event::log(std::string_view text) const {
  core_.log(LogLevel::external, [&] {
    auto line = fmt::format("[exter] {}: {}", name(), text);
    std::ranges::replace(line, '\n', ' ');
    return line;
  });
}

Api Event::machine() const { return Api(core_.shared_from_this()); }

bool Event::is_valid() const noexcept { return limit_ == nullptr || !limit_->passed(); }

void Event::throw_missing(const char* type) const {
  throw Error(Errc::invalid_argument,
              fmt::format("{} was called without an argument of type {}", name(), readable(type)));
}

}  // namespace am
