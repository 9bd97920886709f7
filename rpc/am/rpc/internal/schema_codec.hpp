// A schema as bytes: what a server tells a client that does not know its machine yet.
#pragma once

#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/limits.hpp>
#include <am/schema.hpp>

#include <optional>
#include <string>

namespace am::rpc::internal {

/// Appends names, flags, relations (as indexes) and tags, in index order. The schema is one that
/// `CompiledSchema::schema()` returns. Returns false when it is not: a relation to a state that
/// does not exist; the buffer then holds half of it.
bool encode_schema(const Schema& schema, Writer& writer);

/// Outcome of `decode_schema`.
struct DecodedSchema {
  std::optional<Schema> schema{};
  std::string error{};  ///< when there is none: what is wrong, naming state and rule
};

/// Reads a schema. One that is returned can be given to `CompiledSchema`: every rule that a machine
/// has for schemas is checked here, because these bytes come from the network. Never throws for bad
/// bytes; its memory is bounded by `Limits::schema_memory`.
DecodedSchema decode_schema(ByteView bytes, const Limits& limits);

}  // namespace am::rpc::internal
