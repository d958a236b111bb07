#include "unplug/sim/dpor/dpor.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::sim {
namespace {

constexpr std::uint64_t told_each = 256;  // executions

void count(std::vector<std::pair<Cause, std::uint64_t>>& causes, Cause c) {
  auto at = std::ranges::find(causes, c, &std::pair<Cause, std::uint64_t>::first);
  if (at == causes.end()) at = causes.insert(at, {c, 0});
  ++at->second;
}

}  // namespace

// The search: a stack of nodes, one per step of the execution at hand, and the strategy that follows it and extends it.
class Dpor::Walk final : public Strategy {
 public:
  Walk(Engine& engine, const DporOptions& options) : engine_(engine), options_(options) {
    root_.sleep = options.sleep;
    depth_ = 0;
  }

  bool begin(const ExecutionInfo& /*info*/) override {
    at_ = 0;
    redundant_ = false;
    running_ = {};
    in_a_row_ = 0;
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId /*current*/) override {
    if (at_ == 0 && options_.symmetry) symmetry_.begin(engine_);
    const std::size_t fixed = options_.prefix.size();
    if (at_ < fixed) return follow(enabled, options_.prefix[at_]);
    if (at_ - fixed < depth_) return follow(enabled, trees_.move(nodes_[at_ - fixed].branches));
    return extend(enabled);
  }
  std::uint32_t choose(const ChoicePoint& /*point*/, std::uint32_t /*bound*/) override { return choice_; }
  [[nodiscard]] std::string describe() const override { return "dpor"; }

  // How many executions there are if what is left is like what was seen, after `visited` of them; 0: unknown. The estimator of Knuth
  // (1975), over the branches that are known by now: each of a node's stands for an equal share of what lies below the node.
  [[nodiscard]] std::uint64_t estimate(std::uint64_t visited) const {
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

  // Whether the last execution was cut because everything that could follow had been seen.
  [[nodiscard]] bool redundant() const { return redundant_; }
  // Not empty: the program did not do again what it did before.
  [[nodiscard]] const std::string& diverged() const { return diverged_; }
  [[nodiscard]] std::size_t wakeup_nodes() const { return trees_.size(); }
  // Why the execution at hand is visited.
  [[nodiscard]] Cause cause() const { return cause_; }

  void learn(const Trace& trace) {
    races_.find(trace);
    if (symmetry_.any()) symmetry_.read(trace);
    const auto fixed = static_cast<std::uint32_t>(options_.prefix.size());
    for (const Race& r : races_.all()) {
      if (r.first < fixed) continue;  // full branching has covered it
      const bool optimal = options_.mode == DporOptions::Mode::optimal;
      races_.sequence(trace, r, optimal ? trace.events.size() : std::min<std::size_t>(r.second, trace.events.size()), sequence_);
      if (symmetry_.any()) symmetry_.rename(r.first, sequence_);
      const Cause cause = r.last.touch.object;
      optimal ? plan(nodes_[r.first - fixed], cause) : plan_first(nodes_[r.first - fixed], cause);
    }
  }

  // Goes to the next execution; false if there is none.
  bool backtrack() {
    while (depth_ > 0) {
      Node& n = nodes_[depth_ - 1];
      n.sleep.push_back(trees_.move(n.branches));
      ++n.explored;
      trees_.pop(n.branches);
      while (n.branches != WakeupTrees::none && asleep(n, trees_.move(n.branches).label)) trees_.pop(n.branches);
      if (n.branches != WakeupTrees::none) {
        n.tried.push_back(trees_.move(n.branches).label);
        cause_ = trees_.cause(n.branches);
        handed_down_ = trees_.take_children(n.branches);
        return true;
      }
      --depth_;
    }
    return false;
  }

 private:
  struct Node {
    std::vector<Move> sleep;
    std::vector<Label> tried;                         // mode source
    std::uint32_t explored = 0;                       // branches that are done with
    WakeupTrees::Index branches = WakeupTrees::none;  // the first is being explored
  };

  [[nodiscard]] static bool asleep(const Node& n, const Label& l) {
    return std::ranges::any_of(n.sleep, [&](const Move& m) { return m.label == l; });
  }
  TaskId follow(std::span<const TaskView> enabled, const Move& m) {
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
  [[nodiscard]] static Touch touch_of(const TaskView& v) {
    if (v.access().kind == AccessKind::none) return {};
    return {v.object, v.access().kind};
  }

  TaskId extend(std::span<const TaskView> enabled) {
    if (depth_ == nodes_.size()) nodes_.emplace_back();
    Node& n = nodes_[depth_];
    n.tried.clear();
    n.sleep.clear();
    n.explored = 0;
    if (depth_ == 0) {
      n.sleep = root_.sleep;
    } else {
      const Node& above = nodes_[depth_ - 1];
      const Move taken = trees_.move(above.branches);
      for (const Move& m : above.sleep)
        if (m.label.task != taken.label.task && !conflict(m.touch, taken.touch)) n.sleep.push_back(m);
    }
    n.branches = std::exchange(handed_down_, WakeupTrees::none);
    if (n.branches == WakeupTrees::none && !branch(n, enabled)) {
      redundant_ = true;
      return {};
    }
    // A branch that was handed down was planned from another execution: its step is the one the task is about to take here.
    const Move& m = trees_.move(n.branches);
    n.tried.push_back(m.label);
    handed_down_ = trees_.take_children(n.branches);
    ++depth_;
    return follow(enabled, m);
  }
  // Any step that is not asleep will do.
  bool branch(Node& n, std::span<const TaskView> enabled) {
    return (in_a_row_ >= options_.fair_after && branch(n, enabled, running_)) || branch(n, enabled, {});
  }
  bool branch(Node& n, std::span<const TaskView> enabled, NameId except) {
    for (const TaskView& v : enabled) {
      if (except && v.name == except) continue;
      if (symmetry_.any() && !symmetry_.stands(v.name)) continue;
      for (std::uint32_t c = 0; c < std::max(v.alternatives(), 1U); ++c) {
        if (asleep(n, {v.name, c})) continue;
        trees_.append(n.branches, {{v.name, c}, touch_of(v)});
        return true;
      }
    }
    return false;
  }

  void plan(Node& n, Cause cause) {
    for (const Move& m : n.sleep)
      if (weak_initial(m, sequence_)) return;  // explored already
    trees_.insert(n.branches, sequence_, cause);
  }
  // Mode source: one step that begins some linearisation of the sequence will do.
  void plan_first(Node& n, Cause cause) {
    for (std::size_t k = 0; k < sequence_.size(); ++k) {
      const Move& m = sequence_[k];
      const bool initial = std::none_of(sequence_.begin(), sequence_.begin() + static_cast<std::ptrdiff_t>(k),
                                        [&](const Move& x) { return x.label.task == m.label.task || conflict(x.touch, m.touch); });
      if (initial && (trees_.has(n.branches, m.label) || std::ranges::find(n.tried, m.label) != n.tried.end())) return;
    }
    trees_.append(n.branches, sequence_.front(), cause);
  }

  Engine& engine_;
  const DporOptions& options_;
  WakeupTrees trees_;
  Races races_;
  Symmetry symmetry_;
  Node root_;                // what a job starts from
  std::vector<Node> nodes_;  // the first depth_ are in use: they keep their buffers
  std::size_t depth_ = 0, at_ = 0;
  WakeupTrees::Index handed_down_ = WakeupTrees::none;  // for the node below the last
  std::uint32_t choice_ = 0;
  NameId running_;  // who took the last step, and how many without a break
  std::uint32_t in_a_row_ = 0;
  bool redundant_ = false;
  std::string diverged_;
  std::vector<Move> sequence_;
  Cause cause_{};
};

Dpor::Result Dpor::explore(Engine& engine, Program& program, const DporOptions& options, const Visit& visit) {
  Walk walk(engine, options);
  Result result;
  ExecutionInfo info{0, options.seed, &engine.names()};
  do {
    if ((options.stop && options.stop()) || result.executions == options.max_executions) {
      result.kind = Result::Kind::stopped;
      return result;
    }
    walk.begin(info);
    const Outcome outcome = engine.run(program, walk, info);
    ++info.index;
    if (outcome.kind == Outcome::Kind::failed || !walk.diverged().empty()) {
      result.kind = Result::Kind::failed;
      result.message = walk.diverged().empty() ? outcome.message : walk.diverged();
      return result;
    }
    if (walk.redundant()) {
      ++result.redundant;
    } else {
      ++result.executions;
      if (options.profile && result.executions > 1) count(result.causes, walk.cause());
      if (outcome.kind == Outcome::Kind::step_bound) ++result.step_bound;
    }
    // Source sets need the races of cut executions too.
    if (!walk.redundant() || options.mode == DporOptions::Mode::source) walk.learn(engine.trace());
    result.wakeup_nodes = std::max(result.wakeup_nodes, walk.wakeup_nodes());
    if (!walk.redundant() && !visit(outcome)) {
      result.kind = Result::Kind::stopped;
      return result;
    }
    if (walk.wakeup_nodes() > options.max_wakeup_nodes) {
      result.kind = Result::Kind::memory;
      return result;
    }
    if (options.tell && info.index % told_each == 0) options.tell(result.executions, walk.estimate(result.executions));
  } while (walk.backtrack());
  return result;
}

}  // namespace unplug::sim
