// What a schema may grow to.
#pragma once

#include <am/schema.hpp>

namespace am::internal {

/// `wanted` with all states of `now` where they are, and the new ones after them. Throws `Error`
/// (schema) when `wanted` lacks one of them or lists them in another order. Exception may be left
/// out, or be anywhere: it stays where it is.
Schema grown_schema(const CompiledSchema& now, const Schema& wanted);

}  // namespace am::internal
