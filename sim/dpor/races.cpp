#include "unplug/sim/dpor/races.hpp"

#include <algorithm>

namespace unplug::sim {

void Races::join(Row into, const std::uint32_t* from) const {
  for (std::size_t t = 0; t < tasks_; ++t) into[t] = std::max(into[t], from[t]);
}

void Races::find_of(const Trace& trace, std::uint32_t j, TaskId task, const Access& access, const Guard& guard, std::uint64_t word,
                    const Label& label, const std::uint32_t* known) {
  const bool guarded = !guard.trivial();
  const Move last{label, {trace.objects[access.object.index()].name, access.kind}};
  const auto is_known = [&](std::uint32_t i) { return known[trace.events[i].task.index()] > i; };
  if (guarded) find_places(trace, j, access, guard, word, last, known);
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

void Races::find_places(const Trace& trace, std::uint32_t j, const Access& access, const Guard& guard, std::uint64_t word, const Move& last,
                        const std::uint32_t* known) {
  bool since_last_write = true;
  std::uint64_t after = word;  // the event at hand
  places_.clear();
  // From write to write: what comes after the step with a write comes after it with all that follow the write.
  for (std::uint32_t i = latest_[access.object.index()];; i = earlier_[i]) {
    const bool is_known = i != none && known[trace.events[i].task.index()] > i;
    const AccessKind kind = i != none ? trace.events[i].access.kind : AccessKind::none;
    const bool over = i == none || (is_known && kind != AccessKind::add);  // so is all before it
    if (over || kind == AccessKind::write) {
      if (!places_.empty() && find_among_additions(trace, j, guard, word, last, since_last_write) && !since_last_write) return;
      if (over) return;
      word = trace.events[i].before;
      if (guard.holds(word)) {
        races_.push_back({i, j, last});
        return;
      }
      since_last_write = false;
      places_.clear();
    } else if (kind == AccessKind::add && access.kind != AccessKind::add && !is_known) {
      places_.add({i, trace.events[i].task.index(), after - trace.events[i].before});
    }
    after = trace.events[i].before;
  }
}

bool Races::find_among_additions(const Trace& trace, std::uint32_t j, const Guard& guard, std::uint64_t word, const Move& last,
                                 bool with_each) {
  places_.find(guard, word, with_each, [&](std::uint32_t a, std::uint32_t b) { return a < b && before(trace, a, b); });
  for (std::size_t k = 0; k < places_.size(); ++k) {
    places_.firsts(k, firsts_);
    if (firsts_.empty()) continue;
    const auto others = static_cast<std::uint32_t>(others_.size());
    others_.insert(others_.end(), firsts_.begin() + 1, firsts_.end());
    races_.push_back({firsts_.front(), j, last, others, static_cast<std::uint32_t>(others_.size())});
  }
  return places_.size() != 0;
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
  earlier_.resize(trace.events.size());
  latest_.assign(objects, none);
  births_of(trace, births_);

  for (std::uint32_t j = 0; j < trace.events.size(); ++j) {
    const Event& e = trace.events[j];
    const std::uint32_t t = e.task.index();
    const Row mine = row(task_rows_, t), clock = row(clocks_, j);
    if (e.access.kind != AccessKind::none) {
      const std::uint32_t o = e.access.object.index();
      find_of(trace, j, e.task, e.access, e.guard, e.before, {trace.tasks[t].name, e.choice}, mine);
      const Row run = row(run_rows_, o), past = row(past_rows_, o);
      const bool write = e.access.kind == AccessKind::write;
      if (!write && runs_[o] != e.access.kind) std::copy(run, run + tasks_, past);
      runs_[o] = e.access.kind;
      join(mine, write ? run : past);
      mine[t] = j + 1;
      write ? static_cast<void>(std::copy(mine, mine + tasks_, run)) : join(run, mine);
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
    const std::uint64_t word = trace.objects[r.pending.object.index()].word;
    if (r.pending_guard.holds(word)) continue;  // enabled: the execution was cut
    find_of(trace, static_cast<std::uint32_t>(trace.events.size()), TaskId{t}, r.pending, r.pending_guard, word, {r.name, 0},
            row(task_rows_, t));
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
