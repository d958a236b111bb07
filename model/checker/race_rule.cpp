// The second clock: synchronisation only. Two accesses to one word, one a write, at least one plain, are a race unless a chain of releases
// and acquires orders them. Which operations acquire and release is written at each Operation.
#include <algorithm>
#include <span>

#include "unplug/model/checker/checker.hpp"
#include "unplug/sim/happens_before.hpp"

namespace unplug::model {
namespace {

class SyncClocks {
 public:
  explicit SyncClocks(const sim::Trace& trace)
      : tasks_(trace.tasks.size()), task_rows_(tasks_ * tasks_, 0), past_rows_(tasks_ * trace.objects.size(), 0), run_rows_(past_rows_),
        runs_(trace.objects.size(), sim::AccessKind::none) {
    sim::births_of(trace, births_);
  }

  std::span<std::uint32_t> task(std::uint32_t t) { return {task_rows_.data() + t * tasks_, tasks_}; }

  void step(const sim::Event& e) {
    const auto mine = task(e.task.index());
    const sim::Sync sync = e.operation->sync;
    mine[e.task.index()] = e.ordinal + 1;
    if (e.access.kind != sim::AccessKind::none) {
      // What one addition, or one read, leaves is nothing to another: they have no order. (happens_before.hpp: runs.)
      const std::size_t o = e.access.object.index();
      const std::span<std::uint32_t> past{past_rows_.data() + o * tasks_, tasks_}, run{run_rows_.data() + o * tasks_, tasks_};
      if (e.access.kind == sim::AccessKind::write || runs_[o] != e.access.kind) std::ranges::copy(run, past.begin());
      runs_[o] = e.access.kind;
      if (sync == sim::Sync::acquire || sync == sim::Sync::both) join(mine, past);
      if (sync == sim::Sync::release || sync == sim::Sync::both) join(run, mine);
    }
    // What a task is made by is all it knows at first.
    auto b = std::lower_bound(births_.begin(), births_.end(), sim::Birth{e.task.index(), e.ordinal + 1, 0});
    for (; b != births_.end() && b->creator == e.task.index() && b->steps == e.ordinal + 1; ++b)
      std::ranges::copy(mine, task(b->task).begin());
  }

 private:
  static void join(std::span<std::uint32_t> into, std::span<const std::uint32_t> from) {
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = std::max(into[i], from[i]);
  }

  std::size_t tasks_;
  std::vector<std::uint32_t> task_rows_;
  std::vector<std::uint32_t> past_rows_, run_rows_;  // by object: what was released to it before the present run, and all
  std::vector<sim::AccessKind> runs_;
  std::vector<sim::Birth> births_;
};

// The last access of one kind by one task to one object; and the last plain one, which a later marked one doesn't hide.
struct Last {
  std::uint32_t event = Violation::no_event, plain = Violation::no_event;
};

}  // namespace

void race_rule(const Kernel& kernel, const sim::Trace& trace, std::vector<Violation>& out) {
  const auto is_memory = [](const sim::Event& e) { return e.operation->plain || e.operation->marked; };
  if (std::none_of(trace.events.begin(), trace.events.end(), [](const sim::Event& e) { return e.operation->plain; })) return;
  SyncClocks clocks(trace);
  // Earlier accesses per object: the last reads and the last writes of every task.
  const std::size_t tasks = trace.tasks.size();
  std::vector<Last> reads(tasks * trace.objects.size()), writes(tasks * trace.objects.size());
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const sim::Event& e = trace.events[i];
    clocks.step(e);
    if (!is_memory(e)) continue;
    const auto known = clocks.task(e.task.index());
    const std::size_t row = e.access.object.index() * tasks;
    const auto check = [&](const Last& l) {
      const std::uint32_t earlier = e.operation->plain ? l.event : l.plain;
      if (earlier == Violation::no_event) return;
      const sim::Event& other = trace.events[earlier];
      if (other.task == e.task || known[other.task.index()] > other.ordinal) return;
      const NameId object = kernel.declared(e.access.object, trace.objects[e.access.object.index()].name);
      out.push_back({ViolationClass::data_race, object, e.task, i, earlier, Violation::no_event, {}});
    };
    for (std::size_t t = 0; t < tasks; ++t) {
      check(writes[row + t]);
      if (sim::changes(e.access.kind)) check(reads[row + t]);
    }
    Last& mine = (sim::changes(e.access.kind) ? writes : reads)[row + e.task.index()];
    mine.event = i;
    if (e.operation->plain) mine.plain = i;
  }
}

}  // namespace unplug::model
