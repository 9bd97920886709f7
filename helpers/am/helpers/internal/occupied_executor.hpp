// For tests: an executor that runs nothing.
#pragma once

#include <am/thread_executor.hpp>

#include <memory>
#include <semaphore>

namespace am::internal {

/// An executor whose only thread is inside a function until this object goes. What is posted to it
/// waits.
class OccupiedExecutor {
 public:
  OccupiedExecutor() {
    executor->post([gate = gate_] {
      gate->begun.release();
      gate->go_on.acquire();
    });
    gate_->begun.acquire();
  }
  ~OccupiedExecutor() { gate_->go_on.release(); }
  OccupiedExecutor(OccupiedExecutor&&) = delete;
  OccupiedExecutor& operator=(OccupiedExecutor&&) = delete;

  const std::shared_ptr<ThreadExecutor> executor = std::make_shared<ThreadExecutor>();

 private:
  struct Gate {
    std::binary_semaphore begun{0};
    std::binary_semaphore go_on{0};
  };
  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

}  // namespace am::internal
