// There is one form of each frame.
#pragma once

#include "target.hpp"

#include <am/rpc/internal/bytes.hpp>

#include <algorithm>
#include <type_traits>
#include <variant>

namespace fuzz {

/// What was read from `frame` is written again as the same bytes.
template <class Decoded>
void require_same_bytes(const Decoded& decoded, am::rpc::internal::ByteView frame) {
  am::rpc::internal::Bytes again;
  am::rpc::internal::Writer writer(again, frame.size());
  std::visit(
      [&]<class Message>(const Message& message) {
        if constexpr (std::is_same_v<Message, std::monostate>) {
          require(false);
        } else {
          encode(writer, decoded.link, message);
        }
      },
      decoded.message);
  require(writer.ok() && std::ranges::equal(again, frame));
}

}  // namespace fuzz
