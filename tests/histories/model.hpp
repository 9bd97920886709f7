// A machine without threads, queue or cleverness, by the rules as they read.
#pragma once

#include "history.hpp"
#include "script.hpp"

#include <am/internal/naive_resolver.hpp>

#include <vector>

namespace histories {

class Model {
 public:
  Model(const am::Schema& schema, std::uint64_t seed);

  /// Runs a mutation and what the machine adds to it: an Exception, automatic states. Of `leader`,
  /// the type, `check` and the called states count.
  std::vector<Step> run(const Step& leader);

  /// Takes over clocks; the states that they show as active are so in index order.
  void restore(const Ticks& ticks);

  const Indexes& order() const { return order_; }
  const Ticks& ticks() const { return ticks_; }
  std::size_t size() const { return names_.size(); }
  bool multi(am::StateIndex state) const;
  am::StateIndex exception() const;

 private:
  using Names = am::naive::Names;

  Names names(const Indexes& states) const;
  Indexes indexes(const Names& names) const;
  const am::naive::Resolver::Relations& at(am::StateIndex state) const;
  bool active(am::StateIndex state) const;
  void run_one(Step step, std::vector<Step>& steps);
  bool admit(Step& step);
  void find_exits_and_enters(Step& step) const;
  bool negotiate(Step& step);
  void commit(Step& step);
  void finals(Step& step);
  void roll_back(Step& step, std::size_t first);
  bool ask(Step& step, am::HandlerKind kind, am::StateIndex state, am::StateIndex second);
  bool drop(Step& step, am::StateIndex state);
  void automatic(std::vector<Step>& steps);
  void failure(std::vector<Step>& steps);

  am::naive::Resolver resolver_;
  Script script_;
  Names names_;
  Indexes order_;
  Ticks ticks_;
  Indexes targets_;
  Ticks started_with_;  ///< before the leader ran
  std::uint64_t last_id_ = 0;
};

}  // namespace histories
