#include "unplug/scenarios/run/never.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/load/entries.hpp"

namespace unplug::scenarios {
namespace {

bool is_last(const Program& p, std::uint32_t function) {
  return std::ranges::any_of(p.modules, [&](const ModuleSpec& m) { return m.remove == function || m.exit == function; });
}

template <class T> const T& at(const std::vector<T>& list, std::size_t i) {
  static const T nothing{};
  return i < list.size() ? list[i] : nothing;
}

bool was_entered(const Program& p, const Tally& t, std::uint32_t function) {
  const auto seen = [&](std::uint32_t site) { return site < t.sites_seen.size() && t.sites_seen[site]; };
  if (at(t.entries, function).entered || seen(p.functions[function].return_site)) return true;
  return std::ranges::any_of(p.functions[function].code, [&](const Instruction& i) { return i.site != no_site && seen(i.site); });
}

// Tasks of user space that never began, and what they asked for in vain.
void find_tasks(const Program& p, const Tally& t, std::vector<Never>& out) {
  std::map<std::string, bool> began;
  for (std::size_t i = 0; i < p.tasks.size(); ++i)
    if (p.tasks[i].kind == TaskSpec::Kind::user) began[p.tasks[i].role] = began[p.tasks[i].role] || (i < t.began.size() && t.began[i]);
  std::vector<std::string> done;
  for (const TaskSpec& task : p.tasks) {
    if (task.kind != TaskSpec::Kind::user || std::ranges::find(done, task.role) != done.end()) continue;
    done.push_back(task.role);
    if (!began[task.role]) {
      out.push_back({task.role, "never began: what it opens first never appeared", {}});
      continue;
    }
    for (const std::uint32_t s : sites_that_ask(p, task)) {
      const Tally::Asked& a = at(t.asked, s);
      if (a.succeeded || a.unanswered) continue;
      out.push_back({step_name(p.sites[s]), a.tried ? "never succeeded" : "was never reached", {}});
    }
  }
}

}  // namespace

void find_never(const Program& p, const Tally& t, Cell& c) {
  for (std::size_t i = 0; i < p.sites.size(); ++i) {
    const SiteSpec& s = p.sites[i];
    // Verbs that are no steps (labels, branches, declarations without access) need not be reached.
    const Verb* v = find_verb(s.verb);
    if (!s.driver) continue;
    if (v == nullptr || v->models.empty() || (v->operand == OperandKind::declaration && !v->acts)) continue;
    if (i >= t.sites_seen.size() || !t.sites_seen[i]) c.never_reached.push_back(step_name(s));
  }
  std::map<std::uint32_t, std::string> entries = entries_of(p);
  for (const auto& [function, how] : entries)
    if (!was_entered(p, t, function)) c.never.push_back({p.functions[function].name, how, {}});
  find_tasks(p, t, c.never);
  if (p.removal.empty()) return;
  if (!t.removal_began) {
    if (c.unload.refused == 0) c.never.push_back({removal_name(p.removal), "never began", {}});
    return;
  }
  for (std::uint32_t i = 0; i < t.entries.size(); ++i)
    if (t.entries[i].entered && !is_last(p, i)) entries.emplace(i, std::string{});
  for (const auto& [function, how] : entries) {
    const Tally::Entry& e = at(t.entries, function);
    if (!e.entered || e.overlapped) continue;
    if (e.kept_apart()) {
      const auto& by = e.waited_for.empty() ? e.waits : e.waited_for;
      c.kept_apart.push_back({with_removal(p, function), fmt::format("{}", fmt::join(by, ", "))});
    } else {
      c.never.push_back({with_removal(p, function), "never overlapped", {}});
    }
  }
}

CellVerdict verdict_of(const Cell& c) {
  if (!c.violations.empty()) return CellVerdict::fails;
  if (std::ranges::any_of(c.never, [](const Never& n) { return n.why.empty(); })) return CellVerdict::vacuous;
  return c.unload.refused != 0 ? CellVerdict::refused : CellVerdict::clean;
}

void judge_never(ScenarioResult& result, const std::vector<bool>& leaves_tasks_out) {
  const auto names = [](const Never& n) -> const std::string& { return n.what; };
  const auto has = [&](const Cell& c, const std::string& what) { return std::ranges::find(c.never, what, names) != c.never.end(); };
  std::vector<Cell> judged = result.cells;
  for (std::size_t i = 0; i < judged.size(); ++i) {
    Cell& c = judged[i];
    const auto comparable = [&](const Cell& other) {
      return other.form == c.form && other.policy == c.policy && (other.member == c.member || leaves_tasks_out[i]);
    };
    const auto by_another = [&](const auto& missing) {
      return std::ranges::any_of(result.cells, [&](const Cell& other) { return comparable(other) && !missing(other); });
    };
    std::erase_if(c.never, [&](const Never& n) { return by_another([&](const Cell& other) { return has(other, n.what); }); });
    std::erase_if(c.never_reached, [&](const std::string& step) {
      return by_another([&](const Cell& other) { return std::ranges::find(other.never_reached, step) != other.never_reached.end(); });
    });
  }
  result.cells = std::move(judged);
  for (Cell& c : result.cells) c.verdict = verdict_of(c);
}

}  // namespace unplug::scenarios
