// unplug diff FILE --forms A B: what a fix fixes, introduces and leaves, and its text. unplug diff BEFORE AFTER: two stored results.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/reports/json/json.hpp"
#include "unplug/reports/words/changes.hpp"
#include "unplug/scenarios/reference/listing.hpp"

namespace unplug::cli {
namespace {

struct DiffOptions : Options {
  std::vector<std::string> pair;
  std::string listing;
  bool text = false;
};

// What is looked at without being asked for: every trace, every schedule with few preemptions, and samples of those with more, as far as
// --executions goes.
constexpr std::uint64_t default_executions = 20'000;

std::optional<scenarios::Result> read_result(const std::string& path, scenarios::Diagnostics& out) {
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) {
    out.add({scenarios::Diagnostic::Severity::error, path, {}, {}, "cannot be read", "a result that unplug wrote (--json)", {}, {}, {}});
    return {};
  }
  return reports::read_json(text.str(), path, out);
}

int of_results(const DiffOptions& o) {
  scenarios::Diagnostics found;
  const auto before = read_result(o.files[0], found), after = read_result(o.files[1], found);
  print(found, o.color);
  if (!before || !after) return bad_input;
  auto all = scenarios::changes(*before, *after);
  if (all.empty()) {
    print_error("the two results have no scenario, member, form and policy in common");
    return bad_input;
  }
  for (scenarios::Changes& c : all) {
    c.before = o.files[0];
    c.after = o.files[1];
  }
  say(o.json ? reports::write_changes_json(all) : reports::write_changes(all));
  return std::ranges::any_of(all, &scenarios::Changes::introduces) ? not_as_expected : as_expected;
}

// The file and the form are there, or there is a message.
std::unique_ptr<scenarios::Document> load_with_form(const DiffOptions& o, const std::vector<std::string>& forms) {
  scenarios::Diagnostics found;
  scenarios::LoadOptions load;
  load.forms = forms;
  const bool good = scenarios::load_scenario(o.files[0], load, found) != nullptr;
  print(found, o.color);
  scenarios::Diagnostics quiet;
  return good ? scenarios::Document::load(o.files[0], quiet) : nullptr;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& l : lines) out += l + "\n";
  return out;
}

int of_forms(DiffOptions& o) {
  const auto document = load_with_form(o, o.pair);
  if (document == nullptr) return bad_input;
  const std::string text =
      scenarios::unified_diff(scenarios::listing(*document, o.pair[0]), scenarios::listing(*document, o.pair[1]),
                              fmt::format("{} ({})", o.files[0], o.pair[0]), fmt::format("{} ({})", o.files[0], o.pair[1]));
  if (o.text) {
    say(text);
    return as_expected;
  }
  o.forms = o.pair;
  if (o.strategies.empty()) o.strategies = {"dpor", "bounded(2)", "mix"};
  if (!o.executions_given) o.executions = default_executions;
  o.executions_given = true;
  int exit = as_expected;
  const auto ran = run_files(o, {}, "diff", exit);
  if (!ran) return exit;
  std::vector<scenarios::Changes> all;
  for (const scenarios::ScenarioResult& s : ran->result.scenarios) {
    for (std::size_t i = 0; i < s.cells.size(); ++i) {
      const scenarios::Cell& first = s.cells[i];
      const auto same = [&](const scenarios::Changes& c) { return c.member == first.member && c.policy == first.policy; };
      if (std::ranges::any_of(all, same)) continue;
      std::vector<const scenarios::Cell*> before, after;
      for (const scenarios::Cell& c : s.cells)
        if (c.member == first.member && c.policy == first.policy) (c.form == o.pair[0] ? before : after).push_back(&c);
      scenarios::Changes c = scenarios::changes(before, after);
      c.scenario = s.name;
      c.member = first.member;
      c.policy = first.policy;
      c.before = o.pair[0];
      c.after = o.pair[1];
      all.push_back(std::move(c));
    }
  }
  if (o.json) {
    say(reports::write_changes_json(all));
  } else {
    say(fmt::format("{}\n{}", reports::write_changes(all), text));
  }
  return finish(*ran, std::ranges::any_of(all, &scenarios::Changes::introduces) ? not_as_expected : as_expected);
}

}  // namespace

void add_diff(CLI::App& app, int& exit) {
  auto o = std::make_shared<DiffOptions>();
  CLI::App* verb = app.add_subcommand("diff", "two forms of one file, or two stored results: what is fixed, introduced, left");
  add_options(*verb, *o, "diff");
  verb->get_option("FILE")->description("a scenario file with --forms or --listing, or two results")->expected(1, 2);
  verb->get_option("--executions")->description("traces, schedules with few preemptions and samples looked at (default 20000 each)");
  verb->remove_option(verb->get_option("--form"));  // --forms says which
  verb->get_option("--json")->description("print what changed as one JSON document");
  verb->remove_option(verb->get_option("--format"));  // of results, not of what changed
  verb->add_option("--forms", o->pair, "the two forms: from which, to which")->type_name("FORM")->expected(2);
  verb->add_option("--listing", o->listing, "print the steps of one form, and nothing else")->type_name("FORM");
  verb->add_flag("--text", o->text, "print the difference of their steps, run nothing");
  verb->callback([o, &exit] {
    exit = bad_input;
    if (o->files.size() == 2 && o->pair.empty() && o->listing.empty()) {
      exit = of_results(*o);
    } else if (o->files.size() == 1 && !o->listing.empty() && o->pair.empty()) {
      if (const auto d = load_with_form(*o, {o->listing})) {
        say(joined(scenarios::listing(*d, o->listing)));
        exit = as_expected;
      }
    } else if (o->files.size() == 1 && o->pair.size() == 2) {
      exit = of_forms(*o);
    } else {
      print_error("diff takes a scenario file and --forms A B, a scenario file and --listing FORM, or two stored results");
    }
  });
}

}  // namespace unplug::cli
