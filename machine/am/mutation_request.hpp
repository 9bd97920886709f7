// A mutation that somebody asks for, before it gets into the queue.
#pragma once

#include <am/args.hpp>
#include <am/schema.hpp>
#include <am/transition.hpp>

#include <span>
#include <string_view>

namespace am {

/// What `MachineOptions::validate` is asked about. Valid during the call.
struct MutationRequest {
  MutationType type = MutationType::add;
  bool check = false;                    ///< a dry run (can_add, can_remove)
  std::span<const StateIndex> called{};  ///< in call order, without duplicates
  const Args& args;
  const CompiledSchema& schema;

  std::string_view name(StateIndex state) const { return schema.names()[state]; }
};

}  // namespace am
