// The format `html`: one file that opens anywhere, offline, and reads without scripts.
#include <fmt/format.h>

#include "unplug/reports/html/html_parts.hpp"
#include "unplug/reports/page/format.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/view/clean.hpp"
#include "unplug/reports/view/phrases.hpp"
#include "unplug/reports/writer.hpp"

namespace unplug::reports {

namespace {

std::vector<Node> fact_nodes(const scenarios::ScenarioResult& scenario) {
  std::vector<Node> out;
  const auto fact = [&out](const char* label, const std::string& text) {
    if (!text.empty()) out.push_back(Node().text("label", label).text("text", text));
  };
  fact("file", scenario.path);
  fact("hash", scenario.text_hash);
  fact("after", scenario.source);
  fact("kernel", join(scenario.kernel, ", "));
  return out;
}

std::vector<Node> list_nodes(const scenarios::ScenarioResult& scenario) {
  std::vector<Node> out;
  const auto list = [&out](const char* title, const std::vector<std::string>& items) {
    if (!items.empty()) out.push_back(Node().text("title", title).list("items", items));
  };
  list("Kernel configuration", scenario.kernel);
  list("Defaults taken", scenario.defaults_taken);
  list("Model limits", scenario.model_limits);
  list("Primitives used", scenario.primitives);
  return out;
}

std::vector<Node> label_nodes(const scenarios::ScenarioResult& scenario) {
  std::vector<Node> out;
  for (const scenarios::PolicyLabel& label : scenario.policies) {
    std::string what = label.title;
    if (!label.description.empty()) what += (what.empty() ? "" : ". ") + label.description;
    Node node;
    node.text("name", label.name).text("shipped_by", label.shipped_by).text("since", label.since).text("what", what);
    out.push_back(node.text("parts", join(label.parts, ", ")));
  }
  return out;
}

Node scenario_node(const ScenarioView& view, const std::string& id) {
  const scenarios::ScenarioResult& scenario = *view.scenario;
  Node node;
  node.text("id", id).text("name", scenario.name).text("title", scenario.title).list("facts", fact_nodes(scenario));
  node.list("answers", answer_nodes(view)).list("tables", table_nodes(view, id));
  if (view.policies.size() > 1 && !view.findings.empty()) {
    node.part("matrix", matrix_node(view, id));
  } else {
    node.flag("matrix", false);
  }
  if (has_times(view)) {
    node.part("times", times_node(view));
  } else {
    node.flag("times", false);
  }
  node.list("sweeps", sweep_nodes(view));
  node.flag("has_findings", !view.findings.empty()).list("findings", finding_nodes(view, id));
  node.flag("has_notes", !view.notes.empty()).list("notes", note_nodes(view));
  if (view.expectations != 0) {
    node.part("expectations", expectations_node(view));
  } else {
    node.flag("expectations", false);
  }
  const std::vector<Node> labels = label_nodes(scenario);
  node.list("lists", list_nodes(scenario)).flag("labels", !labels.empty()).list("label_rows", labels);
  const std::vector<Node> waits = wait_nodes(view);
  node.flag("has_waits", !waits.empty()).list("waits", waits);
  return node.flag("has_cells", !scenario.cells.empty()).list("cells", cell_nodes(view));
}

std::string scenario_id(std::size_t index) { return fmt::format("s{}", index + 1); }

Node overview_node(const std::vector<ScenarioView>& views) {
  std::vector<Node> rows;
  for (std::size_t i = 0; i < views.size(); ++i) {
    for (Answer& answer : answers(views[i])) {
      answer.sampled.insert(answer.sampled.end(), answer.bounded.begin(), answer.bounded.end());
      answer.vacuous.insert(answer.vacuous.end(), answer.refused.begin(), answer.refused.end());
      Node row;
      row.text("id", scenario_id(i)).text("name", views[i].scenario->name).text("form", answer.form);
      row.text("breaks", join(answer.broken, ", "))
          .text("vacuous", join(answer.vacuous, ", "))
          .text("unbroken", join(answer.sampled, ", "))
          .text("exhaustive", join(answer.exhaustive, ", "));
      rows.push_back(row);
    }
  }
  return Node().list("rows", rows);
}

}  // namespace

std::string write_html(const scenarios::Result& result, const WriterOptions&) {
  const scenarios::Result clean = cleaned(result, printable);
  std::vector<ScenarioView> views;
  std::size_t cells = 0, expectations = 0, unmet = 0;
  for (const scenarios::ScenarioResult& scenario : clean.scenarios) {
    const ScenarioView& view = views.emplace_back(summarise(scenario));
    cells += scenario.cells.size();
    expectations += view.expectations;
    unmet += view.unmet_count;
  }
  std::vector<Node> sections;
  for (std::size_t i = 0; i < views.size(); ++i) sections.push_back(scenario_node(views[i], scenario_id(i)));

  std::string totals = fmt::format("{}, {}", counted(views.size(), "scenario"), counted(cells, "run"));
  if (expectations != 0) totals += fmt::format("; {} of {} met", expectations - unmet, counted(expectations, "expectation"));
  std::vector<std::string> names;
  for (const scenarios::ScenarioResult& scenario : clean.scenarios) names.push_back(scenario.name);
  Node page;
  page.text("page_title", fmt::format("unplug: {}", join(names, ", "))).text("version", clean.tool_version);
  page.text("semantics", std::to_string(clean.engine_semantics))
      .text("totals", totals)
      .text("incomplete", clean.incomplete)
      .text("self_check", clean.self_check);
  page.text("command", clean.command);
  if (views.size() > 1) {
    page.part("overview", overview_node(views));
  } else {
    page.flag("overview", false);
  }
  return fill_template("compare.html", page.list("scenarios", sections));
}

}  // namespace unplug::reports
