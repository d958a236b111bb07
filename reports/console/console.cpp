#include "unplug/reports/console/console.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/reports/console/console_findings.hpp"
#include "unplug/reports/page/format.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/view/phrases.hpp"
#include "unplug/reports/view/summary.hpp"
#include "unplug/reports/view/sweep.hpp"

namespace unplug::reports {

namespace {

using scenarios::Wait;

constexpr std::size_t policy_column = 24;

void write_head(Page& page, const scenarios::ScenarioResult& scenario) {
  page.gap();
  page.heading(scenario.title.empty() ? scenario.name : scenario.name + ": " + scenario.title, '=');
  std::string file = scenario.path;
  if (!scenario.text_hash.empty()) file += fmt::format("{}hash {}", file.empty() ? "" : ", ", scenario.text_hash);
  if (!file.empty()) page.entry_at("file", 8, file, Style::plain, 0);
  if (!scenario.source.empty()) page.entry_at("after", 8, scenario.source, Style::plain, 0);
  if (!scenario.kernel.empty()) page.entry_at("kernel", 8, join(scenario.kernel, ", "), Style::plain, 0);
}

void write_answers(Page& page, const ScenarioView& view) {
  for (const Answer& answer : answers(view)) {
    page.gap();
    if (!answer.form.empty()) page.line("form " + answer.form, Style::strong);
    const auto entry = [&](const char* label, const std::vector<std::string>& policies, Style style) {
      if (!policies.empty()) page.entry_at(label, policy_column, join(policies, ", "), style, 0);
    };
    entry("breaks", answer.broken, Style::bad);
    entry("vacuous: nothing said", answer.vacuous, Style::warning);
    entry("clean by refusal", answer.refused, Style::warning);
    entry("no failure, sampled", answer.sampled, Style::plain);
    entry("no failure, bounded", answer.bounded, Style::plain);
    entry("no failure, exhaustive", answer.exhaustive, Style::good);
  }
}

std::vector<CellLine> verdict_cell(const Verdict& verdict) {
  if (verdict.standing != Standing::broken) {
    // Green is for what was proved. A sample proves nothing.
    return {{clean_word(verdict), verdict.standing == Standing::vacuous || verdict.refused ? Style::warning
                                  : verdict.standing == Standing::exhaustive               ? Style::good
                                                                                           : Style::plain}};
  }
  std::vector<CellLine> lines;
  for (const ClassCount& count : verdict.classes)
    lines.push_back({fmt::format("{} {}", count.signatures, count.violation_class), Style::bad});
  return lines;
}

std::vector<CellLine> below(const Verdict& verdict, const SaidOnce& once) {
  std::vector<CellLine> lines;
  for (const std::string& sentence : without(evidence_sentences(verdict, once.bounds), once.evidence))
    lines.push_back({sentence, Style::plain});
  for (const scenarios::Cell* cell : verdict.cells)
    for (const scenarios::Cell::Races& r : cell->races)
      lines.push_back({fmt::format("{} for the order of steps on {}", counted(r.traces, "trace"), r.on), Style::plain});
  if (verdict.unreplayed_predictions != 0) {
    lines.push_back(
        {fmt::format("{} did not replay: a bug of unplug, please report it", counted(verdict.unreplayed_predictions, "prediction")),
         Style::bad});
  }
  for (const Wait::Phase phase : {Wait::Phase::remove, Wait::Phase::devres, Wait::Phase::module_exit, Wait::Phase::module_free}) {
    const std::string sentence = waits_sentence(verdict.waits, phase);
    if (sentence.empty()) continue;
    const bool unbounded = std::any_of(verdict.waits.begin(), verdict.waits.end(),
                                       [&](const Wait& w) { return w.phase == phase && w.blocked != 0 && !w.bounded; });
    lines.push_back({phase_name(phase) + " waited for " + sentence, unbounded ? Style::warning : Style::plain});
  }
  for (const std::string& phrase : operations_phrases(verdict.operations)) {
    lines.push_back({phrase, phrase.find("torn") != std::string::npos ? Style::warning : Style::plain});
  }
  const auto say = [&](const char* label, const std::vector<std::string>& list, const std::vector<std::string>& said, Style style) {
    if (const std::vector<std::string> own = without(list, said); !own.empty()) lines.push_back({label + join(own, "; "), style});
  };
  const auto unless_said = [&](const char* label, const std::vector<std::string>& list, const std::vector<std::string>& said) {
    say(label, list, said, Style::warning);
  };
  const auto unless_plain = [&](const char* label, const std::vector<std::string>& list, const std::vector<std::string>& said) {
    say(label, list, said, Style::plain);
  };
  if (verdict.refused)
    lines.push_back(
        {fmt::format("rmmod was refused in {} of {} executions", verdict.unload.refused, verdict.unload.attempted), Style::warning});
  unless_said("vacuous: ", verdict.never, once.never);
  unless_said("not judged: ", verdict.not_judged, once.not_judged);
  unless_said("never reached: ", verdict.never_reached, once.never_reached);
  unless_plain("", verdict.accepted, once.accepted);
  unless_plain("kept apart: ", verdict.kept_apart, once.kept_apart);
  return lines;
}

// A column that says "-" in every row says nothing: a run without `timed` has no times, and so on.
void drop_empty_columns(Table& table) {
  for (std::size_t c = table.columns.size(); c-- > 0;) {
    const auto says_nothing = [c](const Row& row) { return row.cells[c].size() == 1 && row.cells[c].front().text == "-"; };
    if (!std::all_of(table.rows.begin(), table.rows.end(), says_nothing)) continue;
    const auto offset = static_cast<std::ptrdiff_t>(c);
    table.columns.erase(table.columns.begin() + offset);
    for (Row& row : table.rows) row.cells.erase(row.cells.begin() + offset);
  }
}

void write_group(Page& page, const Group& group) {
  page.gap();
  if (const std::string title = group_title(group.form, group.member); !title.empty()) page.line(title, Style::strong);
  const SaidOnce once = said_once(group);
  Table table;
  table.columns = {{{"policy"}, false, 11}, {{"how it breaks"}, false, 20},    {{"GPs"}, true, 6}, {{"branches", "ref/torn"}, true, 8},
                   {{"rmmod"}, false, 6},   {{"unbind", "p50..max"}, true, 16}};
  for (const Verdict& verdict : group.verdicts) {
    Row row;
    row.cells.push_back({{verdict.policy, Style::strong}});
    row.cells.push_back(verdict_cell(verdict));
    row.cells.push_back({{grace_period_cell(verdict.grace_periods)}});
    const scenarios::Operations& operations = verdict.operations;
    row.cells.push_back({{operations.started == 0 ? "-" : fmt::format("{}/{}", operations.entry_branches, operations.torn_branches),
                          operations.torn_branches != 0 ? Style::warning : Style::plain}});
    row.cells.push_back({{unload_word(verdict), unload_word(verdict) == "works" ? Style::plain : Style::warning}});
    row.cells.push_back({{time_cell(verdict.unbind_ns)}});
    row.below = below(verdict, once);
    table.rows.push_back(std::move(row));
  }
  drop_empty_columns(table);
  page.table(table);
  const bool one = group.verdicts.size() == 1;  // then it stands below it as the rest does
  const auto of_all = [&](const char* what, const std::vector<std::string>& list, const char* separator, Style style) {
    if (!list.empty())
      one ? page.entry("", what + join(list, separator), style, 3) : page.entry("all:", what + join(list, separator), style, 0);
  };
  of_all("", once.evidence, "; ", Style::plain);
  of_all("within ", once.bounds, "; ", Style::plain);
  of_all("vacuous: ", once.never, "; ", Style::warning);
  of_all("not judged: ", once.not_judged, "; ", Style::warning);
  of_all("never reached: ", once.never_reached, "; ", Style::warning);
  of_all("", once.accepted, "; ", Style::plain);
  of_all("kept apart: ", once.kept_apart, "; ", Style::plain);
}

void write_sweeps(Page& page, const ScenarioView& view) {
  for (const Sweep& sweep : sweeps(view)) {
    page.gap();
    std::string title = "growth with " + sweep.parameter;
    if (!sweep.form.empty()) title += ", form " + sweep.form;
    if (!sweep.rest.empty()) title += ", " + sweep.rest;
    page.line(title, Style::strong);
    std::vector<std::string> points;
    for (const std::int64_t x : sweep.points) points.push_back(std::to_string(x));
    Table table;
    table.columns = {{{"policy"}, false, 11},
                     {{"GPs at", join(points, ", ")}, true, 8},
                     {{"each", "more"}, true, 6},
                     {{"unbind p50 at", join(points, ", ")}, true, 10},
                     {{"each", "more"}, true, 8}};
    for (const Series& series : sweep.series) {
      const std::optional<Growth> count = growth(sweep.points, series.grace_periods);
      const std::optional<Growth> time = growth(sweep.points, series.unbind_ns);
      table.rows.push_back({{{{series.policy, Style::strong}},
                             {{count_list(series.grace_periods)}},
                             {{count ? slope(count->rise, count->run) : "-"}},
                             {{duration_list(series.unbind_ns)}},
                             {{time ? duration_slope(time->rise, time->run) : "-"}}},
                            {}});
    }
    page.table(table);
  }
}

void write_list(Page& page, const char* title, const std::vector<std::string>& items) {
  if (items.empty()) return;
  page.gap();
  page.line(title, Style::strong);
  for (const std::string& item : items) page.entry("-", item, Style::plain, 2);
}

void write_policies(Page& page, const ScenarioView& view) {
  std::vector<std::string> items;
  for (const scenarios::PolicyLabel& label : view.scenario->policies) {
    std::string text = label.name;
    if (!label.title.empty()) text += ": " + label.title;
    if (!label.shipped_by.empty()) text += "; shipped by " + label.shipped_by;
    if (!label.since.empty()) text += ", " + label.since;
    if (!label.parts.empty()) text += "; " + join(label.parts, ", ");
    items.push_back(text);
  }
  write_list(page, "policies", items);
}

void write_scenario(Page& page, const ScenarioView& view, bool whole) {
  write_head(page, *view.scenario);
  if (view.groups.empty()) {
    page.gap();
    page.line("nothing was run");
  }
  write_answers(page, view);
  for (const Group& group : view.tables) write_group(page, group);
  write_sweeps(page, view);
  write_findings(page, view, whole);
  write_expectations(page, view);
  write_list(page, "defaults taken", view.scenario->defaults_taken);
  write_list(page, "model limits", view.scenario->model_limits);
  if (!whole) return;
  write_list(page, "primitives used", view.scenario->primitives);
  write_policies(page, view);
}

// Explains the columns that this page has, and no others.
void write_legend(Page& page, const std::vector<ScenarioView>& views) {
  bool periods = false, operations = false, unloads = false, times = false, samples = false;
  for (const ScenarioView& view : views) {
    for (const Group& group : view.tables) {
      for (const Verdict& verdict : group.verdicts) {
        periods = periods || verdict.grace_periods.count != 0;
        operations = operations || verdict.operations.started != 0;
        unloads = unloads || unload_word(verdict) != "-";
        times = times || verdict.unbind_ns.has_value();
        samples = samples || verdict.standing == Standing::sampled;
      }
    }
  }
  std::vector<std::string> lines;
  if (periods) lines.emplace_back("GPs: RCU grace periods that removal paid for in series, p50..max.");
  if (operations)
    lines.emplace_back("branches: failure branches that the policy forces on the driver, refused at entry/torn in mid-operation.");
  if (unloads) lines.emplace_back("rmmod: whether it works while user space may hold files open.");
  if (times) lines.emplace_back("unbind: from unplug to the end of devres, virtual time under 'timed'.");
  if (samples) lines.emplace_back("rate < 3/n: at 95 %, under that strategy's distribution.");
  page.gap();
  for (const std::string& line : lines) page.line(line, Style::faint);
}

void write_end(Page& page, const scenarios::Result& result, const std::vector<ScenarioView>& views) {
  std::size_t cells = 0, expectations = 0, unmet = 0;
  for (const ScenarioView& view : views) {
    cells += view.scenario->cells.size();
    expectations += view.expectations;
    unmet += view.unmet_count;
  }
  page.gap();
  std::string line = fmt::format("{}, {}", counted(views.size(), "scenario"), counted(cells, "cell"));
  if (expectations != 0) line += fmt::format("; {} of {} met", expectations - unmet, counted(expectations, "expectation"));
  page.line(line, unmet != 0 ? Style::bad : Style::strong);
  if (!result.incomplete.empty()) page.line(result.incomplete, Style::bad);
  if (!result.self_check.empty()) page.line(result.self_check, Style::plain);
  if (!result.command.empty()) {
    page.line("again with:");
    page.command(result.command, 2);
  }
}

// Many scenarios are one look: who breaks where. With one, its own answer already says it.
void write_overview(Page& page, const std::vector<ScenarioView>& views) {
  if (views.size() < 2) return;
  page.gap();
  page.heading("all scenarios", '=');
  Table table;
  table.columns = {{{"scenario"}, false, 14},
                   {{"breaks"}, false, 16},
                   {{"vacuous, or clean by refusal"}, false, 12},
                   {{"no failure, sampled or bounded"}, false, 12},
                   {{"no failure, exhaustive"}, false, 12}};
  for (const ScenarioView& view : views) {
    for (Answer& answer : answers(view)) {
      answer.sampled.insert(answer.sampled.end(), answer.bounded.begin(), answer.bounded.end());
      answer.vacuous.insert(answer.vacuous.end(), answer.refused.begin(), answer.refused.end());
      const std::string name = view.scenario->name + (answer.form.empty() ? "" : ", form " + answer.form);
      const auto cell = [](const std::vector<std::string>& policies, Style style) {
        return std::vector<CellLine>{{policies.empty() ? "-" : join(policies, ", "), policies.empty() ? Style::plain : style}};
      };
      table.rows.push_back({{{{name, Style::strong}},
                             cell(answer.broken, Style::bad),
                             cell(answer.vacuous, Style::warning),
                             cell(answer.sampled, Style::plain),
                             cell(answer.exhaustive, Style::good)},
                            {}});
    }
  }
  page.table(table);
}

}  // namespace

std::string write_console(const scenarios::Result& result, const ConsoleOptions& options) {
  Page page(options.page);
  std::vector<ScenarioView> views;
  for (const scenarios::ScenarioResult& scenario : result.scenarios) views.push_back(summarise(scenario));
  page.line(fmt::format("unplug {}, engine semantics {}", result.tool_version, result.engine_semantics), Style::faint);
  for (const ScenarioView& view : views) write_scenario(page, view, options.whole);
  write_overview(page, views);
  write_legend(page, views);
  write_end(page, result, views);
  return page.take();
}

}  // namespace unplug::reports
