// Running completions on the thread that found them.
#pragma once

#include <functional>
#include <vector>

namespace am::internal {

/// Runs `completions` on the calling thread, which must hold no lock and no drain claim; when they
/// nest too deeply, on the completion executor.
void run_completions(std::vector<std::function<void()>> completions) noexcept;

}  // namespace am::internal
