// unplug list KIND: what there is.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/model/core/violation_class.hpp"
#include "unplug/reports/words/glossary.hpp"
#include "unplug/reports/writer.hpp"
#include "unplug/scenarios/file/policy_file.hpp"
#include "unplug/scenarios/json/shipped.hpp"
#include "unplug/scenarios/language/entities.hpp"
#include "unplug/scenarios/language/shape.hpp"
#include "unplug/scenarios/reference/templates.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::cli {
namespace {

void list_policies() {
  for (const std::string& name : scenarios::builtin_policies()) {
    scenarios::Diagnostics quiet;
    if (const auto p = scenarios::find_policy(name, {}, {}, quiet))
      row(name, fmt::format("{} ({}, {})", p->title, p->shipped_by, p->since));
  }
}

void list_strategies() {
  for (const sim::StrategyInfo& s : sim::strategies())
    row(s.name, s.parameter.empty() ? std::string(s.summary) : fmt::format("{} ({}(N): {})", s.summary, s.name, s.parameter));
}

void list_verbs() {
  std::string_view family;
  for (const scenarios::Verb& v : scenarios::verbs()) {
    if (v.family != family) say(fmt::format("{}{}:\n", family.empty() ? "" : "\n", scenarios::family_words(v.family)));
    family = v.family;
    row(fmt::format("  {}", v.name), v.alias_of.empty() ? std::string(v.summary) : fmt::format("another name of {}", v.alias_of));
  }
}

// What can be declared, with the verbs that do.
void list_things() {
  std::vector<scenarios::EntityKind> listed;
  for (const scenarios::Verb& v : scenarios::verbs()) {
    if (v.operand != scenarios::OperandKind::declaration || std::ranges::find(listed, v.entity) != listed.end()) continue;
    listed.push_back(v.entity);
    row(scenarios::name(v.entity), scenarios::declared_by(v.entity));
  }
}

void list_parts() {
  for (const model::PartInfo& p : model::parts()) row(p.name, p.meaning);
}

void list_hooks() {
  for (const scenarios::HookInfo& h : scenarios::hooks()) row(h.name, h.meaning);
}

void list_templates() {
  for (const scenarios::Template& t : scenarios::templates()) row(t.name, t.title);
}

void list_schemas() {
  for (const auto& [name, what] : schema_list()) row(name, what);
}

void list_classes() {
  for (const model::ViolationClassInfo& c : model::violation_classes()) row(c.name, fmt::format("{}{}", c.note ? "note: " : "", c.meaning));
}

void list_mechanisms() {
  for (const model::PartInfo& p : model::parts()) {
    say(fmt::format("{}: {}\n", p.name, p.meaning));
    for (const model::MechanismInfo& m : model::mechanisms())
      if (m.part == p.part)
        row(fmt::format("  {}", m.name), m.models.empty() ? std::string(m.summary) : fmt::format("{} [{}]", m.summary, m.models));
  }
}

void list_scenarios() {
  for (const scenarios::ShippedFile& f : scenarios::shipped_files()) row(f.path, scenarios::title(f));
}

void list_formats() {
  for (const reports::Writer& w : reports::writers()) row(w.name, w.what);
}

void list_words() {
  for (const reports::GlossaryWord& g : reports::glossary()) row(g.word, g.meaning);
}

struct Kind {
  const char* name;
  const char* what;
  void (*list)();
};
constexpr std::array kinds{Kind{"scenarios", "scenario files that ship with the tool", list_scenarios},
                           Kind{"policies", "built-in policies", list_policies},
                           Kind{"mechanisms", "what policies are composed of", list_mechanisms},
                           Kind{"parts", "the parts of a policy, each with one mechanism", list_parts},
                           Kind{"hooks", "where a policy's own steps run", list_hooks},
                           Kind{"strategies", "what makes choices", list_strategies},
                           Kind{"verbs", "the words of the scenario language, by family", list_verbs},
                           Kind{"things", "kinds of things that functions declare", list_things},
                           Kind{"templates", "what unplug new starts a file from", list_templates},
                           Kind{"schemas", "kinds of files with a published schema", list_schemas},
                           Kind{"classes", "classes of violations", list_classes},
                           Kind{"words", "what the words of a report mean", list_words},
                           Kind{"formats", "formats of reports", list_formats}};

}  // namespace

void add_list(CLI::App& app, int& exit) {
  std::string words;
  for (const Kind& k : kinds) words += fmt::format("{}{}", words.empty() ? "" : ", ", k.name);
  CLI::App* verb = app.add_subcommand("list", fmt::format("what there is: {}", words));
  verb->require_subcommand(1);
  for (const Kind& k : kinds) {
    CLI::App* sub = verb->add_subcommand(k.name, k.what);
    sub->callback([&k, &exit] {
      k.list();
      exit = as_expected;
    });
  }
}

}  // namespace unplug::cli
