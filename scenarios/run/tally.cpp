#include "unplug/scenarios/run/tally.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include <fmt/format.h>

#include "unplug/model/kernel/locking/polling.hpp"

namespace unplug::scenarios {
namespace {

void unite(std::vector<bool>& into, const std::vector<bool>& from) {
  into.resize(std::max(into.size(), from.size()), false);
  for (std::size_t i = 0; i < from.size(); ++i) into[i] = into[i] || from[i];
}

// Of each fingerprint the first execution that had it.
void keep_first_of_each(std::vector<std::pair<std::uint64_t, std::uint64_t>>& list) {
  std::sort(list.begin(), list.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  list.erase(std::unique(list.begin(), list.end(), same), list.end());
}

}  // namespace

void Tally::Count::add(const Count& o) {
  // What a search has found is shown rather than what was drawn: it is the least of its kind.
  const bool found = schedule.has_value(), found_there = o.schedule.has_value();
  const bool shown_there =
      count == 0 ||
      (found != found_there ? found_there : std::tie(o.lowest, o.steps, o.fingerprint) < std::tie(lowest, steps, fingerprint));
  count += o.count;
  note = o.note;
  if (!shown_there) return;
  lowest = o.lowest;
  steps = o.steps;
  fingerprint = o.fingerprint;
  schedule = o.schedule;
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
  keep_first_of_each(fingerprints);
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
  unite(began, o.began);
  removal_began = removal_began || o.removal_began;
  rested = rested || o.rested;
  entries.resize(std::max(entries.size(), o.entries.size()));
  for (std::size_t i = 0; i < o.entries.size(); ++i) {
    entries[i].entered = entries[i].entered || o.entries[i].entered;
    entries[i].overlapped = entries[i].overlapped || o.entries[i].overlapped;
    entries[i].first_otherwise = entries[i].first_otherwise || o.entries[i].first_otherwise;
    entries[i].second_otherwise = entries[i].second_otherwise || o.entries[i].second_otherwise;
    entries[i].waited_for.insert(o.entries[i].waited_for.begin(), o.entries[i].waited_for.end());
    entries[i].waits.insert(o.entries[i].waits.begin(), o.entries[i].waits.end());
  }
  asked.resize(std::max(asked.size(), o.asked.size()));
  for (std::size_t i = 0; i < o.asked.size(); ++i) {
    asked[i].tried = asked[i].tried || o.asked[i].tried;
    asked[i].succeeded = asked[i].succeeded || o.asked[i].succeeded;
    asked[i].unanswered = asked[i].unanswered || o.asked[i].unanswered;
  }
  final_states.insert(o.final_states.begin(), o.final_states.end());
  stuck_states.insert(o.stuck_states.begin(), o.stuck_states.end());
  unite(required, o.required);
}

void Gatherer::add(std::uint64_t index, const sim::Trace& trace, const sim::Outcome& outcome) {
  using Kind = sim::Outcome::Kind;
  violations_.clear();
  if (outcome.kind == Kind::failed) throw std::runtime_error(outcome.message);
  if (model::contradicted(world_.kernel(), trace)) return;  // another one is like it
  fingerprint_ = trace.fingerprint;
  if (once_ && any_alike_) {
    symmetry_.begin(world_.kernel().engine());
    fingerprint_ = symmetry_.orbit(trace);
    if (orbits_ != nullptr && !orbits_->insert(fingerprint_)) return;
    traces_ = orbits_ != nullptr ? symmetry_.traces_of_orbit() : 1;
  }
  tally_.executions += traces_;
  if (outcome.kind == Kind::blocked) tally_.blocked += traces_;
  world_.count_waiting(trace);
  if (!judge(world_, checker_, trace, outcome, timed_, violations_)) {
    tally_.cut += traces_;
    const std::string message = cut_message(trace, outcome);
    if (std::tie(index, message) < std::tie(tally_.cut_index, tally_.cut_message)) {
      tally_.cut_index = index;
      tally_.cut_message = message;
    }
    return;
  }
  add_signatures(index, trace);
  if (keeps_fingerprints_) {
    tally_.fingerprints.emplace_back(trace.fingerprint, index);
    if (tally_.fingerprints.size() >= many_fingerprints_) {
      keep_first_of_each(tally_.fingerprints);
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
  tally_.grace_periods.add(r.grace_periods, traces_);
  if (r.rmmod != no_time) tally_.unload.attempted += traces_;
  if (r.rmmod_refused) tally_.unload.refused += traces_;
  tally_.rested = tally_.rested || model::at_rest(k, trace);
  meetings_.begin(trace);
  add_meetings(trace);
  add_asked();
  const model::OperationCounts& o = k.operations;
  tally_.operations.started += o.started * traces_;
  tally_.operations.completed += o.completed * traces_;
  tally_.operations.refused_at_entry += o.refused_at_entry * traces_;
  tally_.operations.torn += o.torn * traces_;
  tally_.operations.failed += o.failed * traces_;
  tally_.operations.unfinished += o.unfinished * traces_;
  for (const auto& [key, n] : k.refusals()) refusals_[key] += n * traces_;
  add_waits(trace);
  add_final_state();
}

// A bounded search speaks of the schedules that it visits, not of others of their traces, which may need more preemptions.
void Gatherer::add_signatures(std::uint64_t index, const sim::Trace& trace) {
  if (bounded_) std::erase_if(violations_, [](const model::Violation& v) { return !shows_itself(v); });
  if (std::ranges::any_of(violations_, [](const model::Violation& v) { return !model::info(v.violation_class).note; }))
    tally_.failing += traces_;
  seen_.clear();
  for (const model::Violation& v : violations_) seen_.push_back(signature_of(trace, v));
  std::sort(seen_.begin(), seen_.end());
  seen_.erase(std::unique(seen_.begin(), seen_.end()), seen_.end());
  for (const Signature& s : seen_) {
    Tally::Count& c = counts_[s];
    c.count += traces_;
    c.note = model::info(s.violation_class).note;
    if (!searched_) {
      c.lowest = std::min(c.lowest, index);
      continue;
    }
    const std::uint64_t steps = trace.events.size();
    if (std::tie(index, steps, fingerprint_) >= std::tie(c.lowest, c.steps, c.fingerprint)) continue;
    c.lowest = index;
    c.steps = steps;
    c.fingerprint = fingerprint_;
    std::vector<sim::Label> schedule;
    for (const sim::Event& e : trace.events) schedule.push_back({trace.tasks[e.task.index()].name, e.choice});
    if (once_ && any_alike_) symmetry_.make_canonical(trace, schedule);
    c.schedule.emplace();
    for (const sim::Label& l : schedule) c.schedule->emplace_back(world_.kernel().text(l.task), l.choice);
  }
}

void Gatherer::add_final_state() {
  const FinalState& final = world_.program().final_state;
  if ((final.observed.empty() && final.require.empty()) || !world_.has_final_state()) return;
  world_.final_state(final_);
  (world_.threads_ended() ? tally_.final_states : tally_.stuck_states).insert(final_);
  tally_.required.resize(final.require.size(), false);
  for (std::size_t i = 0; i < final.require.size(); ++i)
    if (!tally_.required[i]) tally_.required[i] = world_.holds(final.require[i]);
}

void Gatherer::add_asked() {
  const Record& r = world_.record();
  tally_.began.resize(r.began.size(), false);
  const std::vector<std::uint32_t>& alike = world_.alike();
  for (std::size_t i = 0; i < r.began.size(); ++i) {
    if (!r.began[i]) continue;
    for (std::size_t k = 0; k < r.began.size(); ++k)
      if (k == i || (once_ && alike[i] != 0 && alike[k] == alike[i])) tally_.began[k] = true;
  }
  tally_.asked.resize(world_.program().sites.size());
  for (const Record::Asked& a : r.asked) {
    Tally::Asked& of = tally_.asked[a.site];
    of.tried = true;
    of.succeeded = of.succeeded || a.answer == Record::Asked::Answer::success;
    of.unanswered = of.unanswered || a.answer == Record::Asked::Answer::none;
  }
}

void Gatherer::add_meetings(const sim::Trace& trace) {
  const Record& r = world_.record();
  const auto meets_any = [&](const Interval& i, const std::vector<Interval>& others) {
    return std::ranges::any_of(others, [&](const Interval& o) { return meetings_.overlap(i, o); });
  };
  if (std::ranges::any_of(r.unloads, [&](const Interval& i) { return meets_any(i, r.files_open); }))
    tally_.unload.done_while_open += traces_;
  tally_.removal_began = tally_.removal_began || !r.removals.empty();
  tally_.entries.resize(world_.program().functions.size());
  for (const Record::Call& c : r.calls) {
    Tally::Entry& entry = tally_.entries[c.function];
    entry.entered = true;
    if (entry.overlapped) continue;
    entry.overlapped = meets_any(c.when, r.removals);
    if (entry.overlapped || timed_) continue;
    for (const Interval& removal : r.removals) add_apart(entry, c.when, removal, trace);
    if (meets_any(c.when, r.refusals)) entry.waited_for.insert("rmmod is refused meanwhile");
  }
}

// What kept an entry and a removal apart in this execution. Of all traces, what orders them in each keeps them apart; in a sample they may
// just not have met, and only a wait that had to wait tells.
void Gatherer::add_apart(Tally::Entry& entry, const Interval& call, const Interval& removal, const sim::Trace& trace) {
  if (call.task == removal.task) return;
  const std::optional<bool> call_first = meetings_.comes_first(call, removal);
  if (!call_first) return;
  const std::uint32_t by = *call_first ? meetings_.kept_apart_by(call, removal) : meetings_.kept_apart_by(removal, call);
  if (by == Meetings::no_event) return;
  const sim::Event& e = trace.events[by];
  bool& otherwise = *call_first ? entry.first_otherwise : entry.second_otherwise;
  if (!once_) {
    if (meetings_.waited_for(by).empty()) return;
  } else if (*call_first) {
    // The removal begins where who removes begins to act: what orders the two before that is none of it.
    std::uint32_t began = removal.first;
    for (const auto& [task, position] : world_.record().at_leisure)
      if (task == removal.task && position <= removal.first) began = position;
    if (by < began) {
      otherwise = true;
      return;
    }
  }
  if (e.operation->outside) {  // the workload waits, and need not
    otherwise = true;
    return;
  }
  const model::Kernel& k = world_.kernel();
  const model::Site* const site = e.site ? &k.site(e.site) : nullptr;
  std::string_view what = e.operation->name;
  if (site != nullptr && what.starts_with(site->function + ": ")) what.remove_prefix(site->function.size() + 2);
  (*call_first ? entry.waited_for : entry.waits)
      .insert(site == nullptr ? std::string(what)
              : site->driver  ? fmt::format("{}() in {}", site->verb, site->function)
                              : fmt::format("{} in {}()", what, site->function));
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
    c.executions += traces_;
    if (!taken) {
      c.blocked += traces_;
      c.bounded = c.bounded && !model::ends_outside(k, trace, w.task);
      const model::WaitInfo* wait = k.waiting(w.task);
      for (const model::Kernel::Holder& h : k.holders(remover.pending.object))
        if (wait == nullptr || h.number < wait->before) c.waited_for.insert(k.text(trace.tasks[h.task.index()].role));
      continue;
    }
    const sim::Event& e = trace.events[w.event];
    std::vector<sim::TaskId> by;
    if (!timed_) {
      by = meetings_.waited_for(w.event);
    } else if (e.unblocked_by) {
      by = {e.unblocked_by};
    }
    for (const sim::TaskId t : by) c.waited_for.insert(k.text(trace.tasks[t.index()].role));
    if (!by.empty() || (timed_ && e.waited != 0)) c.blocked += traces_;
    if (timed_) c.ns.add(e.waited);
  }
}

// Of tasks that are alike, another may have been the one.
std::string Gatherer::cut_message(const sim::Trace& trace, const sim::Outcome& outcome) const {
  std::string message = outcome.message;
  if (!once_ || !any_alike_ || !outcome.task) return message;
  const sim::TaskRecord& t = trace.tasks[outcome.task.index()];
  const std::string& name = world_.kernel().text(t.name);
  if (const std::size_t at = message.find(name); at != std::string::npos) message.replace(at, name.size(), world_.kernel().text(t.role));
  return message;
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
