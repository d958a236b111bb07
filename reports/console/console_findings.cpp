#include "unplug/reports/console/console_findings.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "unplug/reports/page/format.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/view/phrases.hpp"

namespace unplug::reports {

namespace {

constexpr std::size_t indent = 4;
constexpr std::size_t label_column = 11;

void write_place(Page& page, const char* label, const std::optional<scenarios::Place>& where, bool chain) {
  if (!where || place(*where).empty()) return;
  page.entry_at(label, label_column, place(*where), Style::plain, indent);
  if (const std::string calls = call_chain(*where); chain && !calls.empty())
    page.entry_at("", label_column, "in " + calls, Style::plain, indent);
}

void write_finding(Page& page, const FindingView& finding, const ScenarioView& view, bool whole) {
  const scenarios::Finding& best = *finding.best;
  std::string title = headline(best);
  if (const std::string cost = preemptions(best); !cost.empty()) title += ", " + cost;
  page.entry(fmt::format("[{}]", finding.number), title, Style::bad, 0);
  if (!best.message.empty()) page.line(best.message, Style::plain, indent);
  write_place(page, "at", best.offender, true);
  write_place(page, "ended by", best.ended_by, whole);
  if (whole) write_place(page, "created by", best.created_by, true);
  if (!best.feasibility.empty()) page.entry_at("needs", label_column, best.feasibility, Style::plain, indent);
  for (const FindingView::Under* under : simplest(finding)) {
    const scenarios::Finding& seen = *under->seen.finding;
    std::string text = under_title(*under);
    if (const std::string cost = preemptions(seen); !cost.empty()) text += ", " + cost;
    if (const std::string where = where_shown(view, finding, under->group->form, under->verdict->policy); !where.empty())
      text += " (" + where + ")";
    page.entry_at("under", label_column, text, Style::plain, indent);
    if (!seen.replay_command.empty()) page.command(seen.replay_command, indent + 2);
  }
}

}  // namespace

void write_findings(Page& page, const ScenarioView& view, bool whole) {
  if (!view.findings.empty()) {
    page.gap();
    page.line(fmt::format("findings: {}", counted(view.findings.size(), "signature")), Style::strong);
    for (const FindingView& finding : view.findings) {
      page.gap();
      write_finding(page, finding, view, whole);
    }
  }
  if (view.notes.empty()) return;
  page.gap();
  page.line("notes (weird, not wrong, unless the scenario forbids them)", Style::strong);
  for (const FindingView& note : view.notes) {
    std::vector<std::string> policies;
    for (const FindingView::Under* under : simplest(note))
      if (std::find(policies.begin(), policies.end(), under->verdict->policy) == policies.end()) policies.push_back(under->verdict->policy);
    std::string text = headline(*note.best);
    if (!note.best->message.empty()) text += ": " + note.best->message;
    page.entry("-", fmt::format("{} [{}]", text, join(policies, ", ")), Style::plain, 2);
  }
}

void write_expectations(Page& page, const ScenarioView& view) {
  if (view.expectations == 0) return;
  page.gap();
  page.line(fmt::format("expectations: {} of {} met", view.expectations - view.unmet_count, view.expectations), Style::strong);
  for (const UnmetExpectation& unmet : view.unmet) {
    const scenarios::Expectation& expectation = *unmet.expectation;
    page.entry("unmet", expectation.text, Style::bad, 2);
    for (const scenarios::Cell* cell : unmet.cells) {
      std::string where = cell->policy;
      if (const std::string group = group_title(cell->form, cell->member); !group.empty()) where += ", " + group;
      page.entry_at("under", label_column, where + ", " + cell->strategy, Style::plain, indent);
    }
    if (!expectation.detail.empty()) page.entry_at("but", label_column, expectation.detail, Style::plain, indent);
    if (!expectation.why.empty()) page.entry_at("why", label_column, expectation.why, Style::plain, indent);
  }
}

}  // namespace unplug::reports
