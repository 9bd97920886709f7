// The outcome of a network operation that may fail.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace am::rpc {

/// Why a network operation failed.
enum class LinkErrc : std::uint8_t {
  unreachable,  ///< nobody answered in time
  refused,      ///< the server does not want this link; the text says why
  lost,         ///< the connection or the link ended
  protocol,     ///< the two sides do not understand each other
  schema,       ///< the machine is not the one that was expected
  stopped,      ///< the client was stopped
};

/// Returns the code's name, for example "unreachable".
const char* to_string(LinkErrc code) noexcept;

/// A failed network operation, in a code and in words.
struct LinkError {
  LinkErrc code = LinkErrc::lost;
  std::string message{};
};

/// A value or the reason why there is none, with the names of std::expected.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : content_(std::move(value)) {}          // NOLINT: implicit
  Expected(LinkError error) : content_(std::move(error)) {}  // NOLINT: implicit

  bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  /// The value. Throws `std::bad_variant_access` when there is none.
  T& value() & { return std::get<0>(content_); }
  T&& value() && { return std::get<0>(std::move(content_)); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  /// The reason. Throws `std::bad_variant_access` when there is a value.
  const LinkError& error() const { return std::get<1>(content_); }

 private:
  std::variant<T, LinkError> content_;
};

}  // namespace am::rpc
