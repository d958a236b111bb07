#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "unplug/reports/html/html_parts.hpp"
#include "unplug/reports/page/format.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/view/phrases.hpp"

namespace unplug::reports {

namespace {

void add_place(std::vector<Node>& places, const char* label, const std::optional<scenarios::Place>& where) {
  if (!where || place(*where).empty()) return;
  places.push_back(Node().text("label", label).text("text", place(*where)).text("chain", call_chain(*where)));
}

// One line per form and policy: the simplest member's failure, and where else the signature stands.
std::vector<Node> under_nodes(const FindingView& finding, const ScenarioView& view) {
  std::vector<Node> out;
  for (const FindingView::Under* under : simplest(finding)) {
    const scenarios::Finding& seen = *under->seen.finding;
    const scenarios::Cell& cell = *under->seen.cell;
    Node row;
    row.text("policy", under_title(*under))
        .text("cost", preemptions(seen))
        .text("where", where_shown(view, finding, under->group->form, under->verdict->policy));
    row.text("count", fmt::format("{} of {} ({})", seen.count, counted(cell.executions, "execution"), cell.strategy));
    row.text("command", seen.replay_command);
    out.push_back(row);
  }
  return out;
}

}  // namespace

std::string finding_anchor(const std::string& scenario_id, const FindingView& finding) {
  return fmt::format("{}-v{}", scenario_id, finding.number);
}

std::vector<Node> finding_nodes(const ScenarioView& view, const std::string& id) {
  std::vector<Node> out;
  for (const FindingView& finding : view.findings) {
    const scenarios::Finding& best = *finding.best;
    std::vector<Node> places;
    add_place(places, "at", best.offender);
    add_place(places, "ended by", best.ended_by);
    add_place(places, "created by", best.created_by);
    Node node;
    node.text("id", finding_anchor(id, finding))
        .text("headline", headline(best))
        .text("cost", preemptions(best))
        .text("message", best.message);
    node.list("places", places).text("needs", best.feasibility).list("under", under_nodes(finding, view));
    out.push_back(node);
  }
  return out;
}

std::vector<Node> note_nodes(const ScenarioView& view) {
  std::vector<Node> out;
  for (const FindingView& note : view.notes) {
    std::vector<std::string> policies;
    for (const std::string& policy : view.policies) {
      const bool shows =
          std::any_of(note.under.begin(), note.under.end(), [&](const FindingView::Under& u) { return u.verdict->policy == policy; });
      if (shows) policies.push_back(policy);
    }
    out.push_back(Node().text("headline", headline(*note.best)).text("message", note.best->message).text("policies", join(policies, ", ")));
  }
  return out;
}

Node expectations_node(const ScenarioView& view) {
  std::vector<Node> unmet;
  for (const UnmetExpectation& item : view.unmet) {
    std::vector<std::string> where;
    for (const scenarios::Cell* cell : item.cells) {
      const std::string title = group_title(cell->form, cell->member);
      where.push_back(cell->policy + (title.empty() ? "" : ", " + title) + ", " + cell->strategy);
    }
    unmet.push_back(Node()
                        .text("text", item.expectation->text)
                        .list("where", where)
                        .text("detail", item.expectation->detail)
                        .text("why", item.expectation->why));
  }
  return Node()
      .text("met", std::to_string(view.expectations - view.unmet_count))
      .text("all", std::to_string(view.expectations))
      .list("unmet", unmet);
}

}  // namespace unplug::reports
