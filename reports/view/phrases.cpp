#include "unplug/reports/view/phrases.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "unplug/reports/page/format.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::reports {

namespace {

using scenarios::Evidence;
using scenarios::Wait;

// Below this many executions the rule of three is not a 95 % bound.
constexpr std::uint64_t rule_of_three_least = 30;
// The calls named per owner in one sentence; the full table names all.
constexpr std::size_t calls_named = 2;
constexpr std::string_view timed = "timed";

std::string branches(unsigned n) { return fmt::format(" ({})", counted(n, "branch", "branches")); }

}  // namespace

std::string headline(const scenarios::Finding& finding) {
  std::string out = finding.violation_class;
  if (!finding.offender.function.empty()) out += " @ " + finding.offender.function;
  if (!finding.object.empty()) out += " (" + finding.object + ")";
  return out;
}

std::string preemptions(const scenarios::Finding& finding) {
  if (!finding.preemptions) return {};
  if (*finding.preemptions == 0) return "no preemption";
  return counted(*finding.preemptions, "preemption") + (finding.fewest ? "" : " or fewer");
}

std::string place(const scenarios::Place& place) {
  std::string out = place.source;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : " ") + text; };
  if (!place.function.empty()) add(place.step.empty() ? place.function : place.function + ":");
  if (!place.step.empty()) add(place.step);
  // The verb alone says nothing that the step id doesn't.
  if (!place.operation.empty() && !place.step.starts_with(place.operation)) add("(" + place.operation + ")");
  if (!place.task.empty()) add("[" + place.task + "]");
  if (place.time_ns) add("at " + duration(*place.time_ns));
  return out;
}

std::string call_chain(const scenarios::Place& place) {
  return place.call_chain.size() < 2 ? std::string() : join(place.call_chain, " < ");
}

std::string clean_word(const Verdict& verdict) {
  const std::string refused = verdict.refused ? "clean by refusal: " : "";
  switch (verdict.standing) {
    case Standing::exhaustive: return refused + "no failing trace";
    case Standing::bounded: return refused + "no failure in bounds";
    case Standing::sampled: return refused + "no failure found";
    case Standing::vacuous: return "vacuous";
    case Standing::broken: break;
  }
  return "";
}

std::vector<std::string> without(std::vector<std::string> list, const std::vector<std::string>& said_before) {
  std::erase_if(list,
                [&](const std::string& item) { return std::find(said_before.begin(), said_before.end(), item) != said_before.end(); });
  return list;
}

std::vector<std::string> evidence_sentences(const Verdict& verdict, const std::vector<std::string>& said_before) {
  std::vector<std::string> sentences;
  const bool searched =
      std::any_of(verdict.cells.begin(), verdict.cells.end(), [](const scenarios::Cell* c) { return c->strategy != timed; });
  for (const scenarios::Cell* cell : verdict.cells) {
    const Evidence& evidence = cell->evidence;
    const bool several =
        std::any_of(verdict.cells.begin(), verdict.cells.end(), [&](const scenarios::Cell* c) { return c->member != cell->member; });
    const char* each = several ? " each" : "";
    std::string out;
    if (searched && cell->strategy == timed) {
      // Beside a strategy that searches, `timed` is there for the times: no evidence worth a sentence unless it saw something.
      out = fmt::format("times from {}{} ({})", counted(evidence.executions, "execution"), each, cell->strategy);
      if (!cell->violations.empty()) out += fmt::format(", {}", counted(cell->violations.size(), "signature"));
      if (std::find(sentences.begin(), sentences.end(), out) == sentences.end()) sentences.push_back(out);
      continue;
    }
    switch (evidence.kind) {
      case Evidence::Kind::sampled:
        out = fmt::format("sampled {}{} ({})", counted(evidence.executions, "execution"), each, cell->strategy);
        if (evidence.searched != 0) out += fmt::format(" beside the first {}", counted(evidence.searched, "trace"));
        if (evidence.distinct_traces != 0)
          out += fmt::format(", {}, {}", counted(evidence.distinct_traces, "distinct trace"),
                             evidence.new_at_the_end == 0 ? "none new in the last tenth"
                                                          : fmt::format("{} new in the last tenth", evidence.new_at_the_end));
        break;
      case Evidence::Kind::bounded:
        // The bounds say which strategy it was, if it was one of preemption.
        out = fmt::format("bounded{}: {}{}", sim::preemption_bound(cell->strategy) ? std::string{} : fmt::format(" ({})", cell->strategy),
                          counted(evidence.executions, sim::unit_of(cell->strategy)), each);
        break;
      case Evidence::Kind::exhaustive:
        out = fmt::format("exhaustive ({}): all {}{}", cell->strategy, counted(evidence.executions, sim::unit_of(cell->strategy)), each);
        break;
    }
    if (cell->final_states + cell->stuck_states > 1 || cell->stuck_states != 0)
      out += fmt::format(", {}", counted(cell->final_states + cell->stuck_states, "final state"));
    if (cell->stuck_states != 0) out += fmt::format(" ({} with a thread that waits for ever)", cell->stuck_states);
    if (!cell->violations.empty()) {
      out += fmt::format(", {}", counted(cell->violations.size(), "signature"));
    } else {
      out += ", none failed";
      if (evidence.kind == Evidence::Kind::sampled && evidence.executions >= rule_of_three_least)
        out += fmt::format(": rate < 3/{}", evidence.executions);
    }
    if (const std::vector<std::string> own = without(evidence.bounds, said_before); !own.empty()) out += "; within: " + join(own, "; ");
    if (std::find(sentences.begin(), sentences.end(), out) == sentences.end()) sentences.push_back(out);
  }
  return sentences;
}

std::string phase_name(Wait::Phase phase) {
  switch (phase) {
    case Wait::Phase::remove: return "remove()";
    case Wait::Phase::devres: return "devres";
    case Wait::Phase::module_exit: return "module exit";
    case Wait::Phase::module_free: return "module free";
  }
  return {};
}

std::vector<WaitedFor> waited_for(const std::vector<Wait>& waits) {
  struct Calls {
    WaitedFor whom;
    std::vector<std::string> calls;
  };
  std::vector<Calls> all;
  for (const Wait& wait : waits) {
    if (wait.blocked == 0) continue;
    const auto same = std::find_if(all.begin(), all.end(), [&](const Calls& c) {
      return c.whom.phase == wait.phase && c.whom.owner == wait.owner && c.whom.bounded == wait.bounded;
    });
    if (same == all.end()) {
      all.push_back({{wait.phase, wait.owner, wait.bounded, {}}, {wait.what}});
    } else if (std::find(same->calls.begin(), same->calls.end(), wait.what) == same->calls.end()) {
      same->calls.push_back(wait.what);
    }
  }
  std::vector<WaitedFor> out;
  for (Calls& item : all) {
    if (item.calls.size() > calls_named + 1) {
      const std::size_t more = item.calls.size() - calls_named;
      item.calls.resize(calls_named);
      item.calls.push_back(fmt::format("{} more", more));
    }
    item.whom.calls = join(item.calls, ", ");
    out.push_back(std::move(item.whom));
  }
  return out;
}

std::string waits_sentence(const std::vector<Wait>& waits, Wait::Phase phase) {
  std::vector<std::string> parts;
  for (const WaitedFor& whom : waited_for(waits)) {
    if (whom.phase == phase) parts.push_back(fmt::format("{}{} [{}]", whom.owner, whom.bounded ? "" : " without bound", whom.calls));
  }
  return join(parts, "; ");
}

std::vector<std::string> operations_phrases(const scenarios::Operations& operations) {
  std::vector<std::string> out;
  if (operations.refused_at_entry != 0) {
    out.push_back(
        fmt::format("{} of {} refused at entry{}", operations.refused_at_entry, operations.started, branches(operations.entry_branches)));
  }
  if (operations.torn != 0) {
    out.push_back(fmt::format("{} of {} torn in mid-operation{}", operations.torn, operations.started, branches(operations.torn_branches)));
  }
  return out;
}

namespace {

bool module_pinned(const Verdict& verdict) {
  const auto is = [](const Seen& seen) { return seen.finding->violation_class == "module-pinned"; };
  return std::any_of(verdict.notes.begin(), verdict.notes.end(), is) ||
         std::any_of(verdict.violations.begin(), verdict.violations.end(), is);
}

}  // namespace

std::string unload_word(const Verdict& verdict) {
  const scenarios::Unload& unload = verdict.unload;
  if (unload.attempted == 0) return module_pinned(verdict) ? "pinned" : verdict.rmmod_ns ? "works" : "-";
  if (unload.refused == 0) return "works";
  return unload.refused == unload.attempted ? "pinned" : "varies";
}

std::string unload_remark(const Verdict& verdict) {
  const scenarios::Unload& unload = verdict.unload;
  if (unload.refused != 0) {
    return unload.refused == unload.attempted ? "always refused"
                                              : fmt::format("refused in {} of {} executions", unload.refused, unload.attempted);
  }
  return unload.done_while_open != 0 ? "also with a file still open" : "";
}

std::string time_cell(const std::optional<scenarios::Quantiles>& ns) { return ns ? duration_range(ns->p50, ns->max) : "-"; }

std::string grace_period_cell(const scenarios::Quantiles& count) { return count.count == 0 ? "-" : count_range(count.p50, count.max); }

std::string group_title(const std::string& form, const std::string& member) {
  std::string out = form.empty() ? "" : "form " + form;
  if (!member.empty()) out += (out.empty() ? "" : ", ") + member;
  return out;
}

namespace {

// Narrows `common` to what is in `more` too; nothing in it yet means anything goes.
void intersect(std::optional<std::vector<std::string>>& common, const std::vector<std::string>& more) {
  common = common ? without(*common, without(*common, more)) : more;
}

}  // namespace

SaidOnce said_once(const Group& group) {
  std::optional<std::vector<std::string>> bounds, evidence;
  SaidOnce once;
  for (const Verdict& verdict : group.verdicts)
    for (const scenarios::Cell* cell : verdict.cells) intersect(bounds, cell->evidence.bounds);
  once.bounds = bounds.value_or(std::vector<std::string>{});
  const auto common = [&](std::vector<std::string> Verdict::*list) {
    std::optional<std::vector<std::string>> said;
    for (const Verdict& verdict : group.verdicts) intersect(said, verdict.*list);
    return said.value_or(std::vector<std::string>{});
  };
  once.never_reached = common(&Verdict::never_reached);
  once.never = common(&Verdict::never);
  once.accepted = common(&Verdict::accepted);
  once.kept_apart = common(&Verdict::kept_apart);
  once.not_judged = common(&Verdict::not_judged);
  if (group.verdicts.size() < 2) return once;
  for (const Verdict& verdict : group.verdicts) {
    std::vector<std::string> sentences = evidence_sentences(verdict, once.bounds);
    sentences.erase(sentences.begin());
    intersect(evidence, sentences);
  }
  once.evidence = *evidence;
  return once;
}

std::vector<const FindingView::Under*> simplest(const FindingView& finding) {
  std::vector<const FindingView::Under*> out;
  for (const FindingView::Under& under : finding.under) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const auto* other) {
      return other->verdict->policy == under.verdict->policy && other->group->form == under.group->form;
    });
    if (same == out.end()) {
      out.push_back(&under);
    } else if (simpler(*under.seen.finding, *(*same)->seen.finding)) {
      *same = &under;
    }
  }
  return out;
}

std::string under_title(const FindingView::Under& under) {
  return under.verdict->policy + (under.group->form.empty() ? "" : ", form " + under.group->form);
}

std::string where_shown(const ScenarioView& view, const FindingView& finding, const std::string& form, const std::string& policy) {
  std::size_t ran = 0;
  for (const Group& group : view.groups) {
    for (const Verdict& verdict : group.verdicts) ran += group.form == form && verdict.policy == policy ? 1 : 0;
  }
  std::size_t shown = 0;
  std::string first;
  for (const FindingView::Under& under : finding.under) {
    if (under.group->form == form && under.verdict->policy == policy && shown++ == 0) first = under.group->member;
  }
  if (shown == ran) return {};
  return shown == 1 ? "only in " + first : fmt::format("in {} of {}: {}, ...", shown, ran, first);
}

std::vector<Answer> answers(const ScenarioView& view) {
  std::vector<Answer> out;
  for (const Group& group : view.groups) {
    if (std::none_of(out.begin(), out.end(), [&](const Answer& a) { return a.form == group.form; }))
      out.push_back({group.form, {}, {}, {}, {}, {}, {}});
  }
  for (Answer& answer : out) {
    for (const std::string& policy : view.policies) {
      std::size_t members = 0;
      std::size_t broken = 0, vacuous = 0;
      bool refused = false;
      Standing weakest = Standing::exhaustive;
      for (const Group& group : view.groups) {
        if (group.form != answer.form) continue;
        for (const Verdict& verdict : group.verdicts) {
          if (verdict.policy != policy) continue;
          ++members;
          if (verdict.standing == Standing::broken) ++broken;
          if (verdict.standing == Standing::vacuous) ++vacuous;
          refused = refused || verdict.refused;
          weakest = std::min(weakest, verdict.standing);
        }
      }
      if (members == 0) continue;
      // "breaks none" would say that nothing breaks.
      std::string name = policy == "none" ? "policy none" : policy;
      const std::size_t some = weakest == Standing::broken ? broken : weakest == Standing::vacuous ? vacuous : members;
      if (some != members) name += fmt::format(" (in {} of {} members)", some, members);
      if (refused && weakest > Standing::vacuous) {
        static constexpr std::array<std::string_view, 3> evidence{"sampled", "bounded", "exhaustive"};
        answer.refused.push_back(
            fmt::format("{} ({})", name, evidence[static_cast<std::size_t>(weakest) - static_cast<std::size_t>(Standing::sampled)]));
        continue;
      }
      switch (weakest) {
        case Standing::broken: answer.broken.push_back(name); break;
        case Standing::vacuous: answer.vacuous.push_back(name); break;
        case Standing::sampled: answer.sampled.push_back(name); break;
        case Standing::bounded: answer.bounded.push_back(name); break;
        case Standing::exhaustive: answer.exhaustive.push_back(name); break;
      }
    }
  }
  return out;
}

}  // namespace unplug::reports
