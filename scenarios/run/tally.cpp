#include "unplug/scenarios/run/tally.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include <fmt/format.h>

namespace unplug::scenarios {
namespace {

void unite(std::vector<bool>& into, const std::vector<bool>& from) {
  into.resize(std::max(into.size(), from.size()), false);
  for (std::size_t i = 0; i < from.size(); ++i) into[i] = into[i] || from[i];
}

void keep_one_of_each(std::vector<std::uint64_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

void Tally::Count::add(const Count& o) {
  count += o.count;
  note = o.note;
  shown_with = std::min(shown_with, o.shown_with);
  if (std::tie(o.lowest, o.steps, o.fingerprint) < std::tie(lowest, steps, fingerprint)) {
    lowest = o.lowest;
    steps = o.steps;
    fingerprint = o.fingerprint;
    schedule = o.schedule;
  }
}

void Tally::merge(const Tally& o) {
  executions += o.executions;
  blocked += o.blocked;
  failing += o.failing;
  cut += o.cut;
  if (std::tie(o.cut_index, o.cut_message) < std::tie(cut_index, cut_message)) {
    cut_index = o.cut_index;
    cut_message = o.cut_message;
  }
  for (const auto& [key, c] : o.signatures) signatures[key].add(c);
  fingerprints.insert(fingerprints.end(), o.fingerprints.begin(), o.fingerprints.end());
  keep_one_of_each(fingerprints);
  remove_ns.merge(o.remove_ns);
  unbind_ns.merge(o.unbind_ns);
  rmmod_ns.merge(o.rmmod_ns);
  grace_periods.merge(o.grace_periods);
  for (const auto& [key, w] : o.waits) {
    WaitCount& mine = waits[key];
    mine.executions += w.executions;
    mine.blocked += w.blocked;
    mine.bounded = mine.bounded && w.bounded;
    mine.waited_for.insert(w.waited_for.begin(), w.waited_for.end());
    mine.ns.merge(w.ns);
    const auto order = o.wait_order.at(key);
    const auto [place, fresh] = wait_order.emplace(key, order);
    if (!fresh) place->second = std::min(place->second, order);
  }
  operations.started += o.operations.started;
  operations.completed += o.operations.completed;
  operations.refused_at_entry += o.operations.refused_at_entry;
  operations.torn += o.operations.torn;
  operations.failed += o.operations.failed;
  operations.unfinished += o.operations.unfinished;
  unload.attempted += o.unload.attempted;
  unload.refused += o.unload.refused;
  unload.done_while_open += o.unload.done_while_open;
  entry_branches.insert(o.entry_branches.begin(), o.entry_branches.end());
  torn_branches.insert(o.torn_branches.begin(), o.torn_branches.end());
  unite(sites_seen, o.sites_seen);
  unite(entered, o.entered);
  unite(overlapped, o.overlapped);
  final_states.insert(o.final_states.begin(), o.final_states.end());
  unite(required, o.required);
}

namespace {

// Conditions on the final state that must not hold. They are shown at the last step of the thread they speak of first.
void judge_final_state(World& world, const sim::Trace& trace, std::vector<model::Violation>& out) {
  const FinalState& final = world.program().final_state;
  if (final.forbid.empty() || !world.threads_ended()) return;
  for (const FinalCondition& c : final.forbid) {
    if (!world.holds(c)) continue;
    model::Violation v;
    v.violation_class = model::ViolationClass::assertion_failed;
    v.object = world.kernel().intern(c.text);
    v.detail = fmt::format("the final state has {}", c.text);
    const sim::TaskId task = world.task_id(c.task);
    for (std::uint32_t i = 0; i < trace.events.size(); ++i)
      if (trace.events[i].task == task) v.event = i;
    v.task = task;
    out.push_back(std::move(v));
  }
}

}  // namespace

bool judge(World& world, model::Checker& checker, const sim::Trace& trace, const sim::Outcome& outcome, bool timed,
           std::vector<model::Violation>& out) {
  using Kind = sim::Outcome::Kind;
  if (outcome.kind == Kind::step_bound) {
    const std::size_t before = out.size();
    model::Checker::judge_bound(world.kernel(), trace, outcome.task, out);
    return out.size() != before;
  }
  if (outcome.kind != Kind::completed && outcome.kind != Kind::blocked) return false;
  checker.judge(world.kernel(), trace, out);
  judge_final_state(world, trace, out);
  const model::RemovalRecord& r = world.kernel().removal;
  const auto bound = world.program().remove_bound;
  if (!timed || !bound || r.unbind_done == model::RemovalRecord::no_time || r.unbind_done - r.unplug <= *bound) return true;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const sim::LifetimeId ended = trace.events[i].ends;
    if (!ended || world.kernel().lifetime(ended).kind != model::LifetimeKind::binding) continue;
    out.push_back({model::ViolationClass::slow_remove, world.kernel().lifetime(ended).declared, trace.events[i].task, i,
                   model::Violation::no_event, model::Violation::no_event,
                   fmt::format("unbind took {} ns, the bound is {} ns", r.unbind_done - r.unplug, *bound)});
    break;
  }
  return true;
}

void Gatherer::add(std::uint64_t index, const sim::Trace& trace, const sim::Outcome& outcome) {
  using Kind = sim::Outcome::Kind;
  violations_.clear();
  if (outcome.kind == Kind::failed) throw std::runtime_error(outcome.message);
  ++tally_.executions;
  if (outcome.kind == Kind::blocked) ++tally_.blocked;
  world_.count_coverage(trace);
  if (!judge(world_, checker_, trace, outcome, timed_, violations_)) {
    ++tally_.cut;
    if (std::tie(index, outcome.message) < std::tie(tally_.cut_index, tally_.cut_message)) {
      tally_.cut_index = index;
      tally_.cut_message = outcome.message;
    }
    return;
  }
  if (std::ranges::any_of(violations_, [](const model::Violation& v) { return !model::info(v.violation_class).note; })) ++tally_.failing;
  seen_.clear();
  for (const model::Violation& v : violations_) {
    const bool predicted = v.ended_by != model::Violation::no_event && v.event != model::Violation::no_event && v.event < v.ended_by;
    seen_.emplace_back(signature_of(trace, v), predicted);
  }
  std::sort(seen_.begin(), seen_.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  seen_.erase(std::unique(seen_.begin(), seen_.end(), same), seen_.end());  // of each, the one that shows itself comes first
  for (const auto& [s, predicted] : seen_) {
    Tally::Count& c = counts_[s];
    if (bounded_ && !predicted) c.shown_with = std::min(c.shown_with, index);
    ++c.count;
    c.note = model::info(s.violation_class).note;
    if (!searched_) {
      c.lowest = std::min(c.lowest, index);
      continue;
    }
    const std::uint64_t steps = trace.events.size();
    if (std::tie(index, steps, trace.fingerprint) >= std::tie(c.lowest, c.steps, c.fingerprint)) continue;
    c.lowest = index;
    c.steps = steps;
    c.fingerprint = trace.fingerprint;
    c.schedule.clear();
    for (const sim::Event& e : trace.events) c.schedule.emplace_back(world_.kernel().text(trace.tasks[e.task.index()].name), e.choice);
  }
  if (!once_) {
    tally_.fingerprints.push_back(trace.fingerprint);
    if (tally_.fingerprints.size() >= many_fingerprints_) {
      keep_one_of_each(tally_.fingerprints);
      many_fingerprints_ = std::max(many_fingerprints_, 2 * tally_.fingerprints.size());
    }
  }

  const model::Kernel& k = world_.kernel();
  const model::RemovalRecord& r = k.removal;
  constexpr auto no_time = model::RemovalRecord::no_time;
  if (timed_ && r.unplug != no_time) {
    if (r.remove_done != no_time) tally_.remove_ns.add(r.remove_done - r.unplug);
    if (r.unbind_done != no_time) tally_.unbind_ns.add(r.unbind_done - r.unplug);
    if (r.module_gone != no_time) tally_.rmmod_ns.add(r.module_gone - r.rmmod);
  }
  tally_.grace_periods.add(r.grace_periods);
  if (r.rmmod != no_time) ++tally_.unload.attempted;
  if (r.rmmod_refused) ++tally_.unload.refused;
  meetings_.begin(trace);
  add_meetings();
  const model::OperationCounts& o = k.operations;
  tally_.operations.started += o.started;
  tally_.operations.completed += o.completed;
  tally_.operations.refused_at_entry += o.refused_at_entry;
  tally_.operations.torn += o.torn;
  tally_.operations.failed += o.failed;
  tally_.operations.unfinished += o.unfinished;
  for (const auto& [key, n] : k.refusals()) refusals_[key] += n;
  add_waits(trace);
  add_final_state();
}

void Gatherer::add_final_state() {
  const FinalState& final = world_.program().final_state;
  if (final.observed.empty() || !world_.threads_ended()) return;
  world_.final_state(final_);
  tally_.final_states.insert(final_);
  tally_.required.resize(final.require.size(), false);
  for (std::size_t i = 0; i < final.require.size(); ++i)
    if (!tally_.required[i]) tally_.required[i] = world_.holds(final.require[i]);
}

void Gatherer::add_meetings() {
  const auto meets_any = [&](const Interval& i, const std::vector<Interval>& others) {
    return std::ranges::any_of(others, [&](const Interval& o) { return meetings_.overlap(i, o); });
  };
  if (std::ranges::any_of(world_.unloads(), [&](const Interval& i) { return meets_any(i, world_.files_open()); }))
    ++tally_.unload.done_while_open;
  const std::size_t functions = world_.program().functions.size();
  tally_.entered.resize(functions, false);
  tally_.overlapped.resize(functions, false);
  for (const World::Call& c : world_.calls()) {
    tally_.entered[c.function] = true;
    if (!tally_.overlapped[c.function]) tally_.overlapped[c.function] = meets_any(c.when, world_.removals());
  }
}

void Gatherer::add_waits(const sim::Trace& trace) {
  const model::Kernel& k = world_.kernel();
  std::uint32_t order = 0;
  for (const model::RemovalWait& w : k.removal_waits) {
    const bool taken = w.event != UINT32_MAX;
    const sim::TaskRecord& remover = trace.tasks[w.task.index()];
    const sim::SiteId site = taken ? trace.events[w.event].site : remover.pending_site;
    const Tally::WaitKey key{w.phase, fmt::format("{}({})", w.what, w.object ? k.text(w.object) : std::string{}),
                             site ? k.site(site).function : std::string{}, std::string(model::name(w.owner))};
    Tally::WaitCount& c = tally_.waits[key];
    const auto [place, fresh] = tally_.wait_order.emplace(key, order);
    if (!fresh) place->second = std::min(place->second, order);
    ++order;
    ++c.executions;
    if (!taken) {
      ++c.blocked;
      c.bounded = c.bounded && !model::ends_outside(k, trace, w.task);
      const model::WaitInfo* wait = k.waiting(w.task);
      for (const model::Kernel::Holder& h : k.holders(remover.pending.object))
        if (wait == nullptr || h.number < wait->before) c.waited_for.insert(k.text(trace.tasks[h.task.index()].role));
      continue;
    }
    const sim::Event& e = trace.events[w.event];
    const sim::TaskId by = meetings_.waited_for(w.event);
    if (by) c.waited_for.insert(k.text(trace.tasks[by.index()].role));
    if (by || (timed_ && e.waited != 0)) ++c.blocked;
    if (timed_) c.ns.add(e.waited);
  }
}

Tally Gatherer::finish() {
  const model::Kernel& k = world_.kernel();
  for (const auto& [s, c] : counts_) tally_.signatures[text(k, s)].add(c);
  counts_.clear();
  for (const auto& [key, n] : refusals_) {
    const model::Site& site = k.site(key.second);
    (key.first ? tally_.torn_branches : tally_.entry_branches).insert(site.function + "/" + site.step);
  }
  tally_.sites_seen = world_.sites_seen();
  return std::move(tally_);
}

}  // namespace unplug::scenarios
