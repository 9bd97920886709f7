// States that many machines have, as sets to extend:
//
//     AM_STATES_EXTENDING(Worker, (am::states::Basic, am::states::Connected), Loading, Working)
//     am::Machine worker{Worker::schema({{Worker::Loading, {.require = {Worker::Ready}}}})};
#pragma once

#include <am/states.hpp>

namespace am::states {

/// A machine that starts, gets ready and has errors of its own:
///
/// * ErrNetwork, ErrHandlerTimeout: kinds of errors, active along with Exception;
/// * Start: the machine shall run; Ready: it does, and requires Start;
/// * Healthcheck, Heartbeat: added at intervals; automatic states do not follow them.
AM_STATES(Basic, Exception, ErrNetwork, ErrHandlerTimeout, Start, Ready, Healthcheck, Heartbeat)
AM_STATES_SCHEMA(Basic,
                 {{Exception, {.multi = true}},
                  {ErrNetwork, {.multi = true, .require = {Exception}, .add = {Exception}}},
                  {ErrHandlerTimeout, {.multi = true, .require = {Exception}, .add = {Exception}}},
                  {Ready, {.require = {Start}}},
                  {Healthcheck, {.multi = true}}})

/// A connection in one of four states, with Disconnected wherever nothing else holds. Needs a state
/// Start, as of `Basic`.
AM_STATES(ConnectedStates, ErrConnecting, Connecting, Connected, Disconnecting, Disconnected)
AM_STATES_SCHEMA(ConnectedStates,
                 am::Schema({{ErrConnecting, {.require = {"Exception"}}},
                             {Connecting, {.require = {"Start"}}},
                             {Connected, {.require = {"Start"}}},
                             {Disconnected, {.automatic = true}}})
                     .extend(am::exclusive("Connection",
                                           {Connecting, Connected, Disconnecting, Disconnected})))

/// Several connections: Connected holds with one of them, ConnectedFully with all. Needs a state
/// Start, as of `Basic`.
AM_STATES(ConnPool, ErrConnecting, Disconnected, Connecting, Connected, ConnectedFully,
          Disconnecting)
AM_STATES_SCHEMA(
    ConnPool, am::Schema({{ErrConnecting, {.require = {"Exception"}}},
                          {Disconnected, {.remove = {Connecting, ConnectedFully, Disconnecting}}},
                          {Connecting, {.require = {"Start"}, .remove = {Disconnecting}}},
                          {Connected, {.require = {"Start"}, .remove = {Disconnected}}},
                          {ConnectedFully, {.require = {Connected}, .remove = {Disconnected}}},
                          {Disconnecting, {.remove = {ConnectedFully, Connected, Connecting}}}})
                  .group("Connection", {Connected, Disconnected}))

/// A machine that is disposed of in steps, as states: RegisterDisposal takes note of something to
/// do, Disposing does it, Disposed is the end. Needs a state Start, as of `Basic`. The states only:
/// what runs in them are handlers of yours.
AM_STATES(DisposedStates, RegisterDisposal, Disposing, Disposed)
AM_STATES_SCHEMA(DisposedStates, {{RegisterDisposal, {.multi = true}},
                                  {Disposing, {.remove = {"Start", "Exception"}}},
                                  {Disposed, {.remove = {"Start", "Exception", Disposing}}}})

// By their usual names, which the structs could not have besides their members.
using Connected = ConnectedStates;
using Disposed = DisposedStates;

}  // namespace am::states
