#include <am/rpc/keys.hpp>

#include <am/error.hpp>
#include <am/rpc/internal/key_file.hpp>
#include <am/rpc/internal/transport/curve.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace am::rpc {

namespace {

[[noreturn]] void refuse(const std::string& text) { throw Error(Errc::invalid_argument, text); }

/// Zeros stand for "no key" in a `PublicKey`, and as a secret everybody knows them.
bool is_blank(const internal::KeyBytes& bytes) { return bytes == internal::KeyBytes{}; }

}  // namespace

// -- public -----------------------------------------------------------------------------------

PublicKey PublicKey::from_text(std::string_view text) {
  const auto bytes = internal::decode_z85(text);
  if (!bytes) {
    refuse(
        fmt::format("this is not a public key: it has {} characters, and has to be {} of Z85, as "
                    "`am-keys show` prints them",
                    text.size(), key_text_size));
  }
  if (is_blank(*bytes)) {
    refuse(
        "this is not a public key but forty zeros, which stand for none: give what "
        "`am-keys show` prints");
  }
  return PublicKey(*bytes);
}

PublicKey PublicKey::from_file(const std::string& path) {
  const internal::WipedText file(path, internal::Keep::intact);
  for (const auto& line : internal::key_lines(file.text)) {
    const auto& word = line.words.front() == "public" && line.words.size() > 1 ? line.words[1]
                                                                               : line.words.front();
    const auto bytes = internal::decode_z85(word);
    if (bytes && !is_blank(*bytes)) return PublicKey(*bytes);
  }
  refuse(fmt::format("\"{}\" has no public key: name the NAME.pub that `am-keys make NAME` wrote",
                     path));
}

std::string PublicKey::text() const { return *this ? internal::encode_z85(bytes_) : std::string{}; }

// -- secret -----------------------------------------------------------------------------------

struct SecretKey::Material {
  Material() = default;
  Material(Material&&) = delete;
  Material& operator=(Material&&) = delete;
  ~Material() { internal::wipe(secret.data(), secret.size()); }

  internal::KeyBytes secret{};
  PublicKey public_key{};
};

SecretKey SecretKey::make() {
  internal::require_curve();
  const auto material = std::make_shared<Material>();
  internal::make_secret(material->secret);
  material->public_key = PublicKey(internal::public_half(material->secret.data()));
  return SecretKey(material);
}

SecretKey SecretKey::from_bytes(const std::byte* bytes) {
  internal::require_curve();
  const auto material = std::make_shared<Material>();
  std::copy_n(bytes, key_bytes, material->secret.begin());
  material->public_key = PublicKey(internal::public_half(material->secret.data()));
  return SecretKey(material);
}

SecretKey SecretKey::from_text(std::string_view text) {
  auto bytes = internal::decode_z85(text);
  if (!bytes) {
    // The text is not quoted: it may be a key with a slip of the pen.
    refuse(fmt::format("this is not a secret key: it has {} characters, and has to be {} of Z85",
                       text.size(), key_text_size));
  }
  if (is_blank(*bytes)) {
    refuse(
        "this is not a secret key but forty zeros, which everybody knows: make one with "
        "`am-keys make`");
  }
  auto key = from_bytes(bytes->data());
  internal::wipe(bytes->data(), bytes->size());
  return key;
}

SecretKey SecretKey::from_file(const std::string& path) {
  const internal::WipedText file(path, internal::Keep::secret);
  for (const auto& line : internal::key_lines(file.text)) {
    if (line.words.size() == 2 && line.words[0] == "secret") return from_text(line.words[1]);
  }
  refuse(fmt::format(
      "\"{}\" has no secret key: name the NAME.key that `am-keys make NAME` wrote (NAME.pub is "
      "for others)",
      path));
}

const PublicKey& SecretKey::public_key() const noexcept {
  static constexpr PublicKey none;
  return material_ == nullptr ? none : material_->public_key;
}

const std::byte* SecretKey::bytes() const noexcept {
  return material_ == nullptr ? nullptr : material_->secret.data();
}

// -- files ------------------------------------------------------------------------------------

void write_key_files(const std::string& path, const SecretKey& key) {
  if (!key) refuse("there is no key to write: make one with SecretKey::make()");
  const auto name = path.substr(path.rfind('/') + 1);
  if (name.empty() || name.find_first_of(" \t\n\r") != std::string::npos) {
    refuse(fmt::format("\"{}\" is no name for keys: it has to end in a word without blanks", path));
  }
  const auto public_text = key.public_key().text();
  internal::WipedText file;
  file.text.reserve(512 + 2 * name.size());  // once, so that no copy is left behind
  file.text +=
      fmt::format("# The key of {}. Keep it to yourself; {}.pub is for others.\n", name, name);
  file.text += fmt::format("public {}\nsecret ", public_text);
  internal::append_secret(file.text, key.bytes());
  file.text += "\n";
  // The public half first, so that a failure leaves no secret behind.
  internal::write_new_file(path + ".pub", fmt::format("{} {}\n", public_text, name),
                           internal::Keep::intact);
  try {
    internal::write_new_file(path + ".key", file.text, internal::Keep::secret);
  } catch (...) {
    std::remove((path + ".pub").c_str());
    throw;
  }
}

}  // namespace am::rpc
