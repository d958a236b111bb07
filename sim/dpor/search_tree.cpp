#include "unplug/sim/dpor/search_tree.hpp"

#include <algorithm>
#include <utility>

namespace unplug::sim {
namespace {

template <class Translate> void translate(std::vector<WakeupTrees::Branch>& branches, const Translate& t) {
  for (WakeupTrees::Branch& b : branches) {
    b.move = t(b.move);
    b.cause = t(b.cause);
    translate(b.children, t);
  }
}

}  // namespace

NameId NameTranslator::translated(NameId name, const NameTable& from, NameTable& to, std::vector<NameId>& known) {
  if (!name) return name;
  if (name.index() >= known.size()) known.resize(std::size_t{name.index()} + 1);
  NameId& k = known[name.index()];
  if (!k) k = to.intern(from.text(name));
  return k;
}

Move NameTranslator::translated(const Move& m, const NameTable& from, NameTable& to, std::vector<NameId>& known) {
  return {{translated(m.label.task, from, to, known), m.label.choice}, {translated(m.touch.object, from, to, known), m.touch.kind}};
}

bool SearchTree::take(Job& job, NameTranslator& t, bool wait) {
  std::unique_lock lock(mutex_);
  if (wait) {
    ++waiting_;
    changed_.wait(lock, [&] { return stopped_ || !begun_ || !listed_.empty() || under_way_ == 0; });
    --waiting_;
  }
  if (stopped_) return false;
  job = {};
  if (!begun_) {
    begun_ = true;
    ++under_way_;
    return true;
  }
  if (listed_.empty()) return false;
  ++under_way_;
  // The first is the nearest to the start, as a rule: what is below it is the most.
  Node& n = *listed_.front();
  const bool alone = n.open++ == 0;
  const Move m = trees_.move(n.pending);
  job.from = &n;
  job.cause = t.to_own(trees_.cause(n.pending));
  for (const auto& [s, settled] : n.sleep)
    if (s.label.task != m.label.task && !conflict(s.touch, m.touch)) job.sleep.push_back({t.to_own(s), alone && settled});
  job.branches = trees_.take_out(trees_.take_children(n.pending));
  translate(job.branches, [&](const auto& x) { return t.to_own(x); });
  trees_.pop(n.pending);
  job.slot = static_cast<std::uint32_t>(n.sleep.size());
  n.sleep.push_back({m, false});
  if (n.pending == WakeupTrees::none) {
    n.listed = false;
    listed_.erase(listed_.begin());
  }
  job.prefix.push_back(t.to_own(m));
  for (const Node* a = &n; a->above != nullptr; a = a->above) job.prefix.push_back(t.to_own(a->taken));
  std::ranges::reverse(job.prefix);
  return true;
}

void SearchTree::finished(Node* from, std::uint32_t slot) {
  const std::scoped_lock lock(mutex_);
  --under_way_;
  if (from != nullptr) close(from, slot);
  if (under_way_ == 0) changed_.notify_all();
}

// A branch of the node is done with.
void SearchTree::close(Node* node, std::uint32_t slot) {
  node->sleep[slot].settled = true;
  --node->open;
  ++node->finished;
  if (node->open != 0 || node->pending != WakeupTrees::none || node->above == nullptr) return;
  Node* const above = node->above;
  slot = node->slot;
  std::erase_if(above->below, [&](const auto& n) { return n.get() == node; });
  close(above, slot);
}

void SearchTree::stop() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void SearchTree::list(Node& node) {
  if (std::exchange(node.listed, true)) return;
  listed_.push_back(&node);
  changed_.notify_one();
}

std::vector<SearchTree::Node*> SearchTree::hand_over(Node* from, std::uint32_t slot, std::span<const Handed> nodes, NameTranslator& t) {
  const std::scoped_lock lock(mutex_);
  std::vector<Node*> out;
  for (const Handed& h : nodes) {
    auto made = std::make_unique<Node>();
    Node* const n = made.get();
    n->above = from;
    n->slot = slot;
    if (from != nullptr) n->taken = from->sleep[slot].move;
    for (const auto& [m, settled] : h.sleep) n->sleep.push_back({t.to_shared(m), settled});
    slot = n->asleep = static_cast<std::uint32_t>(n->sleep.size());
    n->sleep.push_back({t.to_shared(h.under_way), false});
    n->open = 1;
    std::vector<WakeupTrees::Branch> pending = h.pending;
    translate(pending, [&](const auto& x) { return t.to_shared(x); });
    n->pending = trees_.put(pending);
    from == nullptr ? static_cast<void>(root_ = std::move(made)) : from->below.push_back(std::move(made));
    out.push_back(n);
    if (n->pending != WakeupTrees::none) list(*n);
    from = n;
  }
  return out;
}

bool SearchTree::plan(Node& node, std::vector<Asleep>& sleep, std::span<const Move> sequence, Cause cause, bool whole, NameTranslator& t) {
  const std::scoped_lock lock(mutex_);
  bool covered = false;
  for (std::size_t i = sleep.size(); i < node.sleep.size(); ++i) {
    // Whatever one of the node's own branches gives reason for, this node hears of.
    sleep.push_back({t.to_own(node.sleep[i].move), i >= node.asleep || node.sleep[i].settled});
    covered = covered || covers(sleep.back(), sequence, whole);
  }
  if (covered) return false;
  sequence_.clear();
  for (const Move& m : sequence) sequence_.push_back(t.to_shared(m));
  trees_.insert(node.pending, sequence_, t.to_shared(cause), whole);
  list(node);
  return true;
}

std::uint64_t SearchTree::parts_of(const Node& node, std::uint64_t share) const {
  std::uint64_t branches = node.open + node.finished;
  for (WakeupTrees::Index b = node.pending; b != WakeupTrees::none; b = trees_.next(b)) ++branches;
  const std::uint64_t each = share / std::max<std::uint64_t>(branches, 1);
  std::uint64_t done = each * node.finished;
  for (const auto& n : node.below) done += parts_of(*n, each);
  return done;
}

std::uint64_t SearchTree::parts_done() {
  const std::scoped_lock lock(mutex_);
  return root_ == nullptr ? 0 : parts_of(*root_, std::uint64_t{1} << 62U) >> 42U;
}

std::size_t SearchTree::size() {
  const std::scoped_lock lock(mutex_);
  return trees_.size();
}

}  // namespace unplug::sim
