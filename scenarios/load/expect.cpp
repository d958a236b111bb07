// The section "expect": what a file says about its own verdicts.
#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "unplug/model/core/kernel_functions.hpp"
#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/json/values.hpp"
#include "unplug/scenarios/load/entries.hpp"
#include "unplug/scenarios/load/sections.hpp"
#include "unplug/scenarios/world/world.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::string_view pattern_form = "\"class(object)@function\"";
constexpr std::array<std::string_view, 3> pattern_lists{"must", "may", "forbid"};

Pattern split(std::string_view text) {
  Pattern p;
  p.text = std::string(text);
  std::string rest = p.text;
  if (const std::size_t at = rest.find('@'); at != std::string::npos) {
    p.function = rest.substr(at + 1);
    rest.resize(at);
  }
  if (const std::size_t open = rest.find('('); open != std::string::npos) {
    p.object = rest.substr(open + 1);
    if (p.object.ends_with(')')) p.object.pop_back();
    rest.resize(open);
  }
  p.violation_class = rest;
  return p;
}

void check(const Pattern& p, Node n, const std::vector<std::string>& classes, Diagnostics& out) {
  const std::string before = p.text.substr(0, p.text.find('@'));
  if (before.find('(') != std::string::npos && !before.ends_with(')')) {
    n.error(out, fmt::format("'{}' lacks a closing parenthesis", p.text), std::string(pattern_form));
    return;
  }
  if (p.function.find('(') != std::string::npos || p.violation_class.find_first_of(" :") != std::string::npos) {
    n.error(out, fmt::format("'{}' is no pattern of findings", p.text), fmt::format("{}, without what is to be left open", pattern_form));
    return;
  }
  if (p.violation_class != "*" && std::ranges::find(classes, p.violation_class) == classes.end())
    n.error(out, fmt::format("no class of violation '{}'", p.violation_class), "a class (unplug list classes), or *",
            nearest_word(p.violation_class, classes));
}

std::vector<Pattern> patterns(Node n, const std::vector<std::string>& classes, Diagnostics& out) {
  std::vector<Pattern> result;
  if (!n) return result;
  if (!n.is(Node::Kind::array)) {
    n.error(out, fmt::format("found {}", Node::kind_name(n.kind())), fmt::format("an array of {}", pattern_form));
    return result;
  }
  for (std::size_t i = 0; i < n.size(); ++i) {
    const Node p = n.at(i);
    if (!p.is(Node::Kind::string)) {
      p.error(out, fmt::format("found {}", Node::kind_name(p.kind())), std::string(pattern_form));
      continue;
    }
    result.push_back(split(p.string()));
    check(result.back(), p, classes, out);
  }
  return result;
}

// Each word of a string or an array of strings that is not among `known`.
void check_words(Node n, const std::vector<std::string>& known, Diagnostics& out, std::string_view message, const std::string& expected) {
  const auto one = [&](Node w) {
    if (w.is(Node::Kind::string) && std::ranges::find(known, w.string()) == known.end())
      w.error(out, fmt::format(fmt::runtime(message), w.string()), expected, nearest_word(w.string(), known));
  };
  one(n);
  for (std::size_t i = 0; n.is(Node::Kind::array) && i < n.size(); ++i) one(n.at(i));
}

void read_removals(const Scenario& s, const LoadOptions& options, Node n, ExpectRow& row, Diagnostics& out) {
  row.removals = words(n, out, "a way of removal");
  const bool chosen = std::ranges::any_of(options.params, [](const auto& p) { return p.first == "removal"; });
  if (!options.removal.empty() || chosen) return;  // ways are taken away
  std::vector<std::string> ways;
  for (const Member& m : s.members)
    if (const std::string way = removal_name(m.removal); std::ranges::find(ways, way) == ways.end()) ways.push_back(way);
  check_words(n, ways, out, "no way of removal '{}' in this file", fmt::format("one of: {}", fmt::join(ways, ", ")));
}

ExpectRow read_row(const Scenario& s, const LoadOptions& options, const std::vector<std::string>& classes, Node n, Diagnostics& out) {
  ExpectRow row;
  row.forms = words(n.find("form"), out, "a form");
  check_words(n.find("form"), s.all_forms, out, "no form '{}'",
              s.all_forms.empty() ? "no \"form\" here: no step of this file has one"
                                  : fmt::format("one of: {}", fmt::join(s.all_forms, ", ")));
  row.policies = words(n.find("policy"), out, "a policy");
  if (options.policies.empty() && options.without.empty() && !options.policy) {
    std::vector<std::string> run;
    for (const PolicyFile& p : s.policies) run.push_back(p.name);
    check_words(n.find("policy"), run, out, "policy '{}' is not run by this file", fmt::format("one of: {}", fmt::join(run, ", ")));
  }
  read_removals(s, options, n.find("removal"), row, out);
  row.must = patterns(n.find("must"), classes, out);
  row.must_given = n.find("must").is(Node::Kind::array);
  row.may = patterns(n.find("may"), classes, out);
  row.forbid = patterns(n.find("forbid"), classes, out);
  if (const Node in = n.find("in")) {
    const std::vector<std::string> known{"each", "any"};
    check_words(in, known, out, "no '{}'", "each (cell that the row speaks of), or any");
    row.in_any = in.is(Node::Kind::string) && in.string() == "any";
    if (!in.is(Node::Kind::string)) in.error(out, fmt::format("found {}", Node::kind_name(in.kind())), "\"each\" or \"any\"");
    if (row.must.empty()) in.error(out, "\"in\" without \"must\"", "what must be found, in each cell or in any");
  }
  row.never = words(n.find("never"), out, "what never happens: \"foo_open with foo_remove\"");
  if (const Node never = n.find("never"); never && !(n.find("why").is(Node::Kind::string) && !n.find("why").string().empty()))
    never.error(out, "what never happens is accepted without a reason", "\"why\" beside it");
  // A row about parameters nobody has, or values that are never taken, would be met whatever happens.
  row.params = values_of_members(s, options, n.find("params"), out);
  if (const Node e = n.find("evidence")) {
    const std::vector<std::string> kinds{"sampled", "bounded", "exhaustive"};
    if (e.is(Node::Kind::string)) {
      row.evidence = std::string(e.string());
      check_words(e, kinds, out, "no evidence '{}'", fmt::format("{}", fmt::join(kinds, ", ")));
    } else {
      e.error(out, fmt::format("found {}", Node::kind_name(e.kind())), fmt::format("{}", fmt::join(kinds, ", ")));
    }
  }
  struct Count {
    const char* key;
    const char* what;
    std::optional<std::uint64_t>* into;
    std::int64_t least;
  };
  for (const Count& count : {Count{"executions", "executions", &row.executions, 1}, Count{"blocked", "blocked executions", &row.blocked, 0},
                             Count{"failing", "failing executions", &row.failing, 0}, Count{"states", "final states", &row.states, 1}}) {
    const Node c = n.find(count.key);
    if (!c) continue;
    if (c.is(Node::Kind::integer) && c.integer() >= count.least) {
      *count.into = static_cast<std::uint64_t>(c.integer());
    } else {
      c.error(out,
              c.is(Node::Kind::integer) ? fmt::format("{} is no number of {}", c.integer(), count.what)
                                        : fmt::format("found {}", Node::kind_name(c.kind())),
              fmt::format("an integer from {}: how many {} an exhaustive search finds", count.least, count.what));
    }
  }
  if (const Node w = n.find("why"); w.is(Node::Kind::string)) row.why = std::string(w.string());
  return row;
}

// What things are called in an execution of `program` under `policy`: everything that is declared, by the file or by a primitive.
void collect_names(const std::shared_ptr<const Program>& program, const model::PolicySpec& policy, std::set<std::string>& names) {
  sim::Engine engine({.steps_per_task = 1000});  // a loop that nothing ends brings no new names
  World world(program, policy, engine);
  const auto strategy = sim::make_strategy("random");
  const sim::ExecutionInfo info{0, 0, &engine.names()};
  strategy->begin(info);
  engine.run(world, *strategy, info);
  for (std::uint32_t i = 0; i < engine.names().size(); ++i) names.insert(engine.names().text(sim::NameId(i)));
}

}  // namespace

bool ExpectRow::speaks_of(const Member& member, const std::string& form, const std::string& policy) const {
  const auto in = [](const std::vector<std::string>& list, const std::string& word) {
    return list.empty() || std::ranges::find(list, word) != list.end();
  };
  if (!in(forms, form) || !in(policies, policy) || !in(removals, removal_name(member.removal))) return false;
  return std::ranges::all_of(params, [&](const auto& p) {
    const auto v = member.values.find(p.first);
    return v != member.values.end() && v->second == p.second;
  });
}

void read_expectations(Scenario& s, const LoadOptions& options, Diagnostics& out) {
  const Node list = s.document->root().find("expect");
  if (!list) return;
  if (!list.is(Node::Kind::array)) {
    list.error(out, fmt::format("found {}", Node::kind_name(list.kind())), "an array of rows");
    return;
  }
  std::vector<std::string> classes;
  for (const model::ViolationClassInfo& c : model::violation_classes()) classes.emplace_back(c.name);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Node n = list.at(i);
    if (!check_keys(n,
                    {"form", "policy", "removal", "params", "must", "in", "may", "forbid", "never", "evidence", "executions", "blocked",
                     "failing", "states", "why"},
                    {}, "an expectation", out))
      continue;
    s.expect.push_back(read_row(s, options, classes, n, out));
  }
}

void check_expected_words(const Scenario& s, Diagnostics& out) {
  if (s.expect.empty()) return;
  std::set<std::string> functions(model::kernel_functions.begin(), model::kernel_functions.end()), objects;
  for (const auto& program : s.programs) {
    for (const Function& f : program->functions) {
      functions.insert(f.name);
      // A pointer that is NULL leads to nothing that has a name of its own: findings name the member.
      for (const Instruction& i : f.code)
        for (const Operand* o : {&i.operand, &i.second})
          if (o->kind == Operand::Kind::member) objects.insert(o->name);
    }
    objects.insert(program->assertions.begin(), program->assertions.end());
    collect_names(program, {}, objects);
  }
  // Whatever policies this run has, a row may speak of what another one brings along: each mechanism once; its names are its own, not the
  // program's.
  for (const model::MechanismInfo& m : model::mechanisms()) {
    model::PolicySpec spec;
    spec.mechanism[static_cast<std::size_t>(m.part)] = m.name;
    collect_names(s.programs.front(), spec, objects);
  }
  const auto sorted = [](const std::set<std::string>& set) { return std::vector<std::string>(set.begin(), set.end()); };
  const auto declared = [&] {  // what is worth suggesting
    std::set<std::string> out_names;
    for (const auto& program : s.programs) {
      out_names.insert(program->assertions.begin(), program->assertions.end());
      for (const ModuleSpec& m : program->modules) out_names.insert(m.name);
      for (const DeviceSpec& d : program->devices)
        if (!d.name.empty()) out_names.insert(d.name);
      for (const auto& kind : program->entities)
        for (const EntitySpec& e : kind) out_names.insert(e.name);
    }
    return sorted(out_names);
  };
  const auto own = [&] {
    std::set<std::string> out_names;
    for (const auto& program : s.programs)
      for (const Function& f : program->functions) out_names.insert(f.name);
    return sorted(out_names);
  };
  const auto known = [](const std::set<std::string>& names, const std::string& w) { return w.empty() || w == "*" || names.contains(w); };
  const Node list = s.document->root().find("expect");
  // A row about what this run leaves out (another policy, another form) speaks of names that are not there.
  const auto in_this_run = [&](const ExpectRow& row) {
    return std::ranges::any_of(s.members, [&](const Member& m) {
      return std::ranges::any_of(s.forms, [&](const std::string& f) {
        return std::ranges::any_of(s.policies, [&](const PolicyFile& p) { return row.speaks_of(m, f, p.name); });
      });
    });
  };
  std::vector<std::string> never;
  for (const auto& program : s.programs)
    for (std::string& w : never_words(*program))
      if (std::ranges::find(never, w) == never.end()) never.push_back(std::move(w));
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!in_this_run(s.expect[i])) continue;
    check_words(list.at(i).find("never"), never, out, "'{}' is nothing that could happen here",
                "an entry of the driver (\"foo_ioctl\"), one with removal (\"foo_ioctl with foo_remove\"), a task or a step of it "
                "(\"user/open#1\"), or the way of removal");
    for (const std::string_view key : pattern_lists) {
      const Node n = list.at(i).find(key);
      for (std::size_t k = 0; n && k < n.size(); ++k) {
        const Pattern p = split(n.at(k).string());
        if (!known(objects, p.object))
          n.at(k).error(out, fmt::format("no object '{}'", p.object), fmt::format("one of: {}", fmt::join(declared(), ", ")),
                        nearest_word(p.object, declared()));
        if (!known(functions, p.function))
          n.at(k).error(out, fmt::format("no function '{}'", p.function),
                        fmt::format("one of this file: {}; or one of the kernel, as findings name it", fmt::join(own(), ", ")),
                        nearest_word(p.function, sorted(functions)));
      }
    }
  }
}

}  // namespace unplug::scenarios
