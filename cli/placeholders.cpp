#include "unplug/cli/placeholders.hpp"

#include <algorithm>
#include <array>

#include "unplug/cli/common.hpp"
#include "unplug/cli/shells.hpp"
#include "unplug/reports/words/explain.hpp"
#include "unplug/reports/writer.hpp"
#include "unplug/scenarios/json/shipped.hpp"
#include "unplug/scenarios/reference/templates.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::cli {
namespace {

using Files = std::span<const std::string>;

std::vector<Candidate> scenario_names(Files) {
  std::vector<Candidate> out;
  for (const scenarios::ShippedFile& f : scenarios::shipped_files()) out.push_back({scenarios::short_name(f), scenarios::title(f)});
  return out;
}

std::vector<Candidate> policies(Files) {
  std::vector<Candidate> out;
  for (const std::string& name : scenarios::builtin_policies()) {
    scenarios::Diagnostics quiet;
    const auto p = scenarios::find_policy(name, {}, {}, quiet);
    out.push_back({name, p ? p->title : ""});
  }
  return out;
}

std::vector<Candidate> forms(Files files) {
  std::vector<Candidate> out;
  for (const std::string& file : files) {
    if (file == "-") continue;  // what is typed there comes later
    scenarios::Diagnostics quiet;
    const auto s = scenarios::load_scenario(file, {}, quiet);
    if (s == nullptr) continue;
    for (const std::string& form : s->all_forms) out.push_back({form, "form of " + s->name});
  }
  return out;
}

std::vector<Candidate> strategies(Files) {
  std::vector<Candidate> out;
  for (const sim::StrategyInfo& s : sim::strategies()) out.push_back({std::string(s.name), std::string(s.summary)});
  return out;
}

std::vector<Candidate> formats(Files) {
  std::vector<Candidate> out;
  for (const reports::Writer& w : reports::writers()) out.push_back({std::string(w.name), std::string(w.what)});
  return out;
}

std::vector<Candidate> parts(Files) {
  std::vector<Candidate> out;
  for (const model::PartInfo& p : model::parts()) out.push_back({std::string(p.name), std::string(p.meaning)});
  return out;
}

std::vector<Candidate> templates(Files) {
  std::vector<Candidate> out;
  for (const scenarios::Template& t : scenarios::templates()) out.push_back({t.name, t.title});
  return out;
}

std::vector<Candidate> schemas(Files) {
  std::vector<Candidate> out;
  for (const auto& [name, what] : schema_list()) out.push_back({name, what});
  return out;
}

std::vector<Candidate> words(Files) {
  std::vector<Candidate> out;
  for (const std::string& w : reports::words_to_explain()) out.push_back({w, ""});
  return out;
}

std::vector<Candidate> when(Files) { return {{"auto", ""}, {"always", ""}, {"never", ""}}; }

std::vector<Candidate> shell_names(Files) {
  std::vector<Candidate> out;
  for (const Shell& s : shells()) out.push_back({std::string(s.name), ""});
  return out;
}

std::vector<Candidate> verbs(Files) {
  std::vector<Candidate> out;
#define UNPLUG_VERB(name) out.push_back({#name, ""});
#include "unplug/cli/verbs.def"
#undef UNPLUG_VERB
  return out;
}

constexpr std::array table{
    Placeholder{"FILE", Paths::files, scenario_names}, Placeholder{"POLICY", Paths::files, policies},
    Placeholder{"FORM", Paths::none, forms},           Placeholder{"PART", Paths::none, parts},
    Placeholder{"STRATEGY", Paths::none, strategies},  Placeholder{"FORMAT", Paths::none, formats},
    Placeholder{"TEMPLATE", Paths::none, templates},   Placeholder{"KIND", Paths::none, schemas},
    Placeholder{"WORD", Paths::files, words},          Placeholder{"WHEN", Paths::none, when},
    Placeholder{"SHELL", Paths::none, shell_names},    Placeholder{"VERB", Paths::none, verbs},
    Placeholder{"FAILURE", Paths::files, nullptr},     Placeholder{"NEW-FILE", Paths::files, nullptr},
    Placeholder{"FOLDER", Paths::folders, nullptr},
};

}  // namespace

const Placeholder* find_placeholder(std::string_view name) {
  const auto found = std::ranges::find(table, name, &Placeholder::name);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace unplug::cli
