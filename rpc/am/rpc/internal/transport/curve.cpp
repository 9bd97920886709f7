#include <am/rpc/internal/transport/curve.hpp>

#include <am/error.hpp>

#include <zmq.h>
#include <algorithm>
#include <cstring>

namespace am::rpc::internal {

namespace {

/// A key as text with the zero that libzmq wants at its end, wiped at the end of its scope.
struct KeyText {
  KeyText() = default;
  KeyText(KeyText&&) = delete;
  KeyText& operator=(KeyText&&) = delete;
  ~KeyText() { wipe(text.data(), text.size()); }
  std::array<char, key_text_size + 1> text{};
};

[[noreturn]] void fail(const char* what) {
  throw Error(Errc::invalid_argument, std::string{"libzmq cannot "} + what);
}

}  // namespace

void require_curve() {
  if (zmq_has("curve") != 0) return;
  throw Error(Errc::invalid_argument,
              "keys need CURVE, and this libzmq was built without it: install one with libsodium "
              "(Debian's has it)");
}

void check_keys_fit(const Endpoint& endpoint) {
  require_curve();
  if (endpoint.kind != Endpoint::Kind::inproc) return;
  throw Error(
      Errc::invalid_argument,
      "endpoint \"" + endpoint.text +
          "\" stays in the process, where libzmq uses no keys: use tcp or ipc, or give none");
}

std::optional<KeyBytes> decode_z85(std::string_view text) noexcept {
  // libzmq takes a zero byte for the end of a shorter key, whose rest would be zeros.
  if (text.size() != key_text_size || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  KeyText zero_ended;
  std::ranges::copy(text, zero_ended.text.begin());
  KeyBytes bytes{};
  if (zmq_z85_decode(reinterpret_cast<std::uint8_t*>(bytes.data()), zero_ended.text.data()) ==
      nullptr) {
    return std::nullopt;
  }
  return bytes;
}

std::string encode_z85(const KeyBytes& bytes) {
  std::string text(key_text_size + 1, '\0');
  if (zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                     bytes.size()) == nullptr) {
    fail("write a key as text");
  }
  text.pop_back();
  return text;
}

void append_secret(std::string& text, const std::byte* secret) {
  KeyText characters;
  if (zmq_z85_encode(characters.text.data(), reinterpret_cast<const std::uint8_t*>(secret),
                     key_bytes) == nullptr) {
    fail("write a key as text");
  }
  text.append(characters.text.data(), key_text_size);
}

KeyBytes public_half(const std::byte* secret) {
  KeyText text;
  if (zmq_z85_encode(text.text.data(), reinterpret_cast<const std::uint8_t*>(secret), key_bytes) ==
      nullptr) {
    fail("read a secret key");
  }
  KeyText result;
  if (zmq_curve_public(result.text.data(), text.text.data()) != 0) {
    fail("find the public half of a key");
  }
  const auto bytes = decode_z85({result.text.data(), key_text_size});
  if (!bytes) fail("read a public key that it made");
  return *bytes;
}

void make_secret(KeyBytes& secret) {
  KeyText public_text;
  KeyText secret_text;
  if (zmq_curve_keypair(public_text.text.data(), secret_text.text.data()) != 0) fail("make keys");
  auto bytes = decode_z85({secret_text.text.data(), key_text_size});
  if (!bytes) fail("read a key that it made");
  secret = *bytes;
  wipe(bytes->data(), bytes->size());
}

void wipe(void* memory, std::size_t size) noexcept { explicit_bzero(memory, size); }

}  // namespace am::rpc::internal
