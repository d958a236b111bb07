#include "unplug/sim/dpor/races.hpp"

#include <algorithm>

namespace unplug::sim {

void Races::join(Row into, const std::uint32_t* from) const {
  for (std::size_t t = 0; t < tasks_; ++t) into[t] = std::max(into[t], from[t]);
}

void Races::find_of(const Trace& trace, std::uint32_t j, TaskId task, const Access& access, const Guard& guard, const Label& label,
                    const std::uint32_t* known) {
  const bool guarded = !guard.trivial();
  const Move last{label, {trace.objects[access.object.index()].name, access.kind}};
  const auto is_known = [&](std::uint32_t i) { return known[trace.events[i].task.index()] > i; };
  if (guarded) {
    for (std::uint32_t i = latest_[access.object.index()]; i != none; i = earlier_[i]) {
      if (is_known(i)) break;
      const Event& e = trace.events[i];
      if (e.access.kind == AccessKind::write && guard.holds(e.before)) {
        races_.push_back({i, j, last});
        break;
      }
    }
  }
  if (j == trace.events.size()) return;  // still blocked: it can't be swapped with its neighbour
  adjacent_.clear();
  for (std::uint32_t i = latest_[access.object.index()]; i != none; i = earlier_[i]) {
    const Event& e = trace.events[i];
    const bool write = e.access.kind == AccessKind::write;
    if (write || access.kind == AccessKind::write) {
      const bool adjacent =
          e.task != task && !is_known(i) && std::ranges::none_of(adjacent_, [&](std::uint32_t k) { return before(trace, i, k); });
      if (adjacent && !(guarded && write)) races_.push_back({i, j, last});
      adjacent_.push_back(i);
    }
    if (write) break;
  }
}

void Races::find(const Trace& trace) {
  races_.clear();
  tasks_ = trace.tasks.size();
  const std::size_t objects = trace.objects.size();
  clocks_.resize(trace.events.size() * tasks_);
  task_rows_.assign(tasks_ * tasks_, 0);
  write_rows_.assign(objects * tasks_, 0);
  read_rows_.assign(objects * tasks_, 0);
  earlier_.resize(trace.events.size());
  latest_.assign(objects, none);
  births_of(trace, births_);

  for (std::uint32_t j = 0; j < trace.events.size(); ++j) {
    const Event& e = trace.events[j];
    const std::uint32_t t = e.task.index();
    const Row mine = row(task_rows_, t), clock = row(clocks_, j);
    if (e.access.kind != AccessKind::none) {
      const std::uint32_t o = e.access.object.index();
      find_of(trace, j, e.task, e.access, e.guard, {trace.tasks[t].name, e.choice}, mine);
      join(mine, row(write_rows_, o));
      if (e.access.kind == AccessKind::write) join(mine, row(read_rows_, o));
      mine[t] = j + 1;
      if (e.access.kind == AccessKind::write) {
        std::copy(mine, mine + tasks_, row(write_rows_, o));
      } else {
        join(row(read_rows_, o), mine);
      }
      earlier_[j] = latest_[o];
      latest_[o] = j;
    } else {
      mine[t] = j + 1;
      earlier_[j] = none;
    }
    std::copy(mine, mine + tasks_, clock);
    for (std::uint32_t c = 0; e.alternatives > 1 && c < e.alternatives; ++c)
      if (c != e.choice) races_.push_back({j, j, {{trace.tasks[t].name, c}, {}}});
    auto b = std::ranges::lower_bound(births_, Birth{t, e.ordinal + 1, 0});
    for (; b != births_.end() && b->creator == t && b->steps == e.ordinal + 1; ++b)
      std::copy(mine, mine + tasks_, row(task_rows_, b->task));
  }
  for (std::uint32_t t = 0; t < trace.tasks.size(); ++t) {
    const TaskRecord& r = trace.tasks[t];
    if (r.end == TaskRecord::End::finished || r.pending_guard.trivial()) continue;
    if (r.pending_guard.holds(trace.objects[r.pending.object.index()].word)) continue;  // enabled: the execution was cut
    find_of(trace, static_cast<std::uint32_t>(trace.events.size()), TaskId{t}, r.pending, r.pending_guard, {r.name, 0}, row(task_rows_, t));
  }
}

void Races::sequence(const Trace& trace, const Race& race, std::size_t end, std::vector<Move>& out) const {
  out.clear();
  for (std::uint32_t x = race.first + 1; x < end; ++x)
    if (x != race.second && !before(trace, race.first, x)) out.push_back(move_of(trace, trace.events[x]));
  out.push_back(race.last);
}

}  // namespace unplug::sim
