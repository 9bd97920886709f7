// The work on one file. Knows nothing of machines and threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <stop_token>
#include <string>

namespace file_pipeline {

/// Thrown by the steps of a file when their stop token was triggered.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "stopped"; }
};

using Digest = std::array<std::byte, 32>;  ///< SHA-256

/// One file on its way through the pipeline: open, digest, compress, verify, in this order. Each
/// step goes through the file in chunks of 64 KiB, so that its size does not matter, and looks at
/// the token before each. One thread at a time may use it.
///
/// Steps throw `Stopped`, or another exception that says what is wrong with the file.
class FileTask {
 public:
  static constexpr std::size_t chunk_size = std::size_t{64} << 10U;

  /// The compressed file will be `target`, whose folder must exist.
  FileTask(std::filesystem::path source, std::filesystem::path target);
  FileTask(const FileTask&) = delete;
  FileTask& operator=(const FileTask&) = delete;
  ~FileTask();

  /// Opens the source. What cannot be opened, or is no regular file, is not an error: `problem`
  /// says so. Never blocks on pipes and devices.
  void open(std::stop_token token);
  /// Computes the digest of the source.
  void digest(std::stop_token token);
  /// Writes the source to the target in gzip format.
  void compress(std::stop_token token);
  /// Reads the target back. Throws when it has not the digest of the source.
  void verify(std::stop_token token);

  const std::filesystem::path& source() const noexcept { return source_; }
  /// Why the source cannot be read; "" when it can.
  const std::string& problem() const noexcept { return problem_; }
  /// Bytes of the source, as of `open`.
  std::uint64_t size() const noexcept { return size_; }
  /// Bytes of the target, as of `compress`.
  std::uint64_t compressed_size() const noexcept { return compressed_size_; }
  /// As of `digest`.
  const Digest& sha256() const noexcept { return digest_; }

 private:
  template <class Consume>
  void read_source(const std::stop_token& token, Consume consume) const;

  std::filesystem::path source_;
  std::filesystem::path target_;
  int descriptor_ = -1;
  std::string problem_{};
  std::uint64_t size_ = 0;
  std::uint64_t compressed_size_ = 0;
  Digest digest_{};
};

}  // namespace file_pipeline
