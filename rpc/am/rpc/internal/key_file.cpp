#include <am/rpc/internal/key_file.hpp>

#include <am/error.hpp>
#include <am/rpc/internal/transport/curve.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <system_error>

namespace am::rpc::internal {

namespace {

constexpr mode_t others_read_or_write = S_IRWXG | S_IRWXO;
constexpr mode_t others_write = S_IWGRP | S_IWOTH;

/// Closes at the end of its scope.
struct Descriptor {
  explicit Descriptor(int descriptor) : number(descriptor) {}
  Descriptor(Descriptor&&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
  int number;
};

[[noreturn]] void refuse(const std::string& text) { throw Error(Errc::invalid_argument, text); }

[[noreturn]] void fail(const char* what, const std::string& path) {
  refuse(fmt::format("cannot {} \"{}\": {}", what, path, std::generic_category().message(errno)));
}

void check_mode(const std::string& path, mode_t mode, Keep keep) {
  if (keep == Keep::secret && (mode & others_read_or_write) != 0) {
    refuse(
        fmt::format("\"{}\" is a secret that others than its owner may read or write: chmod 600, "
                    "and if they may have read it, make a new one",
                    path));
  }
  if (keep == Keep::intact && (mode & others_write) != 0) {
    refuse(
        fmt::format("\"{}\" says whose keys are trusted, and others than its owner may write it: "
                    "chmod go-w",
                    path));
  }
}

}  // namespace

WipedText::WipedText(const std::string& path, Keep keep) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number < 0) fail("read", path);
  struct stat status {};
  if (fstat(file.number, &status) != 0) fail("read", path);
  if (!S_ISREG(status.st_mode)) refuse(fmt::format("\"{}\" is not a file", path));
  check_mode(path, status.st_mode, keep);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > max_key_file) {
    refuse(fmt::format("\"{}\" has {} bytes; a file of keys has at most {}", path, size,
                       max_key_file));
  }
  text.resize(size);  // once, so that no copy is left behind
  std::size_t done = 0;
  while (done < size) {
    const auto count = read(file.number, text.data() + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", path);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  text.resize(done);
}

WipedText::~WipedText() { wipe(text.data(), text.size()); }

void write_new_file(const std::string& path, std::string_view text, Keep keep) {
  const mode_t mode = keep == Keep::secret ? S_IRUSR | S_IWUSR : 0644;
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (file.number < 0 && errno == EEXIST) {
    refuse(fmt::format("\"{}\" exists, and is not overwritten: remove it, or choose another name",
                       path));
  }
  if (file.number < 0) fail("write", path);
  while (!text.empty()) {
    const auto count = write(file.number, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("write", path);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (fsync(file.number) != 0 && errno != EINVAL) fail("write", path);
}

std::vector<KeyLine> key_lines(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  std::vector<KeyLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto rest = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    KeyLine line{.number = number};
    while (true) {
      const auto start = rest.find_first_not_of(blanks);
      if (start == std::string_view::npos) break;
      rest.remove_prefix(start);
      const auto length = std::min(rest.find_first_of(blanks), rest.size());
      line.words.push_back(rest.substr(0, length));
      rest.remove_prefix(length);
    }
    if (!line.words.empty() && line.words.front().front() != '#') lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace am::rpc::internal
