#include "unplug/scenarios/run/cell.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "unplug/scenarios/load/limits.hpp"
#include "unplug/scenarios/run/never.hpp"

namespace unplug::scenarios {
namespace {

Quantiles quantiles(const sim::Histogram& h) { return {h.count(), h.quantile(500), h.quantile(900), h.quantile(990), h.max()}; }

Wait::Phase phase(model::RemovalPhase p) {
  switch (p) {
    case model::RemovalPhase::devres: return Wait::Phase::devres;
    case model::RemovalPhase::module_exit: return Wait::Phase::module_exit;
    case model::RemovalPhase::module_free: return Wait::Phase::module_free;
    case model::RemovalPhase::none:
    case model::RemovalPhase::remove: break;
  }
  return Wait::Phase::remove;
}

// The workload's bounds belong to the program and are printed with the verdict.
std::vector<std::string> program_bounds(const Program& p) {
  std::vector<std::string> out;
  std::map<std::string, std::uint32_t> users;
  for (const TaskSpec& t : p.tasks) {
    if (t.kind != TaskSpec::Kind::hardware) {
      ++users[t.role];
    } else {
      out.push_back(fmt::format("interrupt '{}' arrives at most {} time(s)", p.of(EntityKind::irq)[t.irq].name, t.times));
    }
  }
  if (p.kernel.faults != 0) out.push_back(fmt::format("at most {} call(s) of a probe fail for want of memory", p.kernel.faults));
  for (const auto& [role, n] : users) out.push_back(fmt::format("{} task(s) '{}'", n, role));
  return out;
}

Evidence evidence_of(const Program& program, const Tally& t, const std::optional<Searched>& searched, std::uint64_t drawn,
                     std::uint64_t given_up) {
  Evidence e;
  e.kind = t.cut != 0 || (searched && !searched->complete) ? Evidence::Kind::bounded
           : searched                                      ? Evidence::Kind::exhaustive
                                                           : Evidence::Kind::sampled;
  e.executions = t.executions - given_up;
  e.searched = given_up;
  e.distinct_traces = t.fingerprints.empty() ? t.executions : t.fingerprints.size();
  if (!searched)
    e.new_at_the_end = static_cast<std::uint64_t>(
        std::ranges::count_if(t.fingerprints, [&](const auto& f) { return f.second >= drawn - drawn / 10 && f.second != 0; }));
  e.bounds = program_bounds(program);
  if (searched && !searched->complete) e.bounds.push_back(searched->why);
  if (t.cut != 0) e.bounds.push_back(fmt::format("{} execution(s) cut: {}", t.cut, t.cut_message));
  return e;
}

std::vector<Wait> waits_of(const Tally& t, bool timed) {
  std::vector<std::pair<std::uint32_t, Tally::WaitKey>> order;
  for (const auto& [key, place] : t.wait_order) order.emplace_back(place, key);
  std::sort(order.begin(), order.end());
  std::vector<Wait> out;
  for (const auto& [place, key] : order) {
    const Tally::WaitCount& w = t.waits.at(key);
    const auto& [p, what, function, owner] = key;
    Wait& wait = out.emplace_back();
    wait.phase = phase(p);
    wait.what = what;
    wait.function = function;
    wait.owner = owner;
    wait.waited_for.assign(w.waited_for.begin(), w.waited_for.end());
    wait.bounded = w.bounded;
    wait.executions = w.executions;
    wait.blocked = w.blocked;
    if (timed) wait.ns = quantiles(w.ns);
  }
  return out;
}

}  // namespace

Cell make_cell(const Program& program, const Tally& t, bool timed, const std::optional<Searched>& searched, std::uint64_t drawn,
               std::uint64_t given_up) {
  Cell c;
  c.executions = t.executions;
  c.blocked = t.blocked;
  c.failing = t.failing;
  c.evidence = evidence_of(program, t, searched, drawn, given_up);
  if (searched)
    for (const auto& [on, traces] : searched->races) c.races.push_back({on, traces});
  if (timed) {
    c.remove_ns = quantiles(t.remove_ns);
    c.unbind_ns = quantiles(t.unbind_ns);
    if (t.rmmod_ns.count() != 0) c.rmmod_ns = quantiles(t.rmmod_ns);
  }
  c.grace_periods = quantiles(t.grace_periods);
  c.waits = waits_of(t, timed);
  c.operations = {t.operations.started,
                  t.operations.completed,
                  t.operations.refused_at_entry,
                  t.operations.torn,
                  t.operations.failed,
                  t.operations.unfinished,
                  static_cast<unsigned>(t.entry_branches.size()),
                  static_cast<unsigned>(t.torn_branches.size())};
  c.unload = t.unload;
  find_never(program, t, c);
  c.not_judged = not_judged(program);
  if (!t.rested && t.executions != 0 && !program.removal.empty())
    c.not_judged.emplace_back(
        "in every execution somebody waits at the end who could still give something back: a leak of memory or of counts");
  c.final_states = t.final_states.size();
  c.stuck_states = t.stuck_states.size();
  for (std::size_t i = 0; i < program.final_state.require.size(); ++i)
    c.required.push_back({program.final_state.require[i].text, i < t.required.size() && t.required[i]});
  return c;
}

}  // namespace unplug::scenarios
