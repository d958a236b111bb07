#include "unplug/scenarios/result/changes.hpp"

#include <algorithm>
#include <climits>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "unplug/model/core/violation_class.hpp"

namespace unplug::scenarios {
namespace {

struct Seen {
  bool note = false;
  Change::Reached reached{UINT_MAX, false};
};

std::map<std::string, Seen> gather(std::span<const Cell* const> cells) {
  std::map<std::string, Seen> out;
  for (const Cell* c : cells) {
    for (const auto* list : {&c->violations, &c->notes}) {
      for (const Finding& f : *list) {
        Seen& s = out[fmt::format("{}({})@{}", f.violation_class, f.object, f.offender.function)];
        s.note = f.note;
        const unsigned n = f.preemptions.value_or(UINT_MAX);
        // What a search has shown counts more than what a sample happened to need.
        if (std::pair(!f.fewest, n) < std::pair(!s.reached.fewest, s.reached.preemptions)) s.reached = {n, f.fewest};
      }
    }
  }
  return out;
}

std::string evidence(std::span<const Cell* const> cells) {
  std::string out;
  for (const Cell* c : cells) {
    if (c->evidence.kind == Evidence::Kind::exhaustive) return fmt::format("exhaustive, {} traces", c->executions);
    if (!out.empty()) out += "; ";
    out += fmt::format("{} executions ({})", c->executions, c->strategy);
  }
  return out;
}

// What a verdict without a finding leaves open.
std::string but(std::span<const Cell* const> cells) {
  for (const Cell* c : cells)
    if (c->verdict == CellVerdict::vacuous)
      for (const Never& n : c->never)
        if (n.why.empty()) return fmt::format("vacuous: {} {}", n.what, n.how);
  for (const Cell* c : cells)
    if (c->verdict == CellVerdict::refused)
      return fmt::format("clean by refusal: rmmod was refused in {} of {} executions", c->unload.refused, c->unload.attempted);
  return {};
}

using Key = std::tuple<std::string, std::string, std::string, std::string>;  // scenario, member, form, policy

std::map<Key, std::vector<const Cell*>> by_key(const Result& r) {
  std::map<Key, std::vector<const Cell*>> out;
  for (const ScenarioResult& s : r.scenarios)
    for (const Cell& c : s.cells) out[{s.name, c.member, c.form, c.policy}].push_back(&c);
  return out;
}

}  // namespace

bool Changes::introduces() const {
  return std::ranges::any_of(list, [](const Change& c) { return c.kind == Change::Kind::introduces && !c.note; });
}

Changes changes(std::span<const Cell* const> before, std::span<const Cell* const> after) {
  Changes out;
  const auto was = gather(before), is = gather(after);
  for (const auto& [violation, seen] : was) {
    const auto still = is.find(violation);
    Change c{Change::Kind::fixes, violation, seen.note, seen.reached, {}};
    if (still != is.end()) {
      c.after = still->second.reached;
      c.kind = c.before == c.after ? Change::Kind::leaves : Change::Kind::moves;
    }
    out.list.push_back(std::move(c));
  }
  for (const auto& [violation, seen] : is)
    if (!was.contains(violation)) out.list.push_back({Change::Kind::introduces, violation, seen.note, {}, seen.reached});
  std::ranges::stable_sort(out.list, {}, [](const Change& c) {
    return std::pair(c.kind, model::fear_rank(std::string_view(c.violation).substr(0, c.violation.find('('))));
  });
  out.but_before = but(before);
  out.but_after = but(after);
  for (const auto& cells : {before, after})
    for (const Cell* c : cells)
      for (const std::string& n : c->not_judged)
        if (std::ranges::find(out.not_judged, n) == out.not_judged.end()) out.not_judged.push_back(n);
  out.evidence_before = evidence(before);
  out.evidence_after = evidence(after);
  return out;
}

std::vector<Changes> changes(const Result& before, const Result& after) {
  const auto was = by_key(before), is = by_key(after);
  std::vector<Changes> out;
  for (const auto& [key, cells] : was) {
    const auto other = is.find(key);
    if (other == is.end()) continue;
    Changes c = changes(cells, other->second);
    std::string form;
    std::tie(c.scenario, c.member, form, c.policy) = key;
    if (!form.empty()) c.member += fmt::format("{}form={}", c.member.empty() ? "" : ", ", form);
    out.push_back(std::move(c));
  }
  return out;
}

}  // namespace unplug::scenarios
