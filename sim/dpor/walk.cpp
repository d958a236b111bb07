#include "unplug/sim/dpor/walk.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::sim {
namespace {

bool asleep(const std::vector<Asleep>& sleep, const Label& l) {
  return std::ranges::any_of(sleep, [&](const Asleep& a) { return a.move.label == l; });
}

// Of what is asleep before a step, what still is after it.
void keep_asleep(const std::vector<Asleep>& before, const Move& taken, std::vector<Asleep>& after) {
  for (const Asleep& a : before)
    if (a.move.label.task != taken.label.task && !conflict(a.move.touch, taken.touch)) after.push_back(a);
}

Touch touch_of(const TaskView& v) {
  if (v.access().kind == AccessKind::none) return {};
  return {v.object, v.access().kind};
}

}  // namespace

DporWalk::DporWalk(Engine& engine, const DporOptions& options)
    : engine_(engine), options_(options), translator_(engine.names(), engine.names()) {}

DporWalk::DporWalk(Engine& engine, const DporOptions& options, SearchTree& tree)
    : engine_(engine), options_(options), tree_(&tree), translator_(engine.names(), tree.names()) {}

bool DporWalk::take(bool wait) {
  SearchTree::Job job;
  if (!tree_->take(job, translator_, wait)) return false;
  prefix_ = std::move(job.prefix);
  sleep_ = std::move(job.sleep);
  cause_ = job.cause;
  while (!shared_.empty()) {
    trees_.take_out(shared_.back().wanted);
    shared_.pop_back();
  }
  std::uint32_t slot = job.slot;
  for (SearchTree::Node* n = job.from; n != nullptr; slot = n->slot, n = n->above) shared_.push_back({n, slot, {}, WakeupTrees::none});
  std::ranges::reverse(shared_);
  handed_down_ = trees_.put(job.branches);
  depth_ = 0;
  return true;
}

void DporWalk::finished() { shared_.empty() ? tree_->finished(nullptr, 0) : tree_->finished(shared_.back().node, shared_.back().slot); }

void DporWalk::share() {
  std::size_t end = 0;
  while (end < depth_ && trees_.next(nodes_[end].branches) == WakeupTrees::none) ++end;
  if (end == depth_) return;
  ++end;
  std::vector<SearchTree::Handed> handed(end);
  for (std::size_t d = 0; d < end; ++d) {
    Node& n = nodes_[d];
    handed[d].under_way = trees_.move(n.branches);
    handed[d].sleep = n.sleep;
    trees_.pop(n.branches);  // its children are handed down already
    handed[d].pending = trees_.take_out(std::exchange(n.branches, WakeupTrees::none));
  }
  sleep_.clear();
  keep_asleep(handed.back().sleep, handed.back().under_way, sleep_);
  const std::vector<SearchTree::Node*> nodes = shared_.empty()
                                                   ? tree_->hand_over(nullptr, 0, handed, translator_)
                                                   : tree_->hand_over(shared_.back().node, shared_.back().slot, handed, translator_);
  for (std::size_t d = 0; d < end; ++d) {
    const auto slot = static_cast<std::uint32_t>(handed[d].sleep.size());
    handed[d].sleep.push_back({handed[d].under_way, true});  // to who plans there
    shared_.push_back({nodes[d], slot, std::move(handed[d].sleep), WakeupTrees::none});
    prefix_.push_back(handed[d].under_way);
  }
  std::rotate(nodes_.begin(), nodes_.begin() + static_cast<std::ptrdiff_t>(end), nodes_.end());
  depth_ -= end;
}

bool DporWalk::begin(const ExecutionInfo& /*info*/) {
  at_ = 0;
  redundant_ = false;
  running_ = {};
  in_a_row_ = 0;
  return true;
}

TaskId DporWalk::pick(std::span<const TaskView> enabled, TaskId /*current*/) {
  if (at_ == 0 && options_.symmetry) symmetry_.begin(engine_);
  const std::size_t fixed = prefix_.size();
  if (at_ < fixed) return follow(enabled, prefix_[at_]);
  if (at_ - fixed < depth_) return follow(enabled, trees_.move(nodes_[at_ - fixed].branches));
  return extend(enabled);
}

TaskId DporWalk::follow(std::span<const TaskView> enabled, const Move& m) {
  ++at_;
  choice_ = m.label.choice;
  in_a_row_ = m.label.task == running_ ? in_a_row_ + 1 : 1;
  running_ = m.label.task;
  if (symmetry_.any()) symmetry_.took(m);
  for (const TaskView& v : enabled)
    if (v.name == m.label.task && choice_ < std::max(v.alternatives(), 1U)) return v.id;
  diverged_ = fmt::format("step {}: '{}' could go on here before and cannot now", at_, engine_.names().text(m.label.task));
  return {};
}

TaskId DporWalk::extend(std::span<const TaskView> enabled) {
  if (depth_ == nodes_.size()) nodes_.emplace_back();
  Node& n = nodes_[depth_];
  n.sleep.clear();
  n.explored = 0;
  if (depth_ == 0) {
    n.sleep = sleep_;
  } else {
    const Node& above = nodes_[depth_ - 1];
    keep_asleep(above.sleep, trees_.move(above.branches), n.sleep);
  }
  n.branches = std::exchange(handed_down_, WakeupTrees::none);
  if (n.branches == WakeupTrees::none && !branch(n, enabled)) {
    redundant_ = true;
    return {};
  }
  // A branch that was handed down was planned from another execution: its step is the one the task is about to take here.
  const Move m = trees_.move(n.branches);
  handed_down_ = trees_.take_children(n.branches);
  ++depth_;
  return follow(enabled, m);
}

bool DporWalk::branch(Node& n, std::span<const TaskView> enabled) {
  return (in_a_row_ >= options_.fair_after && branch(n, enabled, running_)) || branch(n, enabled, {});
}

bool DporWalk::branch(Node& n, std::span<const TaskView> enabled, NameId except) {
  for (const TaskView& v : enabled) {
    if (except && v.name == except) continue;
    if (symmetry_.any() && !symmetry_.stands(v.name)) continue;
    for (std::uint32_t c = 0; c < std::max(v.alternatives(), 1U); ++c) {
      if (asleep(n.sleep, {v.name, c})) continue;
      trees_.append(n.branches, {{v.name, c}, touch_of(v)});
      return true;
    }
  }
  return false;
}

void DporWalk::learn(const Trace& trace) {
  races_.find(trace);
  const auto fixed = static_cast<std::uint32_t>(prefix_.size());
  for (const Race& r : races_.all()) {
    races_.sequence(trace, r, trace.events.size(), sequence_);
    if (symmetry_.any()) symmetry_.rename(trace, r.first, sequence_);
    const Cause cause = r.last.touch.object;
    if (r.first < fixed) {
      plan(shared_[r.first], cause);
    } else {
      Node& n = nodes_[r.first - fixed];
      plan(n, n.branches, cause);
    }
  }
}

void DporWalk::plan(const Node& n, WakeupTrees::Index& branches, Cause cause) {
  const bool all = whole();
  for (const Asleep& a : n.sleep)
    if (covers(a, sequence_, all)) return;  // explored already
  trees_.insert(branches, sequence_, cause, all);
}

void DporWalk::plan(Shared& s, Cause cause) {
  const bool all = whole();
  for (const Asleep& a : s.sleep)
    if (covers(a, sequence_, all)) return;
  if (s.wanted != WakeupTrees::none && trees_.covers(s.wanted, sequence_)) return;
  if (tree_->plan(*s.node, s.sleep, sequence_, cause, all, translator_)) trees_.insert(s.wanted, sequence_, {}, all);
}

bool DporWalk::backtrack() {
  while (depth_ > 0) {
    Node& n = nodes_[depth_ - 1];
    n.sleep.push_back({trees_.move(n.branches), true});
    ++n.explored;
    trees_.pop(n.branches);
    if (n.branches != WakeupTrees::none) {
      cause_ = trees_.cause(n.branches);
      handed_down_ = trees_.take_children(n.branches);
      return true;
    }
    --depth_;
  }
  return false;
}

std::uint64_t DporWalk::estimate(std::uint64_t visited) const {
  constexpr unsigned precision = 62, least = 20;  // shares in units of 2^-62; below 2^-20 they say nothing
  std::uint64_t share = 0, weight = std::uint64_t{1} << precision;
  for (std::size_t d = 0; d < depth_ && weight != 0; ++d) {
    std::uint64_t all = nodes_[d].explored;
    for (WakeupTrees::Index b = nodes_[d].branches; b != WakeupTrees::none; b = trees_.next(b)) ++all;
    weight /= std::max<std::uint64_t>(all, 1);
    share += weight * nodes_[d].explored;
  }
  const std::uint64_t parts = share >> (precision - least);
  if (parts == 0 || visited > UINT64_MAX >> least) return 0;
  return std::max((visited << least) / parts, visited);
}

}  // namespace unplug::sim
