// Where the library writes what went wrong on a link.
#pragma once

#include <functional>
#include <string_view>

namespace am::rpc {

/// Receives one line of text, without its end. Called on I/O threads: it must not block or throw.
/// An empty function drops the lines; what they tell is counted in any case.
using LogSink = std::function<void(std::string_view line)>;

}  // namespace am::rpc
