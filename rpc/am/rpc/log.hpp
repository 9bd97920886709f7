// Where the library writes what went wrong on a link.
#pragma once

#include <functional>
#include <string_view>

namespace am::rpc {

/// Receives one line of text, without its end, on I/O threads: it must not block; should it throw,
/// that line is lost. An empty function drops all lines; what they tell is counted in any case.
using LogSink = std::function<void(std::string_view line)>;

}  // namespace am::rpc
