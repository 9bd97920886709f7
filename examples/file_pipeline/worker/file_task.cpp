#include "worker/file_task.hpp"

#include <cerrno>
#include <memory>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <zlib.h>

namespace file_pipeline {

namespace {

using Chunk = std::span<const std::byte>;

std::string error_text(int error) { return std::generic_category().message(error); }

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// SHA-256 of what is put into it.
class Hasher {
 public:
  Hasher() : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) fail();
  }
  void put(Chunk chunk) {
    if (EVP_DigestUpdate(context_.get(), chunk.data(), chunk.size()) != 1) fail();
  }
  Digest finish() {
    Digest digest{};
    unsigned length = 0;
    auto* bytes = reinterpret_cast<unsigned char*>(digest.data());
    if (EVP_DigestFinal_ex(context_.get(), bytes, &length) != 1 || length != digest.size()) fail();
    return digest;
  }

 private:
  [[noreturn]] static void fail() { throw std::runtime_error("libcrypto cannot compute SHA-256"); }

  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

/// A gzip file; `mode` as for fopen.
class GzipFile {
 public:
  GzipFile(const std::filesystem::path& path, const char* mode) {
    errno = 0;
    file_ = gzopen(path.c_str(), mode);
    if (file_ == nullptr) throw_errno("open compressed file");
  }
  GzipFile(const GzipFile&) = delete;
  GzipFile& operator=(const GzipFile&) = delete;
  ~GzipFile() {
    if (file_ != nullptr) gzclose(file_);
  }
  void write(Chunk chunk) {
    const auto size = static_cast<unsigned>(chunk.size());
    if (size != 0 && gzwrite(file_, chunk.data(), size) <= 0) fail();
  }
  /// Returns 0 at the end.
  std::size_t read(std::span<std::byte> buffer) {
    const int got = gzread(file_, buffer.data(), static_cast<unsigned>(buffer.size()));
    if (got < 0) fail();
    return static_cast<std::size_t>(got);
  }
  /// Writes what is left, or finds that the end is missing.
  void close() {
    const int status = gzclose(std::exchange(file_, nullptr));
    if (status == Z_ERRNO) throw_errno("close compressed file");
    if (status != Z_OK) throw std::runtime_error("the compressed file is not complete");
  }

 private:
  [[noreturn]] void fail() {
    int code = Z_OK;
    const char* text = gzerror(file_, &code);
    if (code == Z_ERRNO) throw_errno("compressed file");
    throw std::runtime_error(text);
  }

  gzFile file_ = nullptr;
};

}  // namespace

FileTask::FileTask(std::filesystem::path source, std::filesystem::path target)
    : source_(std::move(source)), target_(std::move(target)) {}

FileTask::~FileTask() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileTask::open(std::stop_token token) {
  if (token.stop_requested()) throw Stopped();
  // Asked before the file is opened, because opening a pipe or a device can have effects, and after
  // it, because it may be another file by then.
  struct stat status {};
  if (::stat(source_.c_str(), &status) != 0) {
    problem_ = error_text(errno);
    return;
  }
  if (S_ISREG(status.st_mode)) {
    descriptor_ = ::open(source_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
      problem_ = error_text(errno);
      return;
    }
  }
  if (!S_ISREG(status.st_mode)) {
    problem_ = S_ISDIR(status.st_mode) ? "a folder that cannot be read" : "not a regular file";
    return;
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void FileTask::digest(std::stop_token token) {
  Hasher hasher;
  read_source(token, [&](Chunk chunk) { hasher.put(chunk); });
  digest_ = hasher.finish();
}

void FileTask::compress(std::stop_token token) {
  GzipFile out(target_, "wbx6");
  read_source(token, [&](Chunk chunk) { out.write(chunk); });
  out.close();
  compressed_size_ = std::filesystem::file_size(target_);
}

void FileTask::verify(std::stop_token token) {
  std::vector<std::byte> buffer(chunk_size);
  Hasher hasher;
  GzipFile in(target_, "rb");
  for (;;) {
    if (token.stop_requested()) throw Stopped();
    const std::size_t got = in.read(buffer);
    if (got == 0) break;
    hasher.put(std::span(buffer).first(got));
  }
  in.close();
  if (hasher.finish() != digest_) {
    throw std::runtime_error("the compressed file does not hold what was read before");
  }
}

template <class Consume>
void FileTask::read_source(const std::stop_token& token, Consume consume) const {
  std::vector<std::byte> buffer(chunk_size);
  std::uint64_t total = 0;
  for (;;) {
    if (token.stop_requested()) throw Stopped();
    const auto got = ::pread(descriptor_, buffer.data(), buffer.size(), static_cast<off_t>(total));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("read");
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
    // Also what keeps endless files of /proc from being read forever.
    if (total > size_) throw std::runtime_error("it grew while it was read");
    consume(Chunk(buffer).first(static_cast<std::size_t>(got)));
  }
  if (total < size_) throw std::runtime_error("it shrank while it was read");
}

}  // namespace file_pipeline
