// The search itself: a stack of nodes, one per step of the execution at hand, and the strategy that follows it and extends it. Below a
// prefix, whose nodes several threads may share (search_tree.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "unplug/sim/dpor/dpor.hpp"
#include "unplug/sim/dpor/races.hpp"
#include "unplug/sim/dpor/search_tree.hpp"
#include "unplug/sim/dpor/symmetry.hpp"
#include "unplug/sim/dpor/wakeup_tree.hpp"

namespace unplug::sim {

class DporWalk final : public Strategy {
 public:
  // Alone.
  DporWalk(Engine& engine, const DporOptions& options);
  // One of several: where it goes, take() finds out.
  DporWalk(Engine& engine, const DporOptions& options, SearchTree& tree);

  // --- Several: takes a branch to explore, for which it may wait; false if there is none.
  bool take(bool wait = true);
  // Its branch is explored.
  void finished();
  // Hands the upper part of the stack over, down to the first node at which there is something for others.
  void share();

  // --- For the engine.
  bool begin(const ExecutionInfo& info) override;
  TaskId pick(std::span<const TaskView> enabled, TaskId current) override;
  std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t /*bound*/) override { return choice_; }
  [[nodiscard]] std::string describe() const override { return "dpor"; }

  // --- Between executions.
  // Plans what the execution that has just ended gives reason for.
  void learn(const Trace& trace);
  // Goes to the next execution; false if there is none.
  bool backtrack();
  // Whether the last execution was cut because everything that could follow had been seen.
  [[nodiscard]] bool redundant() const { return redundant_; }
  // Not empty: the program did not do again what it did before.
  [[nodiscard]] const std::string& diverged() const { return diverged_; }
  [[nodiscard]] std::size_t wakeup_nodes() const { return trees_.size(); }
  // Why the execution at hand is visited.
  [[nodiscard]] Cause cause() const { return cause_; }
  // How many executions there are if what is left is like what was seen, after `visited` of them; 0: unknown. The estimator of Knuth
  // (1975), over the branches that are known by now: each of a node's stands for an equal share of what lies below the node.
  [[nodiscard]] std::uint64_t estimate(std::uint64_t visited) const;

 private:
  struct Node {
    std::vector<Asleep> sleep;
    std::uint32_t explored = 0;                       // branches that are done with
    WakeupTrees::Index branches = WakeupTrees::none;  // the first is being explored
  };
  // A node of the prefix.
  struct Shared {
    SearchTree::Node* node;
    std::uint32_t slot;         // there, of the branch that the prefix takes
    std::vector<Asleep> sleep;  // what is known to be asleep there
    WakeupTrees::Index wanted;  // what was planned there
  };

  TaskId follow(std::span<const TaskView> enabled, const Move& m);
  TaskId extend(std::span<const TaskView> enabled);
  // Any step that is not asleep will do.
  bool branch(Node& n, std::span<const TaskView> enabled);
  bool branch(Node& n, std::span<const TaskView> enabled, NameId except);
  void plan(const Node& n, WakeupTrees::Index& branches, Cause cause);
  void plan(Shared& s, Cause cause);
  // Whether whole sequences are planned. Once they have not been, never again: what is asleep may have left out what gave reason for more.
  [[nodiscard]] bool whole() { return whole_ = whole_ && trees_.size() < options_.max_wakeup_nodes; }

  Engine& engine_;
  const DporOptions& options_;
  SearchTree* tree_ = nullptr;
  NameTranslator translator_;
  WakeupTrees trees_;
  Races races_;
  Symmetry symmetry_;
  std::vector<Move> prefix_;    // where it starts
  std::vector<Asleep> sleep_;   // and what is asleep there
  std::vector<Shared> shared_;  // of several: by length of the prefix before it
  std::vector<Node> nodes_;     // the first depth_ are in use: they keep their buffers
  std::size_t depth_ = 0, at_ = 0;
  WakeupTrees::Index handed_down_ = WakeupTrees::none;  // for the node below the last
  std::uint32_t choice_ = 0;
  NameId running_;  // who took the last step, and how many without a break
  std::uint32_t in_a_row_ = 0;
  bool redundant_ = false, whole_ = true;
  std::string diverged_;
  std::vector<Move> sequence_;
  Cause cause_{};
};

}  // namespace unplug::sim
