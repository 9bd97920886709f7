// Sizes of the values that users hold by the million. A larger one is a decision, made here.
#include <am/machine.hpp>

#include <gtest/gtest.h>

namespace {

constexpr std::size_t word = sizeof(void*);

static_assert(sizeof(am::Tick) == 8);
static_assert(sizeof(am::QueueTick) == 8);
static_assert(sizeof(am::MachineTick) == 8);
static_assert(sizeof(am::StateIndex) == 2);
static_assert(sizeof(am::Result) == 16);
static_assert(sizeof(am::StateId) == 16);
static_assert(sizeof(am::TickChange) <= 24);
static_assert(sizeof(am::CancelInfo) <= 8);
static_assert(sizeof(am::Time) == sizeof(std::vector<am::Tick>));
static_assert(sizeof(am::Wait) == word);
static_assert(sizeof(am::Pending<am::Result>) == 2 * word);
static_assert(sizeof(am::Continuation) <= 2 * word);
static_assert(sizeof(am::Delayed) == 2 * word);
static_assert(sizeof(am::Args) == 2 * word);
static_assert(sizeof(am::CompiledSchema) == 2 * word);
static_assert(sizeof(am::Api) == 3 * word);
static_assert(sizeof(am::Machine) == sizeof(am::Api));
static_assert(sizeof(am::BindingId) <= word);
static_assert(sizeof(am::TracerId) <= word);
static_assert(std::is_trivially_copyable_v<am::Result>);
static_assert(std::is_trivially_copyable_v<am::StateId>);
static_assert(std::is_trivially_copyable_v<am::Tick>);

TEST(Sizes, AreWhatTheCompilerHasChecked) { SUCCEED(); }

}  // namespace
