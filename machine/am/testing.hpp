// What tests of programs with machines need; for any test framework.
#pragma once

#include <am/testing/fake_timers.hpp>
#include <am/testing/manual_executor.hpp>
#include <am/testing/recorder.hpp>
#include <am/testing/run_until_idle.hpp>
