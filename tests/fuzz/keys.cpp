// Keys as text, and files of allowed clients: accepted or refused with a reason, and a key has one
// text.
#include "target.hpp"

#include <am/error.hpp>
#include <am/rpc/security.hpp>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string_view>

namespace {

using fuzz::require;

void check_text(const std::string& text) {
  try {
    const auto key = am::rpc::PublicKey::from_text(text);
    require(key && key.text() == text);
  } catch (const am::Error& error) {
    require(error.code() == am::Errc::invalid_argument);
  }
}

/// A file in memory that nobody else may write.
int file_of(std::string_view content) {
  static const int file = [] {
    const int made = memfd_create("clients", MFD_CLOEXEC);
    require(made >= 0 && fchmod(made, S_IRUSR | S_IWUSR) == 0);
    return made;
  }();
  require(ftruncate(file, 0) == 0);
  require(pwrite(file, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
  return file;
}

void check_file(const std::string& text) {
  const auto path = "/proc/self/fd/" + std::to_string(file_of(text));
  try {
    std::set<am::rpc::PublicKey> keys;
    for (const auto& client : am::rpc::read_allowed_clients(path)) {
      require(keys.insert(client.key).second);
      require(text.find(client.name) != std::string::npos);
      require(client.may_mutate || text.find("read-only") != std::string::npos);
    }
  } catch (const am::Error& error) {
    require(error.code() == am::Errc::invalid_argument);
    require(std::string_view(error.what()).find(path) != std::string_view::npos);
  }
  try {
    static_cast<void>(am::rpc::PublicKey::from_file(path));
  } catch (const am::Error& error) {
    require(error.code() == am::Errc::invalid_argument);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_text(text);
  check_file(text);
  return 0;
}
