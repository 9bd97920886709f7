// Every limit of the protocol, with its name and default.
#pragma once

#include <am/schema.hpp>

#include <cstddef>
#include <cstdint>

namespace am::rpc::internal {

/// What one side takes from the other at most. Bytes unless said otherwise. A frame that breaks a
/// limit is refused before anything is allocated for it.
struct Limits {
  /// One frame. Also the largest frame that is sent.
  std::size_t frame = std::size_t{1} << 20U;
  /// States of a machine, Exception included (a count).
  std::size_t states = max_states;
  /// States called by one mutation (a count; a state may be called twice).
  std::size_t called = max_states;
  /// A client id or machine id.
  std::size_t id = 255;
  /// The encoded arguments of one mutation.
  std::size_t args = std::size_t{256} << 10U;
  /// A text for people: an error, a reason. Longer ones are cut when sent.
  std::size_t text = 1024;
  /// Tags of one state (a count).
  std::size_t tags = 64;
  /// One tag.
  std::size_t tag = 255;
  /// Memory of a decoded schema: relations are indexes on the wire and names in memory, so that a
  /// small frame could ask for a lot.
  std::size_t schema_memory = std::size_t{8} << 20U;
  /// Extensions of a hello or welcome (a count).
  std::size_t extensions = 16;
  /// One extension.
  std::size_t extension = std::size_t{64} << 10U;
  /// Requests of one link that run or wait at the server (a count). More are answered `queue_full`.
  std::size_t pending_requests = 4096;
  /// Calls of one link that wait for an answer at the client (a count).
  std::size_t pending_calls = 4096;
  /// Links of one connection (a count); kept by the owner of the links.
  std::size_t links_per_connection = 4096;
  /// Snapshots that a resyncing client asks for in a row before it gives the link up (a count).
  std::size_t resync_attempts = 8;

  friend bool operator==(const Limits&, const Limits&) = default;
};

}  // namespace am::rpc::internal
