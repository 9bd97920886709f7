#include <am/helpers/internal/local.hpp>

#include <am/internal/local_core.hpp>

namespace am::internal {

std::shared_ptr<detail::LocalCore> local_core(const std::shared_ptr<detail::Core>& core) noexcept {
  return core != nullptr && core->is_local() ? std::static_pointer_cast<detail::LocalCore>(core)
                                             : nullptr;
}

}  // namespace am::internal
