#include <am/helpers/internal/local.hpp>

#include <am/internal/local_core.hpp>

namespace am::internal {

detail::LocalCore* local_core(const std::shared_ptr<detail::Core>& core) noexcept {
  return core != nullptr && core->is_local() ? static_cast<detail::LocalCore*>(core.get())
                                             : nullptr;
}

}  // namespace am::internal
