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
  if (guarded) find_places(trace, j, access, guard, last, known);
  if (j == trace.events.size()) return;  // still blocked: it can't be swapped with its neighbour
  adjacent_.clear();
  for (std::uint32_t i = latest_[access.object.index()]; i != none; i = earlier_[i]) {
    const Event& e = trace.events[i];
    if (conflict(e.access.kind, access.kind)) {
      const bool adjacent =
          e.task != task && !is_known(i) && std::ranges::none_of(adjacent_, [&](std::uint32_t k) { return before(trace, i, k); });
      if (adjacent && !(guarded && changes(e.access.kind))) races_.push_back({i, j, last});
      adjacent_.push_back(i);
    }
    if (e.access.kind == AccessKind::write) break;
  }
}

void Races::find_places(const Trace& trace, std::uint32_t j, const Access& access, const Guard& guard, const Move& last,
                        const std::uint32_t* known) {
  changes_.clear();
  bool adds = false;
  for (std::uint32_t i = latest_[access.object.index()]; i != none; i = earlier_[i]) {
    const Event& e = trace.events[i];
    const bool is_known = known[e.task.index()] > i, add = e.access.kind == AccessKind::add;
    if (is_known && !add) break;  // so is all before it
    if (!conflict(e.access.kind, access.kind) || !changes(e.access.kind)) continue;
    if (!adds && !add && guard.holds(e.before)) {
      races_.push_back({i, j, last});
      return;
    }
    adds = adds || add;
    changes_.push_back({i, add, is_known, e.before, after_[i]});
  }
  if (!adds) return;
  found_.clear();
  for (std::uint32_t n = 0; n < changes_.size(); ++n) {
    if (changes_[n].known) continue;
    leave_out(trace, n, guard, j, last);
    if (!changes_[n].add) break;  // what doesn't leave it out comes after it
  }
}

void Races::leave_out(const Trace& trace, std::uint32_t with, const Guard& guard, std::uint32_t j, const Move& last) {
  const auto precedes = [&](std::uint32_t n, std::uint32_t m) { return m <= n && before(trace, changes_[n].event, changes_[m].event); };
  const std::size_t found_before = found_.size();
  seen_.clear();
  queue_.clear();
  Numbers& first = queue_.emplace_back();
  for (std::uint32_t m = 0; m <= with; ++m)
    if (precedes(with, m)) first.push_back(m);
  // By size, so that the least come first.
  for (std::size_t at = 0; at < queue_.size(); ++at) {
    const Numbers left_out = queue_[at];
    const auto within = [&](const Numbers& f) { return std::ranges::includes(left_out, f); };
    if (std::any_of(found_.begin() + static_cast<std::ptrdiff_t>(found_before), found_.end(), within)) continue;
    if (guard.holds(word_without(left_out))) {
      if (std::ranges::find(found_, left_out) != found_.end()) continue;
      found_.push_back(left_out);
      Race& r = races_.emplace_back(Race{changes_[left_out.back()].event, j, last});
      r.others = static_cast<std::uint32_t>(others_.size());
      for (std::size_t k = left_out.size() - 1; k-- > 0;) others_.push_back(changes_[left_out[k]].event);
      r.others_end = static_cast<std::uint32_t>(others_.size());
      continue;
    }
    for (std::uint32_t n = 0; n < changes_.size(); ++n) {
      if (changes_[n].known || std::ranges::binary_search(left_out, n)) continue;
      bool last_of_its = true;
      for (std::uint32_t m = 0; m < n && last_of_its; ++m) last_of_its = !precedes(n, m) || std::ranges::binary_search(left_out, m);
      if (!last_of_its) continue;
      Numbers more = left_out;
      more.insert(std::ranges::lower_bound(more, n), n);
      if (seen_.insert(more).second) queue_.push_back(std::move(more));
    }
  }
}

std::uint64_t Races::word_without(const Numbers& left_out) const {
  std::uint64_t sum = 0;
  auto out = left_out.begin();
  for (std::uint32_t n = 0; n < changes_.size(); ++n) {
    if (out != left_out.end() && *out == n) {
      ++out;
      continue;
    }
    const Change& c = changes_[n];
    if (!c.add) return c.after + sum;
    sum += c.after - c.before;
  }
  return changes_.back().before + sum;
}

void Races::find(const Trace& trace) {
  races_.clear();
  others_.clear();
  tasks_ = trace.tasks.size();
  const std::size_t objects = trace.objects.size();
  clocks_.resize(trace.events.size() * tasks_);
  task_rows_.assign(tasks_ * tasks_, 0);
  past_rows_.assign(objects * tasks_, 0);
  run_rows_.assign(objects * tasks_, 0);
  runs_.assign(objects, AccessKind::none);
  after_.resize(trace.events.size());
  earlier_.resize(trace.events.size());
  latest_.assign(objects, none);
  births_of(trace, births_);

  for (std::uint32_t j = 0; j < trace.events.size(); ++j) {
    const Event& e = trace.events[j];
    const std::uint32_t t = e.task.index();
    const Row mine = row(task_rows_, t), clock = row(clocks_, j);
    if (e.access.kind != AccessKind::none) {
      const std::uint32_t o = e.access.object.index();
      if (latest_[o] != none) after_[latest_[o]] = e.before;
      find_of(trace, j, e.task, e.access, e.guard, {trace.tasks[t].name, e.choice}, mine);
      if (runs_[o] != e.access.kind || e.access.kind == AccessKind::write) {
        std::copy(row(run_rows_, o), row(run_rows_, o) + tasks_, row(past_rows_, o));
        runs_[o] = e.access.kind;
      }
      join(mine, row(past_rows_, o));
      mine[t] = j + 1;
      join(row(run_rows_, o), mine);
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
  for (std::uint32_t o = 0; o < objects; ++o)
    if (latest_[o] != none) after_[latest_[o]] = trace.objects[o].word;
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
    if (x != race.second && !before(trace, race.first, x) &&
        std::ranges::none_of(others(race), [&](std::uint32_t o) { return o <= x && before(trace, o, x); }))
      out.push_back(move_of(trace, trace.events[x]));
  out.push_back(race.last);
}

}  // namespace unplug::sim
