// What a hello and a welcome say about an earlier link of the same session.
#pragma once

#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/messages.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace am::rpc::internal {

/// Bits of `Hello::features` and `Welcome::features`.
inline constexpr std::uint64_t feature_resume = 1;
inline constexpr std::uint64_t feature_choice = 2;
/// With the former: a choice may ask for the log of transitions.
inline constexpr std::uint64_t feature_log = 0x40;

/// Extension `resume` of a hello.
struct ResumeOffer {
  std::uint64_t token = 0;  ///< of the session, from an earlier welcome
  RequestId lowest = 0;     ///< all requests below have been answered
};

inline Bytes encode(const ResumeOffer& offer) {
  Bytes bytes;
  Writer writer{bytes};
  writer.u64(offer.token);
  writer.varint(offer.lowest);
  return bytes;
}

/// Extension `resume` of a welcome: the token of its session.
inline Bytes encode_token(std::uint64_t token) {
  Bytes bytes;
  Writer writer{bytes};
  writer.u64(token);
  return bytes;
}

inline const Extension* find(std::span<const Extension> extensions, ExtensionId id) noexcept {
  for (const Extension& extension : extensions) {
    if (extension.id == static_cast<std::uint64_t>(id)) return &extension;
  }
  return nullptr;
}

/// The offer among the extensions of a hello. Nothing when there is none, or none that can be read:
/// the session then is a new one.
inline std::optional<ResumeOffer> find_offer(std::span<const Extension> extensions) noexcept {
  const auto* extension = find(extensions, ExtensionId::resume);
  if (extension == nullptr) return std::nullopt;
  Reader reader{extension->bytes};
  ResumeOffer offer;
  offer.token = reader.u64("resume.token");
  offer.lowest = reader.varint("resume.lowest");
  if (!reader.finish()) return std::nullopt;
  return offer;
}

/// The token among the extensions of a welcome; 0 = none.
inline std::uint64_t find_token(std::span<const Extension> extensions) noexcept {
  const auto* extension = find(extensions, ExtensionId::resume);
  if (extension == nullptr) return 0;
  Reader reader{extension->bytes};
  const auto token = reader.u64("resume.token");
  return reader.finish() ? token : 0;
}

}  // namespace am::rpc::internal
