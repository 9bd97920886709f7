// Waits and contexts in the words of the log.
#pragma once

#include <am/internal/waits.hpp>

#include <string>
#include <string_view>

namespace am::internal {

/// `[when:new] A B`, where `event` is `new` or `match`.
std::string wait_words(const WaitState& wait, std::string_view event, const CompiledSchema& schema);
/// `[ctx:new] A`.
std::string context_words(StateIndex state, std::string_view event, const CompiledSchema& schema);

}  // namespace am::internal
