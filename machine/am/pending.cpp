#include <am/pending.hpp>

#include <am/detail/core.hpp>

namespace am::detail {

void PendingBase::check_may_block() const {
  if (core_ != nullptr) core_->check_may_block();
}

std::shared_ptr<Executor> PendingBase::place(std::shared_ptr<Executor> executor) const {
  return core_ != nullptr && executor == inline_executor() ? core_->completions() : executor;
}

}  // namespace am::detail
