// Messages to bytes and back, for tests.
#pragma once

#include <am/rpc/internal/bytes.hpp>

#include <string>
#include <type_traits>
#include <variant>

namespace am::rpc::internal {

/// A message of link 1 as a frame.
template <class Message>
Bytes bytes_of(const Message& message) {
  Bytes bytes;
  Writer writer{bytes};
  encode(writer, 1, message);
  return bytes;
}

/// The bytes of whatever message a variant holds; none of a monostate.
template <class Variant>
Bytes reencoded(const Variant& message) {
  return std::visit(
      [](const auto& m) -> Bytes {
        if constexpr (std::is_same_v<std::decay_t<decltype(m)>, std::monostate>) {
          return {};
        } else {
          return bytes_of(m);
        }
      },
      message);
}

/// As in docs/wire.md: "0A FF".
inline std::string hex(const Bytes& bytes) {
  std::string text;
  for (const auto byte : bytes) {
    const char* digits = "0123456789ABCDEF";
    if (!text.empty()) text += ' ';
    text += digits[static_cast<unsigned>(byte) >> 4U];
    text += digits[static_cast<unsigned>(byte) & 15U];
  }
  return text;
}

}  // namespace am::rpc::internal
