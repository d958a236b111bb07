// unplug validate FILE...: errors and warnings, nothing run.
#include <fmt/format.h>

#include "unplug/cli/common.hpp"
#include "unplug/reports/page/format.hpp"
#include "unplug/scenarios/file/policy_file.hpp"
#include "unplug/scenarios/load/scenario.hpp"
#include "unplug/scenarios/reference/schema.hpp"
#include "unplug/scenarios/run/failure_file.hpp"

namespace unplug::cli {
namespace {

std::string validate(const std::string& path, scenarios::Diagnostics& out) {
  const std::string kind = kind_of_file(path);
  if (kind == "failure") {
    const auto f = scenarios::read_failure(path, out);
    return f ? fmt::format("failure file: {}", f->signature) : std::string{};
  }
  if (kind == "policy") {
    auto d = scenarios::Document::load(path, out);
    const auto p = d ? scenarios::read_policy(std::move(d), out) : std::nullopt;
    return p && scenarios::check_steps(*p, out) ? fmt::format("policy '{}'", p->name) : std::string{};
  }
  const auto s = scenarios::load_scenario(path, {}, out);
  if (!s) return {};
  std::string text = fmt::format("scenario '{}': {}, {}, {}", s->name, reports::counted(s->members.size(), "member"),
                                 reports::counted(s->forms.size(), "form"), reports::counted(s->policies.size(), "policy", "policies"));
  for (const std::string& d : s->defaults_taken) text += fmt::format("\n  default taken: {}", d);
  return text;
}

// What an editor says that knows nothing but the published schema: a word for scripts, and the errors.
std::string_view against_schema(const std::string& path, scenarios::Diagnostics& out) {
  const auto d = scenarios::Document::load(path, out);
  if (!d || !scenarios::check_string_lengths(*d, out)) return "unreadable";
  const std::string& schema = scenarios::published_schema(kind_of_file(path));
  if (schema.empty()) {
    d->root().error(out, "a file of a kind without schema", "unplug list schemas has those with one");
    return "unknown";
  }
  return scenarios::check_schema(*d, schema, out) ? "conforms" : "fails";
}

}  // namespace

void add_validate(CLI::App& app, int& exit) {
  struct Arguments {
    std::vector<std::string> files;
    std::string color = "auto";
    bool schema = false;
  };
  auto a = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand("validate", "errors and warnings, nothing run");
  verb->add_option("FILE", a->files, "scenario, policy or failure files")->required();
  verb->add_flag("--schema", a->schema, "only against the published schema (unplug schema), as editors do");
  add_color(*verb, a->color);
  verb->callback([a, &exit] {
    bool good = true;
    for (const std::string& file : a->files) {
      scenarios::Diagnostics diagnostics;
      const std::string what = a->schema ? std::string(against_schema(file, diagnostics)) : validate(file, diagnostics);
      print(diagnostics, a->color);
      good = good && !diagnostics.has_errors();
      if (a->schema || !diagnostics.has_errors()) say(fmt::format("{}: {}\n", file, what));
    }
    exit = good ? as_expected : bad_input;
  });
}

}  // namespace unplug::cli
