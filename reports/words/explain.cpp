#include "unplug/reports/words/explain.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "unplug/embedded/scenarios.hpp"
#include "unplug/model/core/violation_class.hpp"
#include "unplug/reports/page/layout.hpp"
#include "unplug/reports/words/glossary.hpp"
#include "unplug/reports/words/reference.hpp"
#include "unplug/scenarios/language/entities.hpp"
#include "unplug/scenarios/language/shape.hpp"
#include "unplug/scenarios/reference/listing.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::reports {
namespace {

using scenarios::Node;

// A heading, then lines of a label and what it says.
class WordPage {
 public:
  WordPage(std::string_view word, std::string_view kind, std::size_t width) : width_(width) { out_ = fmt::format("{} ({})\n", word, kind); }
  void text(std::string_view words) {
    for (const std::string& line : wrap(words, width_ - 2)) out_ += "  " + line + "\n";
  }
  void gap() { out_ += '\n'; }
  // A label that is too long for its column has a line of its own.
  void row(std::string label, std::string_view words) {
    if (words.empty()) return;
    if (label.size() >= column) out_ += fmt::format("  {}\n", std::exchange(label, {}));
    for (const std::string& line : wrap(words, width_ - column - 2))
      out_ += fmt::format("  {:<{}}{}\n", std::exchange(label, {}), column, line);
  }
  // As it is: to be copied.
  void verbatim(std::string_view label, std::string_view line) { out_ += fmt::format("  {:<{}}{}\n", label, column, line); }
  [[nodiscard]] const std::string& str() const { return out_; }

 private:
  static constexpr std::size_t column = 14;
  std::string out_;
  std::size_t width_;
};

// A value as one line of JSON.
std::string one_line(Node n) {
  std::string out;
  switch (n.kind()) {
    case Node::Kind::object:
      for (std::size_t i = 0; i < n.size(); ++i)
        out += fmt::format("{}{}: {}", i == 0 ? "" : ", ", nlohmann::json(std::string(n.key(i))).dump(), one_line(n.at(i)));
      return "{" + out + "}";
    case Node::Kind::array:
      for (std::size_t i = 0; i < n.size(); ++i) out += (i == 0 ? "" : ", ") + one_line(n.at(i));
      return "[" + out + "]";
    case Node::Kind::string: return nlohmann::json(std::string(n.string())).dump();
    case Node::Kind::integer: return fmt::format("{}", n.integer());
    case Node::Kind::boolean: return n.boolean() ? "true" : "false";
    case Node::Kind::null:
    case Node::Kind::real: break;
  }
  return "null";
}

bool is_common(std::string_view key) {
  return std::ranges::find(scenarios::common_keys(), key, &scenarios::CommonKey::name) != scenarios::common_keys().end();
}

// Whether the value is a step of that verb: its name, and else only what the closed list allows.
bool is_step_of(Node n, const scenarios::Verb& verb) {
  if (n.is(Node::Kind::string)) return n.string() == verb.name && scenarios::may_be_bare(verb);
  if (!n.is(Node::Kind::object) || !n.find(verb.name)) return false;
  for (std::size_t i = 0; i < n.size(); ++i)
    if (const std::string_view key = n.key(i); key != verb.name && !scenarios::takes_key(verb, key) && !is_common(key)) return false;
  return std::ranges::all_of(verb.keys, [&](const scenarios::KeySpec& k) { return !k.required || n.find(k.name); });
}

constexpr std::size_t longest_example = 100;

// The first step of that verb that is short enough, in the steps below `n`.
std::optional<Node> find_step(Node n, const scenarios::Verb& verb, bool among_steps) {
  if (among_steps && is_step_of(n, verb) && one_line(n).size() <= longest_example) return n;
  if (!n.is(Node::Kind::object) && !n.is(Node::Kind::array)) return {};
  for (std::size_t i = 0; i < n.size(); ++i)
    if (auto found = find_step(n.at(i), verb, n.is(Node::Kind::array))) return found;
  return {};
}

std::string explain_verb(const scenarios::Verb& v, std::size_t width) {
  WordPage page(v.name, "verb", width);
  page.text(v.summary);
  page.gap();
  page.row("form", scenarios::form(v));
  const scenarios::Shape operand = scenarios::operand_shape(v);
  if (v.operand != scenarios::OperandKind::none) page.row(operand.placeholder, operand.meaning);
  for (const scenarios::KeySpec& k : v.keys)
    page.row(fmt::format("\"{}\"", k.name), fmt::format("{}{}", k.meaning, k.required ? "" : " (may be left out)"));
  page.row("stands in", scenarios::place_words(v.place));
  if (!v.alias_of.empty()) page.row("meant is", fmt::format("{}, of which this is another name", v.alias_of));
  page.row("also", fmt::format("{}", fmt::join(scenarios::aliases(v), ", ")));
  page.row("models", v.models);
  page.row("left out", v.leaves_out);
  const Example example = example_of(v);
  page.verbatim("example", example.step);
  if (!example.where.empty()) page.verbatim("", "in " + example.where);
  return page.str();
}

// The shipped scenarios in which a run must show the class.
std::vector<std::string> shown_in(std::string_view name) {
  std::vector<std::string> out;
  for (const auto& f : scenarios::embedded::files()) {
    scenarios::Diagnostics quiet;
    const auto d = scenarios::Document::parse(std::string(f.text), std::string(f.name), quiet);
    const Node rows = d && d->root().is(Node::Kind::object) ? d->root().find("expect") : Node{};
    for (std::size_t i = 0; rows.is(Node::Kind::array) && i < rows.size(); ++i) {
      const Node must = rows.at(i).is(Node::Kind::object) ? rows.at(i).find("must") : Node{};
      for (std::size_t k = 0; must.is(Node::Kind::array) && k < must.size(); ++k) {
        if (!must.at(k).is(Node::Kind::string)) continue;
        const std::string_view pattern = must.at(k).string();
        if (pattern.substr(0, pattern.find_first_of("(@")) == name && (out.empty() || out.back() != "scenarios/" + std::string(f.name)))
          out.push_back("scenarios/" + std::string(f.name));
      }
    }
  }
  return out;
}

std::string explain_class(const model::ViolationClassInfo& c, std::size_t width) {
  WordPage page(c.name, "class of violation", width);
  page.text(c.meaning);
  page.gap();
  page.row("weight", c.note ? "a note: weird, not wrong, unless a scenario forbids it" : "an error");
  page.row("expected", fmt::format("\"{0}\": any; \"{0}(OBJECT)@FUNCTION\": of that object, in that function", c.name));
  page.row("shown by", fmt::format("{}", fmt::join(shown_in(c.name), ", ")));
  return page.str();
}

std::optional<scenarios::PolicyFile> builtin(std::string_view word) {
  const std::vector<std::string> names = scenarios::builtin_policies();
  if (std::ranges::find(names, word) == names.end()) return {};
  scenarios::Diagnostics quiet;
  return scenarios::find_policy(std::string(word), {}, {}, quiet);
}

// The places in scenario and policy files where a key of that name stands. Empty if there is none.
std::string explain_key(std::string_view word, std::size_t width) {
  std::string out;
  for (const std::string_view kind : {"scenario", "policy"}) {
    WordPage page(word, kind == "scenario" ? "key of a scenario file" : "key of a policy file", width);
    bool found = false;
    for (const FileKey& k : keys_of_files(kind)) {
      if (word.empty() || k.word() != word) continue;
      found = true;
      page.row(k.path, k.meaning.empty() ? k.value : fmt::format("{} ({})", k.meaning, k.value));
    }
    if (found) out += (out.empty() ? "" : "\n") + page.str();
  }
  return out;
}

// The verbs of a list, as many as fit into a line or two.
std::string some_of(const std::vector<std::string>& verbs) {
  constexpr std::size_t most = 6;
  const std::vector<std::string> first(verbs.begin(), verbs.begin() + static_cast<std::ptrdiff_t>(std::min(verbs.size(), most)));
  return fmt::format("{}{}", fmt::join(first, ", "), verbs.size() > most ? fmt::format(" and {} more", verbs.size() - most) : "");
}

// A key of steps: what each verb that takes it means by it; verbs that say the same together.
std::string explain_step_key(std::string_view word, std::size_t width) {
  for (const scenarios::CommonKey& k : scenarios::common_keys()) {
    if (k.name != word) continue;
    WordPage page(word, "key of every step", width);
    page.text(k.meaning);
    return page.str();
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> meanings;
  for (const scenarios::Verb& v : scenarios::verbs())
    for (const scenarios::KeySpec& k : v.keys) {
      if (k.name != word || !v.alias_of.empty()) continue;
      const auto said = std::ranges::find(meanings, k.meaning, &std::pair<std::string, std::vector<std::string>>::first);
      auto& verbs =
          said != meanings.end() ? said->second : meanings.emplace_back(std::string(k.meaning), std::vector<std::string>{}).second;
      verbs.emplace_back(v.name);
    }
  if (meanings.empty()) return {};
  WordPage page(word, "key of steps", width);
  for (const auto& [meaning, verbs] : meanings) page.text(fmt::format("{} (of {})", meaning, some_of(verbs)));
  return page.str();
}

// A word that a key of steps takes: a flag.
std::string explain_choice(std::string_view word, std::size_t width) {
  std::vector<std::string> where;
  std::string meaning;
  for (const scenarios::Verb& v : scenarios::verbs())
    for (const scenarios::KeySpec& k : v.keys)
      if (k.kind == scenarios::KeyKind::words && v.alias_of.empty() &&
          (" " + std::string(k.choices) + " ").find(fmt::format(" {} ", word)) != std::string::npos) {
        where.emplace_back(v.name);
        meaning = fmt::format("\"{}\": {}", k.name, k.meaning);
      }
  if (where.empty()) return {};
  WordPage page(word, "word of a key of steps", width);
  page.text(fmt::format("{} (of {})", meaning, some_of(where)));
  return page.str();
}

std::string explain_strategy(const sim::StrategyInfo& s, std::size_t width) {
  WordPage page(s.name, "strategy", width);
  page.text(s.summary);
  if (!s.parameter.empty()) page.row(fmt::format("{}(N)", s.name), s.parameter);
  return page.str();
}

std::string explain_report_word(std::string_view word, std::size_t width) {
  for (const GlossaryWord& g : glossary()) {
    if (g.word != word) continue;
    WordPage page(word, "word of a report", width);
    page.text(g.meaning);
    return page.str();
  }
  return {};
}

// A kind of thing: what makes one, and what works on it.
std::string explain_thing(std::string_view word, std::size_t width) {
  for (std::size_t k = scenarios::first_listed_kind; k < scenarios::entity_kinds; ++k) {
    const auto kind = static_cast<scenarios::EntityKind>(k);
    if (scenarios::name(kind) != word) continue;
    WordPage page(word, "kind of thing", width);
    page.row("is", scenarios::declared_by(kind));
    std::vector<std::string> on;
    for (const scenarios::Verb& v : scenarios::verbs())
      if (v.entity == kind && v.operand == scenarios::OperandKind::entity && v.alias_of.empty()) on.emplace_back(v.name);
    page.row("verbs on it", fmt::format("{}", fmt::join(on, ", ")));
    return page.str();
  }
  return {};
}

void add_step_words(std::vector<std::string>& words) {
  for (const scenarios::CommonKey& k : scenarios::common_keys()) words.emplace_back(k.name);
  for (const scenarios::Verb& v : scenarios::verbs())
    for (const scenarios::KeySpec& k : v.keys) {
      words.emplace_back(k.name);
      for (std::size_t at = 0; k.kind == scenarios::KeyKind::words && at < k.choices.size();) {
        const std::size_t end = std::min(k.choices.find(' ', at), k.choices.size());
        words.emplace_back(k.choices.substr(at, end - at));
        at = end + 1;
      }
    }
}

}  // namespace

Example example_of(const scenarios::Verb& verb) {
  for (const auto& f : scenarios::embedded::files()) {
    scenarios::Diagnostics quiet;
    const auto d = scenarios::Document::parse(std::string(f.text), std::string(f.name), quiet);
    if (!d) continue;
    if (const auto step = find_step(d->root(), verb, false))
      return {one_line(*step), fmt::format("scenarios/{}:{}", f.name, step->position().line)};
  }
  scenarios::Diagnostics quiet;
  const auto made = scenarios::Document::parse(scenarios::minimal_step(verb).dump(), "example", quiet);
  return {one_line(made->root()), {}};
}

std::vector<std::string> words_to_explain() {
  std::vector<std::string> words = scenarios::builtin_policies();
  for (const scenarios::Verb& v : scenarios::verbs()) words.emplace_back(v.name);
  for (const model::ViolationClassInfo& c : model::violation_classes()) words.emplace_back(c.name);
  for (const std::string_view kind : {"scenario", "policy"})
    for (const FileKey& k : keys_of_files(kind))
      if (const std::string word = k.word(); !word.empty()) words.push_back(word);
  add_step_words(words);
  for (const sim::StrategyInfo& s : sim::strategies()) words.emplace_back(s.name);
  for (const GlossaryWord& g : glossary()) words.emplace_back(g.word);
  for (std::size_t k = scenarios::first_listed_kind; k < scenarios::entity_kinds; ++k)
    words.emplace_back(scenarios::name(static_cast<scenarios::EntityKind>(k)));
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

std::string explain_word(std::string_view word, std::size_t width) {
  std::vector<std::string> pages;
  if (const scenarios::Verb* v = scenarios::find_verb(word)) pages.push_back(explain_verb(*v, width));
  if (const auto c = model::violation_class(word)) pages.push_back(explain_class(model::info(*c), width));
  if (const auto p = builtin(word)) pages.push_back(explain_policy(*p, width));
  for (const sim::StrategyInfo& s : sim::strategies())
    if (s.name == word) pages.push_back(explain_strategy(s, width));
  for (auto* const explain : {explain_key, explain_step_key, explain_choice, explain_thing, explain_report_word})
    if (std::string page = explain(word, width); !page.empty()) pages.push_back(std::move(page));
  return fmt::format("{}", fmt::join(pages, "\n"));
}

std::string explain_policy(const scenarios::PolicyFile& policy, std::size_t width) {
  WordPage page(policy.name, "policy", width);
  page.text(policy.title);
  page.gap();
  page.row("shipped by", policy.shipped_by);
  page.row("since", policy.since);
  page.row("is", policy.description);
  const auto steps = [&](std::string_view name, std::optional<model::Part> part) {
    const std::string at = scenarios::steps_at(policy, part);
    if (!at.empty()) page.row(std::string(name), "steps at" + at);
    return !at.empty();
  };
  for (const model::PartInfo& part : model::parts()) {
    if (steps(part.name, part.part)) continue;
    for (const model::MechanismInfo& m : model::mechanisms())
      if (m.part == part.part && m.name == policy.spec[part.part])
        page.row(std::string(part.name),
                 fmt::format("{}: {}{}", m.name, m.summary, m.models.empty() ? "" : fmt::format(" [{}]", m.models)));
  }
  steps("binding", {});
  if (policy.steps == nullptr) return page.str();
  page.gap();
  for (const std::string& line : scenarios::listing(*policy.steps, "")) line.empty() ? page.gap() : page.verbatim("", line);
  return page.str();
}

std::string explain_failure(const scenarios::FailureFile& failure, const std::string& path, std::size_t width) {
  WordPage page(path, "failure file", width);
  page.text(failure.message);
  page.gap();
  const auto known = model::violation_class(failure.violation_class);
  page.row("class", known ? fmt::format("{}: {}", failure.violation_class, model::info(*known).meaning) : failure.violation_class);
  const std::size_t open = failure.signature.find('('), close = failure.signature.find("): ");
  if (open != std::string::npos && close != std::string::npos && open < close)
    page.row("object", failure.signature.substr(open + 1, close - open - 1));
  page.row("signature", failure.signature);
  std::string how = failure.form.empty() ? "" : fmt::format(", form '{}'", failure.form);
  for (const auto& [name, value] : failure.params) how += fmt::format(", {}={}", name, value);
  page.row("scenario", fmt::format("{}{}, removal {}", failure.scenario_path, how, failure.removal));
  std::string parts;
  for (const model::PartInfo& part : model::parts())
    if (failure.policy.spec[part.part] != "none")
      parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", part.name, failure.policy.spec[part.part]);
  page.row("policy", fmt::format("{}: {}", failure.policy.name, parts.empty() ? "no part does anything" : parts));
  page.row("found by",
           fmt::format("{}, seed {}, execution {}{}", failure.strategy, failure.seed, failure.index, failure.timed ? ", timed" : ""));
  page.row("replay", fmt::format("{} steps, {} of them decided", failure.steps, failure.decisions.size()));
  page.verbatim("", fmt::format("unplug replay {}", path));
  page.verbatim("", fmt::format("unplug replay {} --steps", path));
  return page.str();
}

}  // namespace unplug::reports
