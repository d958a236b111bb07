// A language for small step models, and the reference models whose numbers of inequivalent executions are known from independent
// sources (a breadth-first enumeration, two reductions and two published checkers agree on them).
//
// One call of an Ops member is one step on one object: R read, W write, U atomic update, L lock, X unlock, G guarded read, C data choice,
// A addition. Branches are no steps. Initial values are 0 unless a model says so.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "support.hpp"

namespace unplug::sim::test {

class StepModel;

// What the code of one fiber of a model may do. Variables go by their position in the model's list.
class Ops {
 public:
  Ops(Engine& engine, StepModel& model) : engine_(engine), model_(model) {}

  std::uint64_t R(unsigned v);
  void W(unsigned v, std::uint64_t value);
  std::uint64_t U(unsigned v, std::uint64_t delta);  // the old value
  void A(unsigned v, std::uint64_t delta);           // an addition, in models with additions; else an update
  void L(unsigned v);
  void X(unsigned v);
  std::uint64_t G(unsigned v, std::uint64_t value);  // waits until it has this value
  std::uint32_t C(std::uint32_t alternatives);

  // The device's memory. As a variable: W freed=1, and R freed, in which reading 1 marks the execution as violating. As a lifetime: a step
  // that ends it, and a step that uses it.
  void free();
  void touch();

 private:
  Engine& engine_;
  StepModel& model_;
};

class StepModel final : public Program {
 public:
  using Body = std::function<void(Ops&)>;
  struct Variable {
    std::string name;
    std::uint64_t value = 0;
  };

  StepModel(std::initializer_list<Variable> variables) : variables_(variables) {}
  StepModel& variable(std::string name) {
    variables_.push_back({std::move(name), 0});
    return *this;
  }
  StepModel& fiber(Body body) { return fibers(1, std::move(body)); }
  StepModel& fibers(unsigned n, const Body& body) {
    bodies_.insert(bodies_.end(), n, body);
    groups_.insert(groups_.end(), n, ++last_group_);
    return *this;
  }
  // `freed` becomes a lifetime.
  StepModel& lifted() {
    lifted_ = true;
    return *this;
  }
  // What counts without looking does it by additions.
  StepModel& with_additions() {
    additions_ = true;
    return *this;
  }
  // The fibers that were made by one call of fibers() are said to be alike.
  StepModel& with_symmetry() {
    symmetry_ = true;
    return *this;
  }
  void setup(Engine& engine) override;

  bool bad = false;  // the last execution read freed = 1

 private:
  friend class Ops;
  std::vector<Variable> variables_;
  std::vector<Body> bodies_;
  std::vector<std::uint32_t> groups_;  // by fiber
  std::uint32_t last_group_ = 0;
  bool lifted_ = false, additions_ = false, symmetry_ = false;
  std::vector<ObjectId> objects_;
  ObjectId freed_;
  LifetimeId device_;
};

StepModel readers(unsigned n);
StepModel lastzero(unsigned n);
StepModel flag_mutex(unsigned n);
StepModel flag_nolock(unsigned n);
StepModel kref(unsigned n);
StepModel drain(unsigned n);
StepModel drain_nolock(unsigned n);
StepModel srcu2(unsigned n);
StepModel work_cancel(unsigned n);
StepModel irq_choice(unsigned n);
StepModel missed_wake(unsigned n);
StepModel abba(unsigned n);

// kref with a mistake. nolock: pointer read, then reference, without the lock; noget: no reference; lateuse: used after the put.
enum class Mistake : std::uint8_t { nolock, noget, lateuse };
StepModel broken_kref(unsigned n, Mistake mistake);

// flag_nolock in long tasks: k private steps before the window and k after it; a bug of depth 2.
StepModel pad(unsigned n, unsigned k);
// The counter is raised late, the remover waits until it is zero: a bug of depth 3, behind k private steps, in a window of k.
StepModel deep(unsigned n, unsigned k);

}  // namespace unplug::sim::test
