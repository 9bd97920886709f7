// A machine that shows what another one does.
#pragma once

#include <am/helpers/pipe.hpp>
#include <am/machine.hpp>

#include <memory>
#include <string>
#include <vector>

namespace am {

struct MirrorOptions {
  /// Of the mirror's machine; random when empty.
  std::string id{};
  /// The states to show; all of them when empty.
  std::vector<StateName> states{};
  /// `with_exception` is not looked at: Exception comes and goes with the source's.
  PipeOptions pipe{};
};

/// The schema of a mirror: the named states, or all, in the order of `source`. Multi states stay
/// so; relations and automatic activation are left out, as they have done their work in the source.
/// Throws `Error` (unknown_state) for a name that `source` does not have.
Schema mirror_schema(const CompiledSchema& source, const std::vector<StateName>& states = {});

/// A machine of its own with the states of a source, local or remote, that it follows through a
/// pipe: for handlers and waits that must not weigh on the source, and for handlers on a remote
/// machine. One transition of the source that removes and adds states is two of the mirror, the
/// removal first. Any thread.
///
///     am::Mirror mirror{remote_worker};
///     mirror.machine().on_state("Ready", [](am::Event&) { ... });
class Mirror {
 public:
  explicit Mirror(const Api& source, MirrorOptions options = {});

  Machine& machine() noexcept { return machine_; }
  const Machine& machine() const noexcept { return machine_; }
  /// False once the source is gone; the mirror's machine stays as it was.
  bool active() const noexcept { return pipe_.active(); }
  PipeCounters counters() const { return pipe_.counters(); }

 private:
  Machine machine_;
  Pipe pipe_;
};

}  // namespace am
