#include "unplug/reports/view/summary.hpp"

#include <algorithm>
#include <climits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "unplug/model/core/violation_class.hpp"
#include "unplug/reports/view/members.hpp"

namespace unplug::reports {

namespace {

using scenarios::Cell;
using scenarios::Evidence;
using scenarios::Finding;
using scenarios::Quantiles;
using scenarios::Wait;

void merge_findings(std::vector<Seen>& into, const std::vector<Finding>& list, const Cell& cell) {
  for (const Finding& finding : list) {
    const auto same = std::find_if(into.begin(), into.end(), [&](const Seen& seen) {
      return seen.finding->signature == finding.signature && seen.finding->violation_class == finding.violation_class;
    });
    if (same == into.end()) {
      into.push_back({&finding, &cell});
    } else if (simpler(finding, *same->finding)) {
      *same = {&finding, &cell};
    }
  }
}

void sort_findings(std::vector<Seen>& list) {
  std::stable_sort(list.begin(), list.end(), [](const Seen& a, const Seen& b) {
    return std::pair(model::fear_rank(a.finding->violation_class), a.finding->signature) <
           std::pair(model::fear_rank(b.finding->violation_class), b.finding->signature);
  });
}

void merge_wait(std::vector<Wait>& into, const Wait& wait) {
  const auto same = std::find_if(into.begin(), into.end(), [&](const Wait& other) {
    return other.phase == wait.phase && other.what == wait.what && other.function == wait.function && other.owner == wait.owner;
  });
  if (same == into.end()) {
    into.push_back(wait);
    return;
  }
  same->executions += wait.executions;
  same->blocked += wait.blocked;
  same->bounded = same->bounded && wait.bounded;
  if (same->ns.count == 0) same->ns = wait.ns;
  same->waited_for.insert(same->waited_for.end(), wait.waited_for.begin(), wait.waited_for.end());
  std::sort(same->waited_for.begin(), same->waited_for.end());
  same->waited_for.erase(std::unique(same->waited_for.begin(), same->waited_for.end()), same->waited_for.end());
}

void add_operations(scenarios::Operations& sum, const scenarios::Operations& more) {
  sum.started += more.started;
  sum.completed += more.completed;
  sum.refused_at_entry += more.refused_at_entry;
  sum.torn += more.torn;
  sum.failed += more.failed;
  sum.unfinished += more.unfinished;
  sum.entry_branches = std::max(sum.entry_branches, more.entry_branches);
  sum.torn_branches = std::max(sum.torn_branches, more.torn_branches);
}

void widen(std::optional<Quantiles>& into, const std::optional<Quantiles>& more) {
  if (!more || more->count == 0) return;
  if (!into) {
    into = more;
    return;
  }
  into->count += more->count;
  into->p50 = std::min(into->p50, more->p50);
  into->p90 = std::max(into->p90, more->p90);
  into->p99 = std::max(into->p99, more->p99);
  into->max = std::max(into->max, more->max);
}

// Grace periods belong to the times beside them, so timed cells are asked first.
Quantiles merge_grace_periods(const std::vector<const Cell*>& cells) {
  for (const bool is_timed : {true, false}) {
    std::optional<Quantiles> sum;
    for (const Cell* cell : cells) {
      if (cell->unbind_ns.has_value() == is_timed) widen(sum, cell->grace_periods);
    }
    if (sum) return *sum;
  }
  return {};
}

// A step that one strategy reached was reached.
std::vector<std::string> in_all(const std::vector<const Cell*>& cells, std::vector<std::string> Cell::*list) {
  std::vector<std::string> common = cells.front()->*list;
  for (const Cell* cell : cells) {
    std::erase_if(common, [&](const std::string& item) {
      return std::find((cell->*list).begin(), (cell->*list).end(), item) == (cell->*list).end();
    });
  }
  return common;
}

// A clean policy stands where its best strategy stands: an exhaustive search isn't made weaker by samples beside it.
Standing standing_of(const Verdict& verdict) {
  if (!verdict.violations.empty()) return Standing::broken;
  if (!verdict.never.empty()) return Standing::vacuous;
  Standing best = Standing::sampled;
  for (const Cell* cell : verdict.cells) {
    if (cell->evidence.kind == Evidence::Kind::bounded) best = std::max(best, Standing::bounded);
    if (cell->evidence.kind == Evidence::Kind::exhaustive) best = Standing::exhaustive;
  }
  return best;
}

void add_once(std::vector<std::string>& list, std::string sentence) {
  if (std::find(list.begin(), list.end(), sentence) == list.end()) list.push_back(std::move(sentence));
}

void say_never(Verdict& verdict) {
  for (const Cell* cell : verdict.cells) {
    for (const scenarios::Never& n : cell->never) {
      const std::string sentence = n.what + " " + n.how;
      n.why.empty() ? add_once(verdict.never, sentence) : add_once(verdict.accepted, sentence + " (accepted: " + n.why + ")");
    }
    for (const scenarios::KeptApart& k : cell->kept_apart) add_once(verdict.kept_apart, k.what + ": " + k.by);
    for (const std::string& n : cell->not_judged) add_once(verdict.not_judged, n);
  }
}

void complete(Verdict& verdict) {
  for (const Cell* cell : verdict.cells) {
    merge_findings(verdict.violations, cell->violations, *cell);
    merge_findings(verdict.notes, cell->notes, *cell);
    widen(verdict.remove_ns, cell->remove_ns);
    widen(verdict.unbind_ns, cell->unbind_ns);
    widen(verdict.rmmod_ns, cell->rmmod_ns);
    for (const Wait& wait : cell->waits) merge_wait(verdict.waits, wait);
    add_operations(verdict.operations, cell->operations);
    verdict.unload.attempted += cell->unload.attempted;
    verdict.unload.refused += cell->unload.refused;
    verdict.unload.done_while_open += cell->unload.done_while_open;
    verdict.unreplayed_predictions += cell->unreplayed_predictions;
  }
  std::stable_sort(verdict.waits.begin(), verdict.waits.end(), [](const Wait& a, const Wait& b) { return a.phase < b.phase; });
  sort_findings(verdict.violations);
  sort_findings(verdict.notes);
  for (const Seen& seen : verdict.violations) {
    if (verdict.classes.empty() || verdict.classes.back().violation_class != seen.finding->violation_class) {
      verdict.classes.push_back({seen.finding->violation_class, 0});
    }
    ++verdict.classes.back().signatures;
  }
  verdict.grace_periods = merge_grace_periods(verdict.cells);
  verdict.never_reached = in_all(verdict.cells, &Cell::never_reached);
  say_never(verdict);
  verdict.standing = standing_of(verdict);
  verdict.refused = verdict.standing > Standing::vacuous && verdict.unload.refused != 0;
}

std::vector<FindingView> collect(const std::vector<Group>& groups, std::vector<Seen> Verdict::*list) {
  std::map<std::pair<std::string, std::string>, FindingView> by_signature;
  for (const Group& group : groups) {
    for (const Verdict& verdict : group.verdicts) {
      for (const Seen& seen : verdict.*list) {
        FindingView& view = by_signature[{seen.finding->violation_class, seen.finding->signature}];
        if (view.best == nullptr || simpler(*seen.finding, *view.best)) view.best = seen.finding;
        view.under.push_back({&group, &verdict, seen});
      }
    }
  }
  std::vector<FindingView> out;
  for (auto& [key, view] : by_signature) out.push_back(std::move(view));
  // What is feared most first, then what is simplest to get.
  const auto fear = [](const FindingView& v) {
    const auto c = model::violation_class(v.best->violation_class);
    return c ? static_cast<int>(model::info(*c).fear) : INT_MAX;
  };
  std::stable_sort(out.begin(), out.end(), [&](const FindingView& a, const FindingView& b) {
    return fear(a) != fear(b) ? fear(a) < fear(b) : simpler(*a.best, *b.best);
  });
  for (std::size_t i = 0; i < out.size(); ++i) out[i].number = i + 1;
  return out;
}

Group make_group(const scenarios::ScenarioResult& scenario, const std::vector<std::string>& policies, const std::string& form,
                 const std::vector<std::string>& members) {
  Group group{form, members_title(members), members, {}};
  for (const std::string& policy : policies) {
    Verdict verdict;
    verdict.policy = policy;
    for (const Cell& cell : scenario.cells) {
      if (cell.form == form && cell.policy == policy && std::find(members.begin(), members.end(), cell.member) != members.end()) {
        verdict.cells.push_back(&cell);
      }
    }
    if (verdict.cells.empty()) continue;
    for (const scenarios::PolicyLabel& label : scenario.policies) {
      if (label.name == policy) verdict.label = &label;
    }
    complete(verdict);
    group.verdicts.push_back(std::move(verdict));
  }
  return group;
}

bool same_findings(const std::vector<Seen>& a, const std::vector<Seen>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Seen& x, const Seen& y) {
    return x.finding->violation_class == y.finding->violation_class && x.finding->signature == y.finding->signature;
  });
}

// Tables that differ in figures only are read as one: what grows with a parameter has a table of its own.
bool says_the_same(const Group& a, const Group& b) {
  return std::equal(a.verdicts.begin(), a.verdicts.end(), b.verdicts.begin(), b.verdicts.end(), [](const Verdict& x, const Verdict& y) {
    return x.policy == y.policy && x.standing == y.standing && x.refused == y.refused && same_findings(x.violations, y.violations) &&
           same_findings(x.notes, y.notes);
  });
}

}  // namespace

bool simpler(const Finding& a, const Finding& b) {
  if (a.preemptions == b.preemptions) return !a.failure_file.empty() && b.failure_file.empty();
  if (!a.preemptions || !b.preemptions) return a.preemptions.has_value();
  return *a.preemptions < *b.preemptions;
}

ScenarioView summarise(const scenarios::ScenarioResult& scenario) {
  ScenarioView view;
  view.scenario = &scenario;
  const auto add_policy = [&](const std::string& name) {
    if (std::find(view.policies.begin(), view.policies.end(), name) == view.policies.end()) view.policies.push_back(name);
  };
  std::set<std::string> used;
  for (const Cell& cell : scenario.cells) used.insert(cell.policy);
  for (const scenarios::PolicyLabel& label : scenario.policies) {
    if (used.contains(label.name)) add_policy(label.name);
  }
  for (const Cell& cell : scenario.cells) add_policy(cell.policy);

  std::vector<std::string> forms;
  std::vector<std::string> members;
  const auto add = [](std::vector<std::string>& list, const std::string& item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  };
  for (const Cell& cell : scenario.cells) {
    add(forms, cell.form);
    add(members, cell.member);
    for (const scenarios::Expectation& expectation : cell.expectations) {
      ++view.expectations;
      if (expectation.met) continue;
      ++view.unmet_count;
      const auto same = std::find_if(view.unmet.begin(), view.unmet.end(), [&](const UnmetExpectation& u) {
        return u.expectation->text == expectation.text && u.expectation->detail == expectation.detail &&
               u.expectation->why == expectation.why;
      });
      if (same == view.unmet.end()) {
        view.unmet.push_back({&expectation, {&cell}});
      } else {
        same->cells.push_back(&cell);
      }
    }
  }
  for (const std::string& form : forms) {
    std::vector<std::vector<std::string>> alike;  // members, by table
    const std::size_t first = view.groups.size();
    for (const std::string& member : members) {
      Group group = make_group(scenario, view.policies, form, {member});
      if (group.verdicts.empty()) continue;
      std::size_t same = alike.size();
      for (std::size_t i = first; i < view.groups.size() && same == alike.size(); ++i) {
        if (!says_the_same(view.groups[i], group)) continue;
        same = static_cast<std::size_t>(
            std::find_if(alike.begin(), alike.end(), [&](const auto& list) { return list.front() == view.groups[i].member; }) -
            alike.begin());
      }
      if (same == alike.size()) {
        alike.push_back({member});
      } else {
        alike[same].push_back(member);
      }
      view.groups.push_back(std::move(group));
    }
    for (const std::vector<std::string>& list : alike) view.tables.push_back(make_group(scenario, view.policies, form, list));
  }
  view.findings = collect(view.groups, &Verdict::violations);
  view.notes = collect(view.groups, &Verdict::notes);
  return view;
}

}  // namespace unplug::reports
