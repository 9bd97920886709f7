// Attaching to a local machine that is known by its handle.
#pragma once

#include <am/api.hpp>

#include <memory>

namespace am::detail {
class LocalCore;
}

namespace am::internal {

/// The local machine behind `core`; null for a remote one or none.
std::shared_ptr<detail::LocalCore> local_core(const std::shared_ptr<detail::Core>& core) noexcept;

}  // namespace am::internal
