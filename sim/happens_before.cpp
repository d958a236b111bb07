#include "unplug/sim/happens_before.hpp"

#include <algorithm>

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
  write_rows_.assign(tasks_ * trace.objects.size(), 0);
  read_rows_.assign(tasks_ * trace.objects.size(), 0);
  births_of(trace, births_);
}

VectorClocks::Clock VectorClocks::step(const Event& e) {
  const std::span<std::uint32_t> mine = row(task_rows_, e.task.index());
  if (e.access.kind != AccessKind::none) {
    const std::uint32_t o = e.access.object.index();
    join(mine, row(write_rows_, o));
    if (e.access.kind == AccessKind::write) join(mine, row(read_rows_, o));
  }
  mine[e.task.index()] = e.ordinal + 1;
  if (e.access.kind == AccessKind::write) {
    std::ranges::copy(mine, row(write_rows_, e.access.object.index()).begin());
  } else if (e.access.kind == AccessKind::read) {
    join(row(read_rows_, e.access.object.index()), mine);
  }
  if (!births_.empty()) {
    auto b = std::lower_bound(births_.begin(), births_.end(), Birth{e.task.index(), e.ordinal + 1, 0});
    for (; b != births_.end() && b->creator == e.task.index() && b->steps == e.ordinal + 1; ++b)
      std::ranges::copy(mine, row(task_rows_, b->task).begin());
  }
  return mine;
}

std::vector<bool> past_of(const Trace& trace, std::size_t target) {
  std::vector<bool> past(trace.events.size(), false);
  // How many steps of each task are in the past, and which objects have a write or any access in it: an earlier event joins through them.
  std::vector<std::uint32_t> steps(trace.tasks.size(), 0);
  std::vector<char> written(trace.objects.size(), 0), accessed(trace.objects.size(), 0);
  const auto add_task = [&](TaskId task, std::uint32_t count, auto&& self) -> void {
    if (count <= steps[task.index()]) return;
    const bool first = steps[task.index()] == 0;
    steps[task.index()] = count;
    if (!first) return;
    const TaskRecord r = effective_birth(trace, trace.tasks[task.index()]);
    if (r.creator) self(r.creator, r.creator_steps, self);
  };
  for (std::size_t i = target + 1; i-- > 0;) {
    const Event& e = trace.events[i];
    const bool has_access = e.access.kind != AccessKind::none;
    const std::size_t o = has_access ? e.access.object.index() : 0;
    const bool in = i == target || e.ordinal < steps[e.task.index()] ||
                    (has_access && (written[o] != 0 || (e.access.kind == AccessKind::write && accessed[o] != 0)));
    if (!in) continue;
    past[i] = true;
    add_task(e.task, e.ordinal + 1, add_task);
    if (has_access) {
      accessed[o] = 1;
      if (e.access.kind == AccessKind::write) written[o] = 1;
    }
  }
  return past;
}

}  // namespace unplug::sim
