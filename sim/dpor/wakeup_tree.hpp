// Wakeup trees: which continuations of a prefix have still to be explored. Exploration takes the first branch, new ones go last.
// Abdulla, Aronis, Jonsson, Sagonas: Optimal dynamic partial order reduction, POPL 2014.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "unplug/sim/dpor/moves.hpp"

namespace unplug::sim {

// All trees of one exploration share a pool of nodes. A forest is named by its first branch.
class WakeupTrees {
 public:
  using Index = std::uint32_t;
  static constexpr Index none = UINT32_MAX;
  // A branch with all below it, outside of any pool.
  struct Branch {
    Move move;
    Cause cause{};
    std::vector<Branch> children;
  };

  [[nodiscard]] const Move& move(Index branch) const { return nodes_[branch].move; }
  // Of a branch that an insertion began: for which race.
  [[nodiscard]] Cause cause(Index branch) const { return nodes_[branch].cause; }
  [[nodiscard]] Index next(Index branch) const { return nodes_[branch].next; }

  // Whether a branch of the forest covers the sequence.
  [[nodiscard]] bool covers(Index first, std::vector<Move> sequence) const;
  // Adds `sequence` to the forest `first` unless a branch covers it already; `first` changes if the forest was empty. Empties `sequence`.
  // Not `whole`: of what no branch begins with, the first step only: what follows it will be found.
  void insert(Index& first, std::vector<Move>& sequence, Cause cause = {}, bool whole = true);
  // Adds one branch without children at the end.
  void append(Index& first, const Move& m, Cause cause = {});
  // Whether a branch of the forest, not below it, has this label.
  [[nodiscard]] bool has(Index first, const Label& l) const;
  // Takes the children of a branch away from it: the forest for who goes there.
  Index take_children(Index branch);
  // The forest as it is, removed from the pool; and such a one put into it.
  std::vector<Branch> take_out(Index first);
  Index put(const std::vector<Branch>& branches);
  // Removes the first branch with all below it.
  void pop(Index& first);

  // Nodes in use.
  [[nodiscard]] std::size_t size() const { return live_; }

 private:
  struct Node {
    Move move;
    Index child = none, next = none;
    Cause cause{};
  };
  // Goes down the branches that some linearisation of the sequence begins with, each taken off it, up to the last: none, if none does.
  // Empties the sequence if that one covers it.
  Index descend(Index first, std::vector<Move>& sequence) const;
  Index make(const Move& m);
  void release(Index branch);  // with all below it, its siblings not
  Index& end_of(Index& first);

  std::vector<Node> nodes_;
  std::vector<Index> work_;
  Index free_ = none;
  std::size_t live_ = 0;
};

}  // namespace unplug::sim
