// Errors that a machine keeps and tells of (spec machine 7).
#include <am/internal/extras.hpp>

#include <algorithm>
#include <utility>

namespace am::detail {

/// An error that is being added is the last one, even if the mutation comes to nothing.
void LocalCore::remember_error(std::span<const StateIndex> called, const Args& args) {
  if (args.empty()) return;
  const auto* error = args.get_if<ErrorInfo>();
  if (error == nullptr) return;
  if (std::ranges::find(called, board().schema().data()->exception) == called.end()) return;
  store_error(*error);
  tell_error(*error);
}

void LocalCore::store_error(const ErrorInfo& info) {
  const std::lock_guard lock(attach_mutex_);
  last_error_ = std::make_unique<ErrorInfo>(info);
}

void LocalCore::on_internal_error(std::function<void(const ErrorInfo&)> fn) {
  auto& rare = make_extras();
  auto shared = std::make_shared<const std::function<void(const ErrorInfo&)>>(std::move(fn));
  const std::lock_guard lock(rare.mutex);
  rare.on_internal_error.swap(shared);
}

void LocalCore::tell_internal_error(const ErrorInfo& info) const {
  auto* const rare = extras();
  if (rare == nullptr) return;
  std::shared_ptr<const std::function<void(const ErrorInfo&)>> fn;
  {
    const std::lock_guard lock(rare->mutex);
    fn = rare->on_internal_error;
  }
  if (fn == nullptr || !*fn) return;
  try {
    (*fn)(info);
  } catch (...) {  // as with tracers: there is nobody left to tell
  }
}

std::optional<ErrorInfo> LocalCore::last_error() const {
  const std::lock_guard lock(attach_mutex_);
  return last_error_ == nullptr ? std::nullopt : std::optional(*last_error_);
}

}  // namespace am::detail
