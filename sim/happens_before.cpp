#include "unplug/sim/happens_before.hpp"

#include <algorithm>

#include "unplug/sim/invariant.hpp"

namespace unplug::sim {
namespace {

TaskRecord effective_birth(const Trace& trace, TaskRecord r) {
  while (r.creator && r.creator_steps == 0) {
    const TaskRecord& c = trace.tasks[r.creator.index()];
    r.creator = c.creator;
    r.creator_steps = c.creator_steps;
  }
  return r;
}

void join(std::span<std::uint32_t> into, std::span<const std::uint32_t> from) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] = std::max(into[i], from[i]);
}

}  // namespace

void births_of(const Trace& trace, std::vector<Birth>& out) {
  out.clear();
  for (std::uint32_t i = 0; i < trace.tasks.size(); ++i) {
    const TaskRecord r = effective_birth(trace, trace.tasks[i]);
    if (r.creator) out.push_back({r.creator.index(), r.creator_steps, i});
  }
  std::sort(out.begin(), out.end());
}

void VectorClocks::begin(const Trace& trace) {
  tasks_ = trace.tasks.size();
  task_rows_.assign(tasks_ * tasks_, 0);
  past_rows_.assign(tasks_ * trace.objects.size(), 0);
  run_rows_.assign(tasks_ * trace.objects.size(), 0);
  runs_.assign(trace.objects.size(), AccessKind::none);
  births_of(trace, births_);
}

VectorClocks::Clock VectorClocks::step(const Event& e) {
  const std::span<std::uint32_t> mine = row(task_rows_, e.task.index());
  if (e.access.kind != AccessKind::none) {
    const std::uint32_t o = e.access.object.index();
    const std::span<std::uint32_t> run = row(run_rows_, o), past = row(past_rows_, o);
    const bool write = e.access.kind == AccessKind::write;
    if (!write && runs_[o] != e.access.kind) std::ranges::copy(run, past.begin());
    runs_[o] = e.access.kind;
    join(mine, write ? run : past);
    mine[e.task.index()] = e.ordinal + 1;
    write ? static_cast<void>(std::ranges::copy(mine, run.begin())) : join(run, mine);
  } else {
    mine[e.task.index()] = e.ordinal + 1;
  }
  if (!births_.empty()) {
    auto b = std::lower_bound(births_.begin(), births_.end(), Birth{e.task.index(), e.ordinal + 1, 0});
    for (; b != births_.end() && b->creator == e.task.index() && b->steps == e.ordinal + 1; ++b)
      std::ranges::copy(mine, row(task_rows_, b->task).begin());
  }
  return mine;
}

bool Reach::begin(const Trace& trace, std::size_t marks, Direction direction) {
  invariant(marks <= capacity, "more events are marked than there are bits for");
  tasks_.assign(trace.tasks.size(), 0);
  objects_.assign(trace.objects.size(), {});

  constexpr Birth nobodys{UINT32_MAX, 0, 0};
  births_of(trace, births_);
  births_.insert(births_.begin(), nobodys);
  births_.push_back(nobodys);
  next_birth_.assign(trace.tasks.size(), 0);
  for (std::uint32_t i = 1; i + 1 < births_.size(); ++i)
    if (direction == Direction::backward || births_[i].creator != births_[i - 1].creator) next_birth_[births_[i].creator] = i;
  return births_.size() > 2;
}

std::vector<bool> past_of(const Trace& trace, std::size_t target) {
  const auto mark = static_cast<std::uint32_t>(target);
  std::vector<bool> past(trace.events.size());
  Reach{}.before(trace, {&mark, 1}, [&](std::uint32_t i, std::uint64_t mask) { past[i] = mask != 0; });
  return past;
}

}  // namespace unplug::sim
