// What libzmq knows of keys.
#pragma once

#include <am/rpc/internal/transport/endpoint.hpp>
#include <am/rpc/keys.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace am::rpc::internal {

/// Raw bytes of either half of a key.
using KeyBytes = std::array<std::byte, key_bytes>;

/// Throws `Error` (invalid_argument) when libzmq was built without CURVE.
void require_curve();

/// Throws `Error` (invalid_argument) for an endpoint on which keys would do nothing.
void check_keys_fit(const Endpoint& endpoint);

/// Reads Z85; nothing when `text` is not that of a key.
std::optional<KeyBytes> decode_z85(std::string_view text) noexcept;
/// The 40 characters.
std::string encode_z85(const KeyBytes& bytes);

/// Appends the 40 characters of a secret key.
void append_secret(std::string& text, const std::byte* secret);

/// The public half of a secret key.
KeyBytes public_half(const std::byte* secret);

/// Fills `secret` with a new key.
void make_secret(KeyBytes& secret);

/// Overwrites memory that held a secret; not optimised away.
void wipe(void* memory, std::size_t size) noexcept;

}  // namespace am::rpc::internal
