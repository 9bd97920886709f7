// Keys: who a process is to another one, and what encrypts what they say (CURVE).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace am::rpc {

/// A key in bytes, and as text: Z85, which has no blanks.
inline constexpr std::size_t key_bytes = 32;
inline constexpr std::size_t key_text_size = 40;

/// The half of a key pair that may be known to everybody: it names its owner. A value.
class PublicKey {
 public:
  /// No key.
  constexpr PublicKey() = default;
  constexpr explicit PublicKey(const std::array<std::byte, key_bytes>& bytes) : bytes_(bytes) {}

  /// Reads 40 characters of Z85. Throws `Error` (invalid_argument) for anything else, and for
  /// zeros, which are no key.
  static PublicKey from_text(std::string_view text);
  /// Reads a file of `am-keys`: NAME.pub, or NAME.key, which has both halves. Throws `Error`
  /// (invalid_argument) that names the file and the remedy.
  static PublicKey from_file(const std::string& path);

  /// The 40 characters; "" for no key.
  std::string text() const;
  const std::array<std::byte, key_bytes>& bytes() const noexcept { return bytes_; }
  /// False for no key.
  explicit operator bool() const noexcept { return bytes_ != std::array<std::byte, key_bytes>{}; }

  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;

 private:
  std::array<std::byte, key_bytes> bytes_{};
};

/// The half that its owner keeps. Copies share one place in memory, which is wiped with the last of
/// them; nothing prints or logs it. Immutable, so that any thread may read it.
class SecretKey {
 public:
  /// No key.
  SecretKey() = default;

  /// A new key, from the system's random numbers. Throws `Error` (invalid_argument) when libzmq was
  /// built without CURVE.
  static SecretKey make();
  /// Reads 40 characters of Z85; wiping those is the caller's. Throws as `make`, and for anything
  /// that is not a key.
  static SecretKey from_text(std::string_view text);
  /// Reads NAME.key as `am-keys make NAME` writes it. Throws `Error` (invalid_argument) that names
  /// the file and the remedy: also when others than its owner may read or write it.
  static SecretKey from_file(const std::string& path);

  /// Its public half; no key for no key.
  const PublicKey& public_key() const noexcept;
  /// 32 bytes, valid as long as this object or a copy; null for no key.
  const std::byte* bytes() const noexcept;
  explicit operator bool() const noexcept { return material_ != nullptr; }

 private:
  struct Material;
  explicit SecretKey(std::shared_ptr<const Material> material) noexcept
      : material_(std::move(material)) {}
  static SecretKey from_bytes(const std::byte* bytes);

  std::shared_ptr<const Material> material_;
};

/// Writes `path`.key, which only its owner may read, and `path`.pub, a line "KEY NAME" that fits
/// into a file of allowed clients; NAME is what follows the last slash. Overwrites nothing: throws
/// `Error` (invalid_argument) when one of them exists or cannot be written.
void write_key_files(const std::string& path, const SecretKey& key);

}  // namespace am::rpc
