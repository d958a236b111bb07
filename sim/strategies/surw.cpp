// `surw`: selectively uniform random walk. The accesses to one object, drawn at random for each execution, are interleaved uniformly, by
// how many of them every task made in the trial; the rest is a walk in which tasks that are about to access it out of turn are held back.
// Zhao, Wolff, Mathur, Roychoudhury: Selectively uniform concurrency testing, ASPLOS 2025.
#include <algorithm>
#include <vector>

#include "unplug/sim/strategies/draws.hpp"
#include "unplug/sim/strategies/registry.hpp"
#include "unplug/sim/trace.hpp"

namespace unplug::sim {
namespace {

class Surw final : public Strategy {
 public:
  bool begin(const ExecutionInfo& info) override {
    draws_.begin(info);
    trial_ = info.trial;
    intent_ = {};
    left_.clear();
    if (!objects_.empty() && !trial_) {
      object_ = objects_[draws_.schedule.below(objects_.size())];
      // What a task does depends on what the others do. Half of the time we go by the trial with the fewest accesses: where tasks were
      // refused early, and where orders are that the others don't show.
      const std::uint64_t any = draws_.schedule.below(2 * trials_), trial = any < trials_ ? any : fewest(object_);
      for (const Count& c : counts_)
        if (c.trial == trial && c.object == object_) left_.push_back(c);
    }
    return true;
  }
  TaskId pick(std::span<const TaskView> enabled, TaskId) override {
    if (left_.empty()) return draws_.any(enabled);
    if (!intent_) intent_ = draw_intent();
    const auto in_question = [&](const TaskView& v) { return v.access().kind != AccessKind::none && v.object == object_; };
    std::uint64_t free = 0;
    for (const TaskView& v : enabled) free += in_question(v) && v.name != intent_ ? 0 : 1;
    const TaskView* taken = nullptr;
    if (free == 0) {  // all are held back: whose turn it would be does something else
      taken = &enabled[draws_.schedule.below(enabled.size())];
    } else {
      std::uint64_t skip = draws_.schedule.below(free);
      for (const TaskView& v : enabled) {
        if (in_question(v) && v.name != intent_) continue;
        taken = &v;
        if (skip-- == 0) break;
      }
    }
    if (in_question(*taken)) {
      for (Count& c : left_)
        if (c.task == taken->name && c.n > 0) --c.n;
      intent_ = {};
    }
    return taken->id;
  }
  std::uint32_t choose(const ChoicePoint& point, std::uint32_t bound) override { return draws_.choose(point, bound); }
  void end(const Trace& trace) override {
    if (trial_) learn(trace);
  }
  [[nodiscard]] bool wants_trials() const override { return true; }
  [[nodiscard]] std::string describe() const override { return "surw"; }

 private:
  struct Count {
    std::uint64_t trial;
    NameId object, task;
    std::uint64_t n;
  };
  // How often each task accesses each object. Objects that one task alone accesses in all trials decide nothing.
  void learn(const Trace& trace) {
    for (const Event& e : trace.events) {
      if (e.access.kind == AccessKind::none) continue;
      const NameId object = trace.objects[e.access.object.index()].name, task = trace.tasks[e.task.index()].name;
      const auto have =
          std::ranges::find_if(counts_, [&](const Count& c) { return c.trial == trials_ && c.object == object && c.task == task; });
      if (have != counts_.end()) {
        ++have->n;
        continue;
      }
      const bool shared = std::ranges::any_of(counts_, [&](const Count& c) { return c.object == object && c.task != task; });
      if (shared && std::ranges::find(objects_, object) == objects_.end()) objects_.push_back(object);
      counts_.push_back({trials_, object, task, 1});
    }
    ++trials_;
    // Names are numbered as an engine meets them: order what is drawn from by what they say.
    std::ranges::sort(objects_, {}, [&](NameId n) { return draws_.hash(n); });
    std::ranges::sort(counts_, {}, [&](const Count& c) { return draws_.hash(c.task); });
  }
  [[nodiscard]] std::uint64_t fewest(NameId object) const {
    std::uint64_t best = 0, least = UINT64_MAX;
    for (std::uint64_t t = 0; t < trials_; ++t) {
      std::uint64_t n = 0;
      for (const Count& c : counts_) {
        if (c.trial == t && c.object == object) n += c.n;
      }
      if (n != 0 && n < least) {
        least = n;
        best = t;
      }
    }
    return best;
  }
  NameId draw_intent() {
    std::uint64_t all = 0;
    for (const Count& c : left_) all += c.n;
    if (all == 0) return {};
    std::uint64_t skip = draws_.schedule.below(all);
    for (const Count& c : left_) {
      if (skip < c.n) return c.task;
      skip -= c.n;
    }
    return {};
  }
  Draws draws_;
  bool trial_ = false;
  NameId object_, intent_;
  std::vector<Count> counts_, left_;
  std::vector<NameId> objects_;
  std::uint64_t trials_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> make_surw(unsigned) { return std::make_unique<Surw>(); }

}  // namespace unplug::sim
