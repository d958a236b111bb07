#include "unplug/sim/dpor/wakeup_tree.hpp"

#include <algorithm>
#include <utility>

namespace unplug::sim {

WakeupTrees::Index WakeupTrees::make(const Move& m) {
  ++live_;
  if (free_ != none) {
    const Index i = free_;
    free_ = nodes_[i].next;
    nodes_[i] = {m, none, none, {}};
    return i;
  }
  nodes_.push_back({m, none, none, {}});
  return static_cast<Index>(nodes_.size() - 1);
}

void WakeupTrees::release(Index branch) {
  work_.assign(1, branch);
  while (!work_.empty()) {
    const Index i = work_.back();
    work_.pop_back();
    for (Index c = nodes_[i].child; c != none; c = nodes_[c].next) work_.push_back(c);
    nodes_[i].child = none;
    nodes_[i].next = free_;
    free_ = i;
    --live_;
  }
}

WakeupTrees::Index& WakeupTrees::end_of(Index& first) {
  Index* at = &first;
  while (*at != none) at = &nodes_[*at].next;
  return *at;
}

WakeupTrees::Index WakeupTrees::descend(Index first, std::vector<Move>& sequence) const {
  Index above = none;
  for (;;) {
    Index b = above == none ? first : nodes_[above].child;
    while (b != none && !weak_initial(nodes_[b].move, sequence)) b = nodes_[b].next;
    if (b == none) return above;
    const auto own = std::ranges::find(sequence, nodes_[b].move.label.task, [](const Move& m) { return m.label.task; });
    if (own != sequence.end()) sequence.erase(own);
    above = b;
    if (sequence.empty() || nodes_[b].child == none) {  // a leaf covers it
      sequence.clear();
      return above;
    }
  }
}

bool WakeupTrees::covers(Index first, std::vector<Move> sequence) const {
  descend(first, sequence);
  return sequence.empty();
}

void WakeupTrees::insert(Index& first, std::vector<Move>& sequence, Cause cause, bool whole) {
  Index above = descend(first, sequence);
  if (!whole && sequence.size() > 1) sequence.resize(1);
  for (const Move& m : sequence) {
    const Index made = make(m);  // may move the nodes: no reference is held across it
    nodes_[made].cause = std::exchange(cause, {});
    end_of(above == none ? first : nodes_[above].child) = made;
    above = made;
  }
  sequence.clear();
}

void WakeupTrees::append(Index& first, const Move& m, Cause cause) {
  const Index made = make(m);
  nodes_[made].cause = cause;
  end_of(first) = made;
}

bool WakeupTrees::has(Index first, const Label& l) const {
  for (Index b = first; b != none; b = nodes_[b].next)
    if (nodes_[b].move.label == l) return true;
  return false;
}

WakeupTrees::Index WakeupTrees::take_children(Index branch) {
  const Index children = nodes_[branch].child;
  nodes_[branch].child = none;
  return children;
}

std::vector<WakeupTrees::Branch> WakeupTrees::take_out(Index first) {
  std::vector<Branch> out;
  while (first != none) {
    out.push_back({nodes_[first].move, nodes_[first].cause, take_out(take_children(first))});
    pop(first);
  }
  return out;
}

WakeupTrees::Index WakeupTrees::put(const std::vector<Branch>& branches) {
  Index first = none;
  for (const Branch& b : branches) {
    const Index children = put(b.children), made = make(b.move);
    nodes_[made].cause = b.cause;
    nodes_[made].child = children;
    end_of(first) = made;
  }
  return first;
}

void WakeupTrees::pop(Index& first) {
  const Index gone = first;
  first = nodes_[gone].next;
  release(gone);
}

}  // namespace unplug::sim
