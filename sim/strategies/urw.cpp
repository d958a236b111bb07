// `urw`: uniform random walk over interleavings, not over tasks. A task goes on with a weight that is the number of steps it has left, as
// the trials tell; the steps of a task that it has yet to make count as its own. Uniform where the counts are exact and nothing blocks,
// where `random` favours tasks that are short.
// Zhao, Wolff, Mathur, Roychoudhury: Selectively uniform concurrency testing, ASPLOS 2025.
#include <algorithm>
#include <vector>

#include "unplug/sim/strategies/draws.hpp"
#include "unplug/sim/strategies/registry.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {
namespace {

class Urw final : public Strategy {
 public:
  bool begin(const ExecutionInfo& info) override {
    draws_.begin(info);
    trial_ = info.trial;
    left_.clear();
    // What a task does depends on what the others do: each execution goes by one of the trials.
    if (!trial_ && !counts_.empty()) left_ = counts_[draws_.schedule.below(counts_.size())];
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId) override {
    if (left_.empty()) return draws_.any(enabled);
    for (const TaskView& v : enabled)
      if (Count* const c = find(v.name)) c->there = true;
    std::uint64_t all = 0;
    for (const TaskView& v : enabled) all += weight(v.name);
    std::uint64_t skip = draws_.schedule.below(all);
    const TaskView* taken = &enabled.front();
    for (const TaskView& v : enabled) {
      taken = &v;
      const std::uint64_t w = weight(v.name);
      if (skip < w) break;
      skip -= w;
    }
    if (Count* const c = find(taken->name); c != nullptr && c->n > 0) --c->n;
    return taken->id;
  }
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override { return draws_.choose(point, bound); }
  void end(const Trace& trace) override {
    if (!trial_) return;
    std::vector<Count>& learnt = counts_.emplace_back();
    for (const TaskRecord& t : trace.tasks)
      learnt.push_back({t.name, t.creator ? trace.tasks[t.creator.index()].name : NameId{}, t.steps, false});
  }
  [[nodiscard]] bool wants_trials() const override { return true; }
  [[nodiscard]] std::string describe() const override { return "urw"; }

 private:
  struct Count {
    NameId task, creator;  // none: existed from the start
    std::uint64_t n;       // steps it has left
    bool there;            // seen to be enabled: its steps count as its creator's no longer
  };
  [[nodiscard]] Count* find(NameId task) {
    const auto found = std::ranges::find(left_, task, &Count::task);
    return found == left_.end() ? nullptr : &*found;
  }
  // Of a task that goes on longer than it did, or that no trial saw: as if one step were left.
  [[nodiscard]] std::uint64_t weight(NameId task) { return std::max<std::uint64_t>(1, steps(task)); }
  [[nodiscard]] std::uint64_t steps(NameId task) {
    const Count* const c = find(task);
    std::uint64_t n = c == nullptr ? 0 : c->n;
    for (const Count& child : left_)
      if (child.creator == task && !child.there) n += steps(child.task);
    return n;
  }

  Draws draws_;
  bool trial_ = false;
  std::vector<std::vector<Count>> counts_;  // of each trial
  std::vector<Count> left_;
};

}  // namespace

std::unique_ptr<Strategy> make_urw(unsigned) { return std::make_unique<Urw>(); }

}  // namespace unplug::sim
