// What the threads of one exhaustive search share: nodes whose branches are explored by different ones, and who has to explore which.
//
// A branch is explored beside the others of its node as it would be after those that were begun before it: they are asleep below it. What a
// thread finds below one branch and wants explored from a node above goes to that node; if it begins as a branch does that was begun
// already, that one covers it. So every trace is visited once, whoever takes what when.
//
// What goes on beside is not settled, though. One thread alone that wants something explored which a move that is asleep could begin with,
// but needn't, leaves it: where it matters that the move comes later, exploring that move has given reason to plan it. Here that may come
// too late. So a branch that is begun while others of its node are under way takes none of what is asleep for settled: it plans all the
// same, and now and then all that could follow turns out to be explored elsewhere.
//
// Threads number names each for itself; here they have numbers of their own. Every function takes the lock.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "unplug/sim/dpor/moves.hpp"
#include "unplug/sim/dpor/wakeup_tree.hpp"
#include "unplug/sim/names.hpp"

namespace unplug::sim {

// One thread's names as the tree numbers them, and back.
class NameTranslator {
 public:
  NameTranslator(NameTable& own, NameTable& shared) : own_(own), shared_(shared) {}
  [[nodiscard]] Move to_shared(const Move& m) { return translated(m, own_, shared_, to_shared_); }
  [[nodiscard]] Move to_own(const Move& m) { return translated(m, shared_, own_, to_own_); }
  [[nodiscard]] Cause to_shared(Cause c) { return translated(c, own_, shared_, to_shared_); }
  [[nodiscard]] Cause to_own(Cause c) { return translated(c, shared_, own_, to_own_); }

 private:
  static NameId translated(NameId name, const NameTable& from, NameTable& to, std::vector<NameId>& known);
  static Move translated(const Move& m, const NameTable& from, NameTable& to, std::vector<NameId>& known);
  NameTable &own_, &shared_;
  std::vector<NameId> to_shared_, to_own_;  // by number
};

class SearchTree {
 public:
  struct Node {
    Node* above = nullptr;
    Move taken;                 // what leads here from the node above
    std::vector<Asleep> sleep;  // and, after those that were asleep, the branches that were begun, settled when they are explored
    std::uint32_t asleep = 0;   // how many were
    std::uint32_t slot = 0;     // of `taken` in the node above
    WakeupTrees::Index pending = WakeupTrees::none;
    std::uint32_t open = 0, finished = 0;  // of the branches that were begun
    std::vector<std::unique_ptr<Node>> below;
    bool listed = false;  // among those that have something pending
  };
  // A branch to explore: below `from` (none: from the start). In names of the thread that takes it.
  struct Job {
    Node* from = nullptr;
    std::uint32_t slot = 0;  // there
    std::vector<Move> prefix;
    std::vector<Asleep> sleep;
    std::vector<WakeupTrees::Branch> branches;
    Cause cause{};
  };
  // A node of a thread's own that it hands over. Of its branches the first is under way.
  struct Handed {
    Move under_way;
    std::vector<Asleep> sleep;  // without that one
    std::vector<WakeupTrees::Branch> pending;
  };

  SearchTree() { names_.intern("tree"); }
  [[nodiscard]] NameTable& names() { return names_; }

  // Waits for a branch, or doesn't; false: all are explored, or the search was stopped, or there is none to take now.
  bool take(Job& job, NameTranslator& t, bool wait);
  // A branch of `from` that was taken, or that was under way in the last node handed over, is explored. none: it was the whole search.
  void finished(Node* from, std::uint32_t slot);
  // Nobody takes anything any more.
  void stop();
  [[nodiscard]] bool stopped() const { return stopped_; }
  // Whether somebody waits for a branch.
  [[nodiscard]] bool hungry() const { return waiting_ != 0; }
  // Hands nodes over, from the top, that lie below `from` (none: from the start) after its branch in `slot`; answers them. What is under
  // way in the last has the slot after what is asleep.
  std::vector<Node*> hand_over(Node* from, std::uint32_t slot, std::span<const Handed> nodes, NameTranslator& t);
  // Wants `sequence` explored from the node, unless a branch covers it. `sleep`: what the caller knows to be asleep there, none of which
  // does; what was begun since then is added, as settled as it is for who plans there. Answers whether it was put there, or something
  // pending covers it. Not `whole`: its first step will do.
  bool plan(Node& node, std::vector<Asleep>& sleep, std::span<const Move> sequence, Cause cause, bool whole, NameTranslator& t);

  // How much is explored, in parts of 2^20, going by the branches that are known by now.
  [[nodiscard]] std::uint64_t parts_done();
  // Pending steps.
  [[nodiscard]] std::size_t size();

 private:
  void list(Node& node);
  void close(Node* node, std::uint32_t slot);
  [[nodiscard]] std::uint64_t parts_of(const Node& node, std::uint64_t share) const;

  std::mutex mutex_;
  std::condition_variable changed_;
  NameTable names_;
  WakeupTrees trees_;
  std::unique_ptr<Node> root_;
  std::vector<Node*> listed_;
  bool begun_ = false;
  std::uint32_t under_way_ = 0;
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<bool> stopped_{false};
  std::vector<Move> sequence_;
};

}  // namespace unplug::sim
