#include "unplug/reports/console_findings.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "unplug/reports/format.hpp"
#include "unplug/reports/layout.hpp"
#include "unplug/reports/phrases.hpp"

namespace unplug::reports {

namespace {

constexpr std::size_t indent = 4;
constexpr std::size_t label_column = 11;

// A policy that shows a signature: the simplest of its groups, and in how many of those where it ran.
struct Shown {
  const FindingView::Under* simplest = nullptr;
  std::size_t groups = 0;
};

std::vector<Shown> by_policy(const FindingView& finding) {
  std::vector<Shown> out;
  for (const FindingView::Under& under : finding.under) {
    const auto same =
        std::find_if(out.begin(), out.end(), [&](const Shown& s) { return s.simplest->verdict->policy == under.verdict->policy; });
    if (same == out.end()) {
      out.push_back({&under, 1});
      continue;
    }
    ++same->groups;
    if (fewer_preemptions(*under.seen.finding, *same->simplest->seen.finding)) same->simplest = &under;
  }
  return out;
}

void write_place(Page& page, const char* label, const std::optional<scenarios::Place>& where, bool chain) {
  if (!where || place(*where).empty()) return;
  page.entry_at(label, label_column, place(*where), Style::plain, indent);
  if (const std::string calls = call_chain(*where); chain && !calls.empty())
    page.entry_at("", label_column, "in " + calls, Style::plain, indent);
}

// Nothing if the policy shows it wherever it ran: a reader asks for exceptions.
std::string where_shown(const Shown& shown, const ScenarioView& view) {
  std::size_t ran = 0;
  for (const Group& group : view.groups) {
    ran += static_cast<std::size_t>(std::count_if(group.verdicts.begin(), group.verdicts.end(),
                                                  [&](const Verdict& v) { return v.policy == shown.simplest->verdict->policy; }));
  }
  if (shown.groups == ran) return {};
  const std::string title = group_title(shown.simplest->group->form, shown.simplest->group->member);
  return shown.groups == 1 ? fmt::format(" (only in {})", title) : fmt::format(" (in {} of {}: {}, ...)", shown.groups, ran, title);
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
  for (const Shown& shown : by_policy(finding)) {
    const scenarios::Finding& seen = *shown.simplest->seen.finding;
    std::string text = shown.simplest->verdict->policy;
    if (const std::string cost = preemptions(seen); !cost.empty()) text += ", " + cost;
    text += where_shown(shown, view);
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
    for (const Shown& shown : by_policy(note)) policies.push_back(shown.simplest->verdict->policy);
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
