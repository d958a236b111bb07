#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "unplug/scenarios/load/sections.hpp"
#include "unplug/scenarios/run/never.hpp"
#include "unplug/scenarios/run/runner.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::scenarios {
namespace {

// Where core code has touched a freed item, the pattern may name the function that the item is for; of two steps that are each at fault
// with the other, either.
bool matches(const Pattern& p, const Finding& f) {
  if (p.matches(f.violation_class, f.object, f.offender.function)) return true;
  const auto also = [&](const std::string& function) { return !function.empty() && p.matches(f.violation_class, f.object, function); };
  return also(f.serves) || also(f.also_at);
}

bool any(const std::vector<Pattern>& patterns, const Finding& f) {
  return std::ranges::any_of(patterns, [&](const Pattern& p) { return matches(p, f); });
}

int strength(std::string_view kind) { return kind == "exhaustive" ? 2 : kind == "bounded" ? 1 : 0; }

std::string who(const Finding& f) { return fmt::format("{}({})@{}", f.violation_class, f.object, f.offender.function); }

// Member, form and policy: one verdict, whatever strategies its cells are of.
struct Spot {
  std::vector<std::size_t> cells;
};

class Judge {
 public:
  Judge(const Scenario& s, ScenarioResult& result) : scenario_(s), result_(result), rows_(result.cells.size()) {
    std::map<std::tuple<std::string, std::string, std::string>, std::size_t> by_key;
    for (std::size_t i = 0; i < result.cells.size(); ++i) {
      const Cell& c = result.cells[i];
      const auto [at, fresh] = by_key.emplace(std::tuple(c.member, c.form, c.policy), spots_.size());
      if (fresh) spots_.emplace_back();
      spots_[at->second].cells.push_back(i);
    }
  }

  void judge() {
    for (Cell& c : result_.cells)
      for (const Cell::Required& r : c.required)
        c.expectations.push_back({fmt::format("some execution ends with {}", r.text), {}, r.seen, r.seen ? std::string{} : "none did"});
    if (scenario_.expect.empty()) return;
    for (const ExpectRow& row : scenario_.expect) judge_row(row);
    judge_the_rest();
  }

 private:
  [[nodiscard]] Cell& first(const Spot& s) { return result_.cells[s.cells.front()]; }
  [[nodiscard]] const Member& member_of(const Cell& c) const { return *std::ranges::find(scenario_.members, c.member, &Member::name); }
  template <class Test> [[nodiscard]] const Finding* find(const Spot& s, Test&& test) const {
    for (const std::size_t i : s.cells)
      for (const auto* list : {&result_.cells[i].violations, &result_.cells[i].notes})
        for (const Finding& f : *list)
          if (test(f)) return &f;
    return nullptr;
  }
  [[nodiscard]] std::string where(const Spot& s) {
    const Cell& c = first(s);
    std::string out;
    for (const std::string& part : {c.form.empty() ? "" : "form " + c.form, c.member, c.policy})
      if (!part.empty()) out += (out.empty() ? "" : ", ") + part;
    return out;
  }

  void judge_row(const ExpectRow& row) {
    std::vector<Spot*> spots;
    for (Spot& s : spots_) {
      if (!row.speaks_of(member_of(first(s)), first(s).form, first(s).policy)) continue;
      spots.push_back(&s);
      for (const std::size_t i : s.cells) rows_[i].push_back(&row);
    }
    if (spots.empty()) return;  // a policy or form that this run left out
    for (const Pattern& p : row.must) must(row, p, spots);
    if (row.must.empty() && (row.must_given || (row.may.empty() && row.never.empty()))) clean(row, spots);
    for (const Pattern& p : row.forbid) forbid(row, p, spots);
    for (const std::string& what : row.never) never(row, what, spots);
    for (const Spot* s : spots)
      for (const std::size_t i : s->cells) counts_and_evidence(row, result_.cells[i]);
  }

  // What was found there that is most like it.
  [[nodiscard]] std::string instead_of(const Pattern& p, const Spot& s) const {
    const auto any_of = [](const std::string& word) { return word.empty() || word == "*"; };
    const std::array tests{
        std::function([&](const Finding& f) { return p.matches(f.violation_class, f.object, p.function); }),
        std::function([&](const Finding& f) { return f.violation_class == p.violation_class && !any_of(p.violation_class); }),
        std::function([&](const Finding& f) { return f.object == p.object && !any_of(p.object); }),
        std::function([](const Finding& f) { return !f.note; })};
    for (const auto& test : tests)
      if (const Finding* f = find(s, test)) return "found instead: " + who(*f);
    return "nothing was found";
  }

  void must(const ExpectRow& row, const Pattern& p, const std::vector<Spot*>& spots) {
    std::vector<Spot*> missing;
    for (Spot* s : spots)
      if (find(*s, [&](const Finding& f) { return matches(p, f); }) == nullptr) missing.push_back(s);
    const bool met = row.in_any ? missing.size() < spots.size() : missing.empty();
    std::string text = fmt::format("must {}", p.text);
    if (row.in_any) text += " (in any of them)";
    std::string detail;
    if (!met) {
      detail = fmt::format("not found; {}", instead_of(p, *missing.front()));
      if (missing.size() > 1 && !row.in_any) detail += fmt::format("; nor in {} more: {}", missing.size() - 1, where(*missing[1]));
    }
    first(met ? *spots.front() : *missing.front()).expectations.push_back({text, row.why, met, detail});
  }

  void clean(const ExpectRow& row, const std::vector<Spot*>& spots) {
    Spot* bad = nullptr;
    std::string detail;
    for (Spot* s : spots) {
      const Finding* f = row.may.empty() ? find(*s, [](const Finding& x) { return !x.note; }) : nullptr;
      const Cell& c = first(*s);
      if (f != nullptr) {
        detail = "found " + who(*f);
      } else if (std::ranges::all_of(s->cells, [&](std::size_t i) { return result_.cells[i].verdict == CellVerdict::vacuous; })) {
        const auto n = std::ranges::find_if(c.never, [](const Never& x) { return x.why.empty(); });
        detail = fmt::format("vacuous: {} {}", n->what, n->how);
        if (const auto more = std::ranges::count_if(c.never, [](const Never& x) { return x.why.empty(); }) - 1; more > 0)
          detail += fmt::format(", and {} more", more);
      } else {
        continue;
      }
      bad = s;
      break;
    }
    if (bad == nullptr && !row.may.empty()) return;  // that there is nothing else is judged with the rest
    first(bad == nullptr ? *spots.front() : *bad)
        .expectations.push_back({row.may.empty() ? "no violation" : "a verdict that is not vacuous", row.why, bad == nullptr, detail});
  }

  void forbid(const ExpectRow& row, const Pattern& p, const std::vector<Spot*>& spots) {
    for (Spot* s : spots) {
      const Finding* f = find(*s, [&](const Finding& x) { return matches(p, x); });
      if (f == nullptr) continue;
      first(*s).expectations.push_back({fmt::format("forbid {}", p.text), row.why, false, "found " + who(*f)});
      return;
    }
    first(*spots.front()).expectations.push_back({fmt::format("forbid {}", p.text), row.why, true, {}});
  }

  // What a file accepts as never happening, and happens, is no longer true.
  void never(const ExpectRow& row, const std::string& what, const std::vector<Spot*>& spots) {
    const bool met = std::ranges::any_of(spots, [&](const Spot* s) {
      return std::ranges::any_of(s->cells, [&](std::size_t i) {
        return std::ranges::any_of(result_.cells[i].never, [&](const Never& n) { return n.what == what; });
      });
    });
    first(*spots.front()).expectations.push_back({fmt::format("never {}", what), row.why, met, met ? std::string{} : "it happens"});
  }

  static void counts_and_evidence(const ExpectRow& row, Cell& c) {
    const auto count = [&](std::string_view what, const std::optional<std::uint64_t>& expected, std::uint64_t found) {
      if (!expected) return;
      const bool whole = c.evidence.kind == Evidence::Kind::exhaustive;
      c.expectations.push_back({fmt::format("{} {}", *expected, what), row.why, whole && found == *expected,
                                !whole               ? "the search was not exhaustive"
                                : found == *expected ? std::string{}
                                                     : fmt::format("found {}", found)});
    };
    count("executions", row.executions, c.executions);
    count("blocked executions", row.blocked, c.blocked);
    count("failing executions", row.failing, c.failing);
    count("final states", row.states, c.final_states);
    if (row.evidence.empty()) return;
    // Beside a search, executions under `timed` are there for the times.
    if (!sim::searches(c.strategy) && sim::make_strategy(c.strategy)->obeys_time() && row.evidence != "sampled") return;
    static constexpr std::array<std::string_view, 3> kinds{"sampled", "bounded", "exhaustive"};
    const std::string_view have = kinds[static_cast<std::size_t>(c.evidence.kind)];
    // Sampling that was cut now and then ("bounded") is less than sampling; a search that was cut is not.
    const bool cut = have == "bounded" && !sim::searches(c.strategy);
    const bool enough = strength(have) >= strength(row.evidence) && !(row.evidence == "sampled" && cut);
    c.expectations.push_back(
        {fmt::format("evidence {}", row.evidence), row.why, enough, enough ? std::string{} : fmt::format("evidence is {}", have)});
  }

  // Closed world: what no row allows is unexpected, also where no row speaks of.
  void judge_the_rest() {
    for (std::size_t i = 0; i < result_.cells.size(); ++i) {
      Cell& c = result_.cells[i];
      std::set<std::string> said;
      const auto unexpected = [&](std::string text, std::string detail) {
        if (said.insert(detail).second) c.expectations.push_back({std::move(text), {}, false, std::move(detail)});
      };
      if (rows_[i].empty()) {
        for (const Finding& f : c.violations) unexpected("a row of \"expect\" that speaks of this cell", "unexpected " + who(f));
        if (c.verdict == CellVerdict::vacuous)
          unexpected("a row of \"expect\" that speaks of this cell",
                     fmt::format("vacuous: {} {}", c.never.front().what, c.never.front().how));
        continue;
      }
      for (const Finding& f : c.violations) {
        const bool allowed = std::ranges::any_of(rows_[i], [&](const ExpectRow* r) { return any(r->must, f) || any(r->may, f); });
        if (!allowed) unexpected(fmt::format("nothing but what is listed ({})", c.policy), "unexpected " + who(f));
      }
      if (c.unreplayed_predictions != 0)
        c.expectations.push_back({"every prediction replays", {}, false, fmt::format("{} did not", c.unreplayed_predictions)});
    }
  }

  const Scenario& scenario_;
  ScenarioResult& result_;
  std::vector<Spot> spots_;
  std::vector<std::vector<const ExpectRow*>> rows_;  // by cell
};

}  // namespace

void judge_expectations(const Scenario& s, ScenarioResult& result) { Judge(s, result).judge(); }

void accept_never(const Scenario& s, ScenarioResult& result) {
  for (Cell& c : result.cells) {
    const Member& member = *std::ranges::find(s.members, c.member, &Member::name);
    for (const ExpectRow& row : s.expect) {
      if (row.never.empty() || !row.speaks_of(member, c.form, c.policy)) continue;
      for (Never& n : c.never)
        if (n.why.empty() && std::ranges::find(row.never, n.what) != row.never.end()) n.why = row.why;
    }
  }
}

bool as_expected(const Result& result) {
  for (const ScenarioResult& s : result.scenarios) {
    const bool judged = std::ranges::any_of(s.cells, [](const Cell& x) { return !x.expectations.empty(); });
    for (const Cell& c : s.cells) {
      if (!judged && (c.verdict == CellVerdict::fails || c.verdict == CellVerdict::vacuous)) return false;
      if (std::ranges::any_of(c.expectations, [](const Expectation& e) { return !e.met; })) return false;
    }
  }
  return true;
}

}  // namespace unplug::scenarios
