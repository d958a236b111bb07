#include <algorithm>

#include <fmt/format.h>

#include "unplug/reports/html/html_parts.hpp"
#include "unplug/reports/page/format.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/view/phrases.hpp"

namespace unplug::reports {

namespace {

std::string shipped(const Verdict& verdict) {
  if (verdict.label == nullptr) return {};
  std::vector<std::string> parts;
  if (!verdict.label->shipped_by.empty()) parts.push_back(verdict.label->shipped_by);
  if (!verdict.label->since.empty()) parts.push_back(verdict.label->since);
  return join(parts, ", ");
}

// The first finding of that class that this verdict shows: where its details are.
std::string link_to_class(const ScenarioView& view, const Verdict& verdict, const std::string& violation_class, const std::string& id) {
  for (const FindingView& finding : view.findings) {
    if (finding.best->violation_class != violation_class) continue;
    for (const Seen& seen : verdict.violations) {
      if (seen.finding->signature == finding.best->signature) return finding_anchor(id, finding);
    }
  }
  return id;
}

std::vector<std::string> alarms(const Verdict& verdict, const SaidOnce& once) {
  std::vector<std::string> out;
  if (verdict.unreplayed_predictions != 0) {
    out.push_back(
        fmt::format("{} did not replay: a bug of unplug, please report it", counted(verdict.unreplayed_predictions, "prediction")));
  }
  if (verdict.refused)
    out.push_back(fmt::format("rmmod was refused in {} of {} executions", verdict.unload.refused, verdict.unload.attempted));
  const auto say = [&](const char* label, const std::vector<std::string>& list, const std::vector<std::string>& said) {
    if (const auto own = without(list, said); !own.empty()) out.push_back(label + join(own, "; "));
  };
  say("vacuous: ", verdict.never, once.never);
  say("not judged: ", verdict.not_judged, once.not_judged);
  say("never reached: ", verdict.never_reached, once.never_reached);
  return out;
}

std::vector<Node> wait_items(const Verdict& verdict) {
  std::vector<Node> out;
  for (const WaitedFor& whom : waited_for(verdict.waits)) {
    out.push_back(
        Node().text("phase", phase_name(whom.phase)).text("owner", whom.owner).flag("unbounded", !whom.bounded).text("calls", whom.calls));
  }
  return out;
}

Node verdict_node(const ScenarioView& view, const SaidOnce& once, const Verdict& verdict, const std::string& id) {
  Node row;
  row.text("policy", verdict.policy).text("shipped", shipped(verdict));
  std::vector<Node> classes;
  for (const ClassCount& count : verdict.classes) {
    classes.push_back(Node()
                          .text("name", count.violation_class)
                          .text("signatures", std::to_string(count.signatures))
                          .text("link", link_to_class(view, verdict, count.violation_class, id)));
  }
  row.list("classes", classes);
  const bool proved = verdict.standing == Standing::exhaustive && !verdict.refused;
  const bool said = verdict.standing > Standing::vacuous && !verdict.refused;
  row.text("proved", proved ? clean_word(verdict) : "").text("clean", proved || !said ? "" : clean_word(verdict));
  row.text("unsaid", said || verdict.standing == Standing::broken ? "" : clean_word(verdict));
  std::vector<std::string> evidence = without(evidence_sentences(verdict, once.bounds), once.evidence);
  for (const auto& [list, common] : {std::pair{&verdict.accepted, &once.accepted}, std::pair{&verdict.kept_apart, &once.kept_apart}})
    for (const std::string& fact : without(*list, *common)) evidence.push_back(list == &verdict.kept_apart ? "kept apart: " + fact : fact);
  row.list("evidence", evidence);
  row.list("alarms", alarms(verdict, once));
  const std::vector<Node> waits = wait_items(verdict);
  row.list("waits", waits).text("no_waits", !waits.empty() ? "" : verdict.waits.empty() ? "-" : "nobody");
  row.text("grace_periods", grace_period_cell(verdict.grace_periods));
  std::vector<std::string> operations = operations_phrases(verdict.operations);
  if (operations.empty()) operations.emplace_back(verdict.operations.started == 0 ? "-" : "none");
  row.list("operations", operations);
  const std::string rmmod = unload_word(verdict);
  const bool works = rmmod == "works" || rmmod == "-";
  row.text("rmmod_works", works ? rmmod : "").text("rmmod_flag", works ? "" : rmmod).text("rmmod_why", unload_remark(verdict));
  row.text("unbind", time_cell(verdict.unbind_ns));
  return row;
}

}  // namespace

std::vector<Node> answer_nodes(const ScenarioView& view) {
  std::vector<Node> out;
  for (const Answer& answer : answers(view)) {
    std::vector<Node> boxes;
    const auto box = [&boxes](const char* kind, const char* label, const std::vector<std::string>& policies) {
      if (!policies.empty()) boxes.push_back(Node().text("kind", kind).text("label", label).list("policies", policies));
    };
    box("breaks", "Breaks", answer.broken);
    box("vacuous", "Vacuous: nothing is said", answer.vacuous);
    box("refused", "Clean by refusal", answer.refused);
    box("sampled", "No failure, sampled", answer.sampled);
    box("bounded", "No failure, bounded", answer.bounded);
    box("exhaustive", "No failure, exhaustive", answer.exhaustive);
    out.push_back(Node().text("form", answer.form).list("boxes", boxes));
  }
  return out;
}

std::vector<Node> table_nodes(const ScenarioView& view, const std::string& id) {
  std::vector<Node> out;
  for (const Group& group : view.tables) {
    const SaidOnce once = said_once(group);
    std::vector<Node> rows;
    for (const Verdict& verdict : group.verdicts) rows.push_back(verdict_node(view, once, verdict, id));
    std::vector<std::string> lines;
    const auto line = [&lines](const char* label, const std::vector<std::string>& items, const char* separator) {
      if (!items.empty()) lines.push_back(label + join(items, separator));
    };
    line("All within: ", once.bounds, "; ");
    line("All: ", once.evidence, "; ");
    line("Vacuous, under all policies: ", once.never, "; ");
    line("Not judged: ", once.not_judged, "; ");
    line("Never reached, under any policy: ", once.never_reached, "; ");
    line("", once.accepted, "; ");
    line("Kept apart: ", once.kept_apart, "; ");
    Node table;
    const std::string title = group_title(group.form, group.member);
    table.text("heading", title.empty() ? "Policies side by side" : "Policies side by side: " + title);
    table.flag("caption", !lines.empty()).list("lines", lines).list("rows", rows);
    out.push_back(table);
  }
  return out;
}

Node matrix_node(const ScenarioView& view, const std::string& id) {
  std::vector<Node> rows;
  for (const FindingView& finding : view.findings) {
    std::vector<Node> cells;
    for (const std::string& policy : view.policies) {
      const scenarios::Finding* best = nullptr;
      for (const FindingView::Under& under : finding.under) {
        if (under.verdict->policy == policy && (best == nullptr || simpler(*under.seen.finding, *best))) best = under.seen.finding;
      }
      const std::string shown = best == nullptr ? "" : best->preemptions ? std::to_string(*best->preemptions) : "yes";
      cells.push_back(Node().text("shown", shown));
    }
    rows.push_back(Node().text("headline", headline(*finding.best)).text("link", finding_anchor(id, finding)).list("cells", cells));
  }
  return Node().list("columns", view.policies).list("rows", rows);
}

std::vector<Node> wait_nodes(const ScenarioView& view) {
  std::vector<Node> out;
  for (const Group& group : view.tables) {
    for (const Verdict& verdict : group.verdicts) {
      for (const scenarios::Wait& wait : verdict.waits) {
        Node row;
        row.text("policy", verdict.policy).text("where", group_title(group.form, group.member)).text("phase", phase_name(wait.phase));
        row.text("what", wait.what).text("function", wait.function).text("owner", wait.owner).flag("unbounded", !wait.bounded);
        row.text("waited_for", join(wait.waited_for, ", ")).text("reached", std::to_string(wait.executions));
        row.text("blocked", std::to_string(wait.blocked)).text("ns", wait.ns.count == 0 ? "-" : duration_range(wait.ns.p50, wait.ns.max));
        out.push_back(row);
      }
    }
  }
  return out;
}

std::vector<Node> cell_nodes(const ScenarioView& view) {
  std::vector<Node> out;
  for (const scenarios::Cell& cell : view.scenario->cells) {
    Node row;
    row.text("policy", cell.policy).text("where", group_title(cell.form, cell.member)).text("strategy", cell.strategy);
    row.text("seed", std::to_string(cell.seed)).text("executions", std::to_string(cell.executions));
    row.text("traces", cell.evidence.distinct_traces == 0 ? "-" : std::to_string(cell.evidence.distinct_traces));
    row.text("started", std::to_string(cell.operations.started)).text("refused", std::to_string(cell.operations.refused_at_entry));
    row.text("torn", std::to_string(cell.operations.torn)).text("failed", std::to_string(cell.operations.failed));
    row.text("unfinished", std::to_string(cell.operations.unfinished));
    out.push_back(row);
  }
  return out;
}

}  // namespace unplug::reports
