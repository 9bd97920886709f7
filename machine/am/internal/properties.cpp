// Parent and tags of a machine.
#include <am/internal/extras.hpp>

#include <utility>

namespace am::detail {

std::string LocalCore::parent_id() const { return options().parent.id; }

std::vector<std::string> LocalCore::tags() const {
  const auto* const rare = extras();
  if (rare == nullptr) return {};
  const std::lock_guard lock(attach_mutex_);
  return rare->tags ? *rare->tags : rare->options.tags;
}

void LocalCore::set_tags(std::vector<std::string> tags) {
  auto& rare = make_extras();
  const std::lock_guard lock(attach_mutex_);
  rare.tags = std::move(tags);
}

}  // namespace am::detail
