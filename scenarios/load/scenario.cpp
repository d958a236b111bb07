#include "unplug/scenarios/load/scenario.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "unplug/embedded/scenarios.hpp"
#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/language/file_compiler.hpp"
#include "unplug/scenarios/language/once_per_form.hpp"
#include "unplug/scenarios/language/warnings.hpp"
#include "unplug/scenarios/load/sections.hpp"

namespace unplug::scenarios {
namespace {

// Far above any driver, and low enough that what is compiled stays a small multiple of the file, and messages come at once.
constexpr std::size_t max_scenario_values = 100'000;

std::unique_ptr<Scenario> build(std::unique_ptr<Document> document, const LoadOptions& options, Diagnostics& out) {
  const std::size_t errors = out.errors();
  auto s = std::make_unique<Scenario>();
  s->document = std::move(document);
  s->path = s->document->name();
  const Node root = s->document->root();
  if (!check_kind(root, "scenario/1", out)) return nullptr;
  if (s->document->values() > max_scenario_values) {
    root.error(out, fmt::format("a scenario of {} values", s->document->values()), fmt::format("at most {}", max_scenario_values));
    return nullptr;
  }
  if (!check_string_lengths(*s->document, out)) return nullptr;
  check_structure(root, out);
  if (const Node n = root.find("name"); n.is(Node::Kind::string)) s->name = std::string(n.string());
  if (const Node n = root.find("title"); n.is(Node::Kind::string)) s->title = std::string(n.string());
  if (const Node n = root.find("source"); n.is(Node::Kind::string)) s->source = std::string(n.string());
  read_forms(*s, options, out);
  read_members(*s, options, out);
  if (!s->members.empty()) check_members_of_tasks(*s, options, out);
  const std::size_t policies_before = out.errors();
  read_policies(*s, options, out);
  read_strategies(*s, out);
  if (out.errors() == policies_before && !s->members.empty()) read_expectations(*s, options, out);
  if (out.errors() != errors) {
    // Compile one variant all the same: as many mistakes as possible in one go.
    if (s->members.empty() || s->forms.empty()) return nullptr;
    const auto object = [&](const char* section) { return root.find(section).is(Node::Kind::object); };
    const bool driver = object("modules") && object("functions");
    const bool threads = !root.find("modules") && object("run") && root.find("run").find("threads").is(Node::Kind::object);
    if (!driver && !threads) return nullptr;  // nothing would be found
  }

  if (s->members.size() * s->forms.size() > most_variants) {
    root.error(out, fmt::format("{} combinations of parameter values and forms", s->members.size() * s->forms.size()),
               fmt::format("at most {}", most_variants));
    return nullptr;
  }

  FormMessages messages(s->forms);
  Reached reached;
  std::size_t work = 0;
  // Under "none" alone, the driver does it all by itself.
  const bool fences = std::ranges::any_of(s->policies, [](const PolicyFile& p) { return !p.does_nothing(); });
  const bool refuses = std::ranges::any_of(s->policies, &PolicyFile::can_refuse);
  for (const Member& m : s->members) {
    for (const std::string& form : s->forms) {
      if (messages.full()) {
        messages.say(root, out);
        return nullptr;
      }
      const Variant variant{m.parameters, form, m.removal, &work, &reached, &s->all_forms};
      std::shared_ptr<const Program> of_mechanisms;
      for (const PolicyFile& policy : s->policies) {
        if (policy.steps == nullptr && of_mechanisms != nullptr) {
          s->programs.push_back(of_mechanisms);
          continue;
        }
        Diagnostics found;
        FileCompiler compiler(*s->document, variant, found);
        auto program = compiler.compile(policy);
        if (program) {
          if (options.grace_period) program->kernel.grace_period = *options.grace_period;
          for (const std::string& d : compiler.defaults_taken())
            if (std::ranges::find(s->defaults_taken, d) == s->defaults_taken.end()) s->defaults_taken.push_back(d);
          if (refuses)
            for (const Node n : compiler.refusals_without_path())
              n.warning(found, "access can be refused here and there is no path for it", "\"else\": a label, or steps");
          const auto removes = std::ranges::find_if(program->modules, [](const ModuleSpec& x) { return x.remove != UINT32_MAX; });
          if (fences && !program->has_fence && removes != program->modules.end())
            root.find("functions")
                .find(program->functions[removes->remove].name)
                .warning(found, fmt::format("'{}' has no step {{\"policy\": \"fence\"}}", program->functions[removes->remove].name),
                         "that step where the policy's half of remove() belongs; without it entry guards and quiescing have no effect");
        }
        s->programs.push_back(program);
        if (policy.steps == nullptr) of_mechanisms = program;
        messages.add(form, found);
        if (!program) break;  // the others would say the same
      }
    }
  }
  messages.say(root, out);
  if (out.errors() != errors) return nullptr;
  warn_about_steps(reached, out);
  check_guarded(*s, out);
  check_expected_words(*s, out);
  if (out.errors() != errors) return nullptr;
  // The published schema must agree with the loader; where it is stricter, its word counts.
  if (const auto* schema = embedded::find("schema/scenario-1.json"))
    if (!check_schema(*s->document, schema->text, out)) return nullptr;
  return s;
}

}  // namespace

std::unique_ptr<Scenario> load_scenario(const std::string& path, const LoadOptions& options, Diagnostics& out) {
  auto document = Document::load(path, out);
  return document ? build(std::move(document), options, out) : nullptr;
}

std::unique_ptr<Scenario> parse_scenario(std::string text, std::string name, const LoadOptions& options, Diagnostics& out) {
  auto document = Document::parse(std::move(text), std::move(name), out);
  return document ? build(std::move(document), options, out) : nullptr;
}

bool check_steps(const PolicyFile& policy, Diagnostics& out) {
  if (policy.steps == nullptr) return true;
  const auto nothing = Document::parse("{}", "", out);
  const Variant variant{};
  return FileCompiler(*nothing, variant, out).compile(policy) != nullptr;
}

std::string removal_name(const std::vector<RemovalStage>& stages) {
  std::string out;
  for (const RemovalStage& s : stages) out += (out.empty() ? "" : "+") + name(s);
  return out;
}

bool Pattern::matches(std::string_view c, std::string_view o, std::string_view f) const {
  const auto fits = [](const std::string& pattern, std::string_view word) { return pattern.empty() || pattern == "*" || pattern == word; };
  return fits(violation_class, c) && fits(object, o) && fits(function, f);
}

}  // namespace unplug::scenarios
