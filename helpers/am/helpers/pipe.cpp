#include <am/helpers/pipe.hpp>

#include <am/helpers/internal/pipe_state.hpp>

#include <utility>

namespace am {

Pipe::Pipe(const Api& source, const Api& target, std::vector<PipedState> states,
           PipeOptions options)
    : state_(std::make_shared<State>(source, target, states, std::move(options))) {
  state_->start(source, target);
}

Pipe& Pipe::operator=(Pipe&& other) noexcept {
  if (state_ != other.state_) close();
  state_ = std::move(other.state_);
  return *this;
}

Pipe::~Pipe() { close(); }

void Pipe::close() {
  if (state_ != nullptr) state_->close();
}

bool Pipe::active() const noexcept { return state_ != nullptr && state_->active(); }

PipeCounters Pipe::counters() const {
  return state_ != nullptr ? state_->counters() : PipeCounters{};
}

void Pipe::release() && {
  if (state_ != nullptr) state_->keep_itself();
  state_.reset();
}

Pipe bind_ready(const Api& source, const Api& target, StateName to, PipeOptions options) {
  return Pipe(source, target, {{.from = "Ready", .to = std::move(to)}}, std::move(options));
}

Pipe bind_error(const Api& source, const Api& target, StateName to, PipeOptions options) {
  options.what = PipeWhat::activations;
  return Pipe(source, target, {{.from = exception_state, .to = std::move(to)}}, std::move(options));
}

Pipe bind_all(const Api& source, const Api& target, PipeOptions options) {
  std::vector<PipedState> states;
  for (const auto name : source.schema().names()) {
    if (name != exception_state) states.push_back({.from = name});
  }
  return Pipe(source, target, std::move(states), std::move(options));
}

}  // namespace am
