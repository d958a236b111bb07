// Enumeration by re-execution, without any reduction: what the numbers of the engine are checked against.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include "unplug/sim/engine.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::sim::test {

// Depth first over every schedule: walks a stack of choices, and takes the next alternative of the deepest choice that has one.
class EverySchedule final : public Strategy {
 public:
  bool begin(const ExecutionInfo& /*info*/) override {
    if (started_) {
      while (!stack_.empty() && ++stack_.back().taken == stack_.back().alternatives) stack_.pop_back();
      if (stack_.empty()) return false;
    }
    started_ = true;
    depth_ = 0;
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId /*current*/) override {
    return enabled[next(static_cast<std::uint32_t>(enabled.size()))].id;
  }
  std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t bound) override { return next(bound); }
  [[nodiscard]] std::string describe() const override { return "every-schedule"; }

 private:
  struct Point {
    std::uint32_t taken, alternatives;
  };
  std::uint32_t next(std::uint32_t alternatives) {
    if (alternatives == 1) return 0;
    if (depth_ == stack_.size()) stack_.push_back({0, alternatives});
    if (stack_[depth_].alternatives != alternatives) FAIL("the program did something else under the same choices");
    return stack_[depth_++].taken;
  }
  std::vector<Point> stack_;
  std::size_t depth_ = 0;
  bool started_ = false;
};

// Runs every schedule of `program`; visit(outcome) after each. Answers how many there were, or 0 if there are more than `limit` (the
// walk stops there).
template <class Visit> std::uint64_t every_schedule(Engine& engine, Program& program, std::uint64_t limit, Visit visit) {
  EverySchedule walk;
  std::uint64_t n = 0;
  for (ExecutionInfo info{0, 1, &engine.names()}; walk.begin(info); ++info.index) {
    if (++n > limit) return 0;
    visit(engine.run(program, walk, info));
  }
  return n;
}

// Follows a prefix of moves, then cuts the execution and keeps the moves that were possible there.
class FollowPrefix final : public Strategy {
 public:
  struct Move {
    std::uint32_t task, choice;  // the task-th enabled task; its data choice
  };
  std::vector<Move> prefix, moves;

  bool begin(const ExecutionInfo& /*info*/) override {
    depth_ = 0;
    moves.clear();
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId /*current*/) override {
    if (depth_ < prefix.size()) return enabled[prefix[depth_++].task].id;
    for (std::uint32_t t = 0; t < enabled.size(); ++t)
      for (std::uint32_t c = 0; c < enabled[t].alternatives(); ++c) moves.push_back({t, c});
    return {};
  }
  std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t /*bound*/) override { return prefix[depth_ - 1].choice; }
  [[nodiscard]] std::string describe() const override { return "follow-prefix"; }

 private:
  std::size_t depth_ = 0;
};

// Breadth first over the classes of equivalent prefixes, told apart by fingerprint: visit(outcome) once per inequivalent maximal execution.
// Answers the number of classes, the empty prefix and the maximal ones included.
template <class Visit> std::uint64_t every_class(Engine& engine, Program& program, Visit visit) {
  using Prefix = std::vector<FollowPrefix::Move>;
  FollowPrefix walk;
  std::set<std::uint64_t> seen;
  struct Node {
    Prefix prefix, moves;
  };
  std::vector<Node> front, next;
  const auto reach = [&](const Prefix& prefix) {
    walk.prefix = prefix;
    const ExecutionInfo info{1, 1, &engine.names()};
    walk.begin(info);
    const Outcome outcome = engine.run(program, walk, info);
    if (!seen.insert(engine.trace().fingerprint).second) return;
    if (outcome.kind == Outcome::Kind::cut) {
      next.push_back({prefix, walk.moves});
    } else {
      visit(outcome);
    }
  };
  reach({});
  while (!next.empty()) {
    front.swap(next);
    next.clear();
    for (const Node& node : front) {
      Prefix longer = node.prefix;
      for (const FollowPrefix::Move move : node.moves) {
        longer.push_back(move);
        reach(longer);
        longer.pop_back();
      }
    }
  }
  return seen.size();
}

}  // namespace unplug::sim::test
