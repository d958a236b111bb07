// unplug list KIND: what there is.
#include <array>

#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/embedded/scenarios.hpp"
#include "unplug/model/violation_class.hpp"
#include "unplug/reports/writer.hpp"
#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/policy_file.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::cli {
namespace {

void row(std::string_view name, std::string_view text) { fmt::print("{:<34}{}\n", name, text); }

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
  for (const scenarios::Verb& v : scenarios::verbs())
    row(v.name, v.alias_of.empty() ? std::string(v.summary) : fmt::format("another name of {}", v.alias_of));
}

void list_classes() {
  for (const model::ViolationClassInfo& c : model::violation_classes()) row(c.name, fmt::format("{}{}", c.note ? "note: " : "", c.meaning));
}

void list_mechanisms() {
  for (const model::PartInfo& p : model::parts()) {
    fmt::print("{}: {}\n", p.name, p.meaning);
    for (const model::MechanismInfo& m : model::mechanisms())
      if (m.part == p.part)
        row(fmt::format("  {}", m.name), m.models.empty() ? std::string(m.summary) : fmt::format("{} [{}]", m.summary, m.models));
  }
}

void list_scenarios() {
  for (const auto& f : scenarios::embedded::files()) {
    if (f.name.find('/') != std::string_view::npos && !f.name.starts_with("corpus/")) continue;
    scenarios::Diagnostics quiet;
    const auto d = scenarios::Document::parse(std::string(f.text), std::string(f.name), quiet);
    const scenarios::Node title = d ? d->root().find("title") : scenarios::Node{};
    row(fmt::format("scenarios/{}", f.name), title.is(scenarios::Node::Kind::string) ? title.string() : "");
  }
}

void list_formats() {
  for (const reports::Writer& w : reports::writers()) row(w.name, w.what);
}

struct Kind {
  const char* name;
  const char* what;
  void (*list)();
};
constexpr std::array kinds{Kind{"scenarios", "scenario files that ship with the tool", list_scenarios},
                           Kind{"policies", "built-in policies", list_policies},
                           Kind{"mechanisms", "what policies are composed of", list_mechanisms},
                           Kind{"strategies", "what makes choices", list_strategies},
                           Kind{"verbs", "the words of the scenario language", list_verbs},
                           Kind{"classes", "classes of violations", list_classes},
                           Kind{"formats", "formats of reports", list_formats}};

}  // namespace

void add_list(CLI::App& app, int& exit) {
  CLI::App* verb = app.add_subcommand("list", "what there is: scenarios, policies, mechanisms, strategies, verbs, classes, formats");
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
