// What a machine does, line by line, for people.
#pragma once

#include <am/args.hpp>
#include <am/log_level.hpp>
#include <am/tracer.hpp>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

namespace am {

class Machine;

/// Which arguments of a mutation are shown, and how: named values by their name, typed ones by a
/// function. Others are left out.
class ArgsMapper {
 public:
  using Shown = std::vector<std::pair<std::string, std::string>>;

  /// What is named in most programs.
  static std::vector<std::string> common_names();

  /// Shows the named values in `names`. Text longer than `max_length` bytes ends with `...`, or,
  /// when that is less than 5, is just cut.
  explicit ArgsMapper(std::vector<std::string> names = common_names(), std::size_t max_length = 20);

  /// Shows arguments of type T under `name`, as the text that `text` makes of a `const T&`.
  template <class T, class F>
  ArgsMapper& show(std::string name, F text) {
    typed_.push_back({typeid(T), std::move(name), [text = std::move(text)](const void* value) {
                        return std::string(text(*static_cast<const T*>(value)));
                      }});
    return *this;
  }

  /// What is shown of `args`, sorted by name.
  Shown map(const Args& args) const;
  /// ` (name=value other=value)`; "" for nothing.
  std::string text(const Args& args) const;

 private:
  struct Typed {
    std::type_index type;
    std::string name;
    std::function<std::string(const void*)> text;
  };

  std::vector<std::string> names_;
  std::size_t max_length_;
  std::vector<Typed> typed_{};
};

/// Cuts `text` to `max_length` bytes: `abcdef` to `ab...`, below 5 just to `abcd`.
std::string truncated(std::string_view text, std::size_t max_length);

/// Whether lines start with the machine's id.
enum class LogPrefix : std::uint8_t {
  id,  ///< `[3f2a9] `: its first five characters
  none,
};

struct LogOptions {
  LogLevel level = LogLevel::changes;
  LogPrefix prefix = LogPrefix::id;
  ArgsMapper args{};
  /// Gets each line, without a line end. Called on the thread that does what the line tells of, on
  /// several at a time; must not block; a mutation that it makes is queued. Standard output when
  /// empty.
  std::function<void(LogLevel, std::string_view)> sink{};
};

/// Writes down what happens in `machine` from now on, until it is detached (`Machine::detach`). The
/// level is looked at before any text is made.
TracerId attach_log(Machine& machine, LogOptions options = {});

}  // namespace am
