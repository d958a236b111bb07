#include "unplug/scenarios/load/sections.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "unplug/scenarios/file/removal_ways.hpp"
#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/json/values.hpp"
#include "unplug/scenarios/language/variant.hpp"
#include "unplug/sim/strategy.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::size_t most_parameters = 100;

void want(Node object, std::string_view key, Node::Kind kind, Diagnostics& out) {
  const Node n = object.find(key);
  if (n && !n.is(kind)) n.error(out, fmt::format("found {}", Node::kind_name(n.kind())), std::string(Node::kind_name(kind)));
}

// The forms that steps name, in the order in which they do; those that a list of forms leaves out are mistakes.
class Forms {
 public:
  Forms(std::vector<std::string>& forms, const std::vector<std::string>* listed, Diagnostics& out)
      : forms_(forms), listed_(listed), out_(out) {}

  void steps(Node list) {
    for (std::size_t i = 0; list.is(Node::Kind::array) && i < list.size(); ++i) {
      const Node step = list.at(i);
      if (!step.is(Node::Kind::object)) continue;
      each_word(step.find("form"), [&](Node f) { add(f); });
      for (const std::string_view block : {"do", "else"}) steps(step.find(block));
    }
  }
  // Of what speaks of forms, and makes none.
  void mention(Node form) {
    each_word(form, [&](Node f) {
      if (std::ranges::find(forms_, f.string()) != forms_.end()) return;
      f.error(out_, fmt::format("no form '{}'", f.string()),
              forms_.empty() ? "no \"form\" here: no step of this file has one" : fmt::format("one of: {}", join(forms_)),
              nearest_word(f.string(), forms_));
    });
  }

 private:
  template <class Visit> static void each_word(Node n, Visit&& visit) {
    if (n.is(Node::Kind::string)) visit(n);
    for (std::size_t k = 0; n.is(Node::Kind::array) && k < n.size(); ++k)
      if (n.at(k).is(Node::Kind::string)) visit(n.at(k));
  }
  void add(Node f) {
    if (forms_.size() > most_variants || std::ranges::find(forms_, f.string()) != forms_.end()) return;
    if (listed_ == nullptr) {
      forms_.emplace_back(f.string());
    } else {
      f.error(out_, fmt::format("'{}' is none of this file's forms", f.string()), fmt::format("one of: {}", join(*listed_)),
              nearest_word(f.string(), *listed_));
    }
  }
  std::vector<std::string>& forms_;
  const std::vector<std::string>* listed_;
  Diagnostics& out_;
};

bool scalar(Node n) { return n.is(Node::Kind::string) || n.is(Node::Kind::integer) || n.is(Node::Kind::boolean) || n.is(Node::Kind::null); }

void check_threads(Node threads, Diagnostics& out) {
  if (threads && !threads.is(Node::Kind::object))
    threads.error(out, fmt::format("found {}", Node::kind_name(threads.kind())), "an object: thread names and what they do");
  for (std::size_t i = 0; threads.is(Node::Kind::object) && i < threads.size(); ++i) {
    const Node t = threads.at(i);
    if (t.is(Node::Kind::array)) continue;
    if (t.is(Node::Kind::object)) {
      check_keys(t, {"count", "as", "params", "do"}, {"do"}, "a thread", out);
    } else {
      t.error(out, fmt::format("found {}", Node::kind_name(t.kind())),
              "an array of steps, or {\"count\": N, \"as\": LOCAL, \"params\": {...}, \"do\": [...]}");
    }
  }
}

void check_final(Node final, Diagnostics& out) {
  if (!final.is(Node::Kind::object)) return;
  check_keys(final, {"observe", "forbid", "require"}, {}, "the final state", out);
  for (const char* key : {"observe", "forbid", "require"}) {
    const Node list = final.find(key);
    want(final, key, Node::Kind::array, out);
    for (std::size_t i = 0; list.is(Node::Kind::array) && i < list.size(); ++i)
      if (list.at(i).is(Node::Kind::object)) check_keys(list.at(i), {"that", "form"}, {"that"}, "a condition", out);
  }
}

void check_module(Node m, Diagnostics& out) {
  if (!check_keys(m,
                  {"depends", "functions", "init", "probe", "remove", "exit", "post_unbind", "static", "fops", "file_operations",
                   "vm_operations", "dev_groups"},
                  {}, "a module", out))
    return;
  const auto operations = [&](Node n, std::string_view what) {
    check_keys(n, {"owner", "open", "release", "flush", "read", "write", "unlocked_ioctl", "poll", "mmap"}, {}, what, out);
  };
  if (const Node fops = m.find("fops")) operations(fops, "fops");
  for (const char* key : {"file_operations", "vm_operations", "dev_groups"}) want(m, key, Node::Kind::object, out);
  want(m, "functions", Node::Kind::array, out);
  const Node files = m.find("file_operations"), vm = m.find("vm_operations");
  for (std::size_t i = 0; files.is(Node::Kind::object) && i < files.size(); ++i) operations(files.at(i), "a table of file operations");
  for (std::size_t i = 0; vm.is(Node::Kind::object) && i < vm.size(); ++i)
    check_keys(vm.at(i), {"open", "close", "fault"}, {}, "a table of operations of mappings", out);
}

}  // namespace

void check_structure(Node root, Diagnostics& out) {
  const bool known = check_keys(root,
                                {"$schema", "unplug", "name", "title", "source", "description", "kernel", "params", "forms", "shared",
                                 "modules", "devices", "functions", "run", "final", "policies", "strategies", "expect"},
                                {"name", "run"}, "a scenario", out);
  const bool threads = root.find("run").is(Node::Kind::object) && root.find("run").find("threads");
  constexpr std::string_view something = "\"modules\" and \"functions\", or \"threads\" in \"run\"";
  if (!threads && !root.find("modules") && !root.find("functions")) {
    root.error(out, "a scenario with neither driver nor threads", std::string(something));
  } else if (known) {  // else the missing one may be the one that is misspelt
    for (const char* key : {"modules", "functions"})
      if (!threads && !root.find(key)) root.error(out, fmt::format("a scenario needs the key '{}'", key), std::string(something));
  }
  for (const char* key : {"name", "title", "source", "description"}) want(root, key, Node::Kind::string, out);
  for (const char* key : {"kernel", "params", "shared", "modules", "devices", "functions", "run", "final"})
    want(root, key, Node::Kind::object, out);
  if (const Node k = root.find("kernel"); k.is(Node::Kind::object))
    check_keys(k,
               {"version", "PREEMPT_RCU", "HZ", "cpus", "grace_periods", "grace_period", "unload_grace_period", "irq_is_rcu_reader",
                "DEBUG_SHIRQ", "keventd", "private_data_first", "lazy_vunmap_flush", "iommu"},
               {}, "the kernel configuration", out);
  if (const Node m = root.find("modules"); m.is(Node::Kind::object)) {
    if (m.size() == 0) m.error(out, "no module", "one with the driver under test");
    for (std::size_t i = 0; i < m.size(); ++i) check_module(m.at(i), out);
  }
  (void)read_roster(root, out);
  check_final(root.find("final"), out);
  if (const Node r = root.find("run"); r.is(Node::Kind::object)) {
    check_keys(r, {"cpus", "removal", "removal_after", "remove_bound", "fail_probe", "shared_descriptors", "tasks", "threads"}, {}, "run",
               out);
    for (const char* key : {"removal", "tasks"})
      if (root.find("modules") && !r.find(key)) r.error(out, fmt::format("run needs the key '{}'", key));
    want(r, "shared_descriptors", Node::Kind::array, out);
    check_threads(r.find("threads"), out);
    const Node tasks = r.find("tasks");
    if (tasks && !tasks.is(Node::Kind::object))
      tasks.error(out, fmt::format("found {}", Node::kind_name(tasks.kind())), "an object: task names and what they do");
    for (std::size_t i = 0; tasks.is(Node::Kind::object) && i < tasks.size(); ++i) {
      check_keys(tasks.at(i), {"count", "do", "forked_by", "raise", "times", "within", "cpu", "enabled_by", "params"}, {}, "a task", out);
      for (const std::string_view taken : {"probe", "remove"})
        if (tasks.key(i) == taken)
          tasks.key_node(i).error(out, fmt::format("the name '{}' is the model's own", taken), "another name for this task");
    }
  }
}

void read_forms(Scenario& s, const LoadOptions& options, Diagnostics& out) {
  const Node list = s.document->root().find("forms");
  std::vector<std::string> forms = words(list, out, "an array of forms");
  const std::vector<std::string> listed = forms;
  const Node root = s.document->root(), functions = root.find("functions"), run = root.find("run");
  Forms named(forms, list ? &listed : nullptr, out);
  for (std::size_t i = 0; functions.is(Node::Kind::object) && i < functions.size(); ++i) named.steps(functions.at(i));
  for (const char* section : {"tasks", "threads"}) {
    const Node tasks = run.is(Node::Kind::object) ? run.find(section) : Node{};
    for (std::size_t i = 0; tasks.is(Node::Kind::object) && i < tasks.size(); ++i) {
      named.steps(tasks.at(i));
      if (tasks.at(i).is(Node::Kind::object)) named.steps(tasks.at(i).find("do"));
    }
  }
  const Node final = root.find("final");
  for (const char* section : {"forbid", "require"}) {
    const Node conditions = final.is(Node::Kind::object) ? final.find(section) : Node{};
    for (std::size_t i = 0; conditions.is(Node::Kind::array) && i < conditions.size(); ++i)
      if (conditions.at(i).is(Node::Kind::object)) named.mention(conditions.at(i).find("form"));
  }
  for (const std::string& f : options.forms) {
    if (std::ranges::find(forms, f) == forms.end())
      option_error(out, "--form", fmt::format("no form '{}' in {}", f, s.path), forms.empty() ? "this file has no forms" : join(forms),
                   nearest_word(f, forms));
  }
  s.all_forms = forms;
  if (!options.forms.empty())
    std::erase_if(forms, [&](const std::string& f) { return std::ranges::find(options.forms, f) == options.forms.end(); });
  s.forms = forms.empty() ? std::vector<std::string>{""} : forms;
}

void read_members(Scenario& s, const LoadOptions& options, Diagnostics& out) {
  struct Dimension {
    std::string name;
    std::vector<Node> values;
  };
  std::vector<Dimension> dimensions;
  const Node params = s.document->root().find("params");
  std::vector<std::string> names;
  for (std::size_t i = 0; params.is(Node::Kind::object) && i < params.size(); ++i) {
    Dimension d{std::string(params.key(i)), {}};
    names.push_back(d.name);
    const Node v = params.at(i);
    if (v.is(Node::Kind::array)) {
      for (std::size_t k = 0; k < v.size(); ++k) d.values.push_back(v.at(k));
      if (v.size() == 0) v.error(out, fmt::format("parameter '{}' has no value", d.name), "a value, or an array of values to sweep");
    } else {
      d.values.push_back(v);
    }
    for (const Node value : d.values)
      if (!scalar(value))
        value.error(out, fmt::format("found {}", Node::kind_name(value.kind())), "a string, an integer, true, false or null");
    dimensions.push_back(std::move(d));
  }
  const Node run = s.document->root().find("run");
  const Node removal = run.is(Node::Kind::object) ? run.find("removal") : Node{};
  Diagnostics said;  // by check_structure()
  std::vector<std::vector<RemovalStage>> ways = removal_ways(removal, read_roster(s.document->root(), said), out);
  if (ways.empty() && removal)
    removal.error(out, "no way of removal", "unbind, rmmod, or words done one after another: [\"unbind\", \"rmmod\"]");
  const auto only = [&](const std::string& way) { std::erase_if(ways, [&](const auto& w) { return removal_name(w) != way; }); };
  names.emplace_back("removal");  // which members are named after as well
  for (const auto& [name, text] : options.params) {
    if (name == "removal" && !(params.is(Node::Kind::object) && params.find(name))) {
      std::vector<std::string> known;
      for (const auto& w : ways) known.push_back(removal_name(w));
      if (std::ranges::find(known, text) == known.end())
        option_error(out, "--param", fmt::format("no way of removal '{}' in {}", text, s.path), fmt::format("one of: {}", join(known)),
                     nearest_word(text, known));
      only(text);
      continue;
    }
    const auto d = std::ranges::find(dimensions, name, &Dimension::name);
    if (d == dimensions.end()) {
      option_error(out, "--param", fmt::format("no parameter '{}' in {}", name, s.path), fmt::format("one of: {}", join(names)),
                   nearest_word(name, names));
      continue;
    }
    Diagnostics quiet;
    auto value = Document::parse(text, "--param " + name, quiet);
    if (!value || !scalar(value->root())) value = Document::parse(nlohmann::json(text).dump(), "--param " + name, quiet);
    d->values = {value->root()};
    s.overrides.push_back(std::move(value));
  }

  if (!s.document->root().find("modules") && ways.empty()) ways.emplace_back();  // nothing is removed
  if (!options.removal.empty()) only(options.removal);

  std::size_t combinations = ways.size();
  for (const Dimension& d : dimensions) combinations = std::min(combinations * d.values.size(), most_variants + 1);
  if (combinations > most_variants || dimensions.size() > most_parameters) {
    params.error(out,
                 combinations > most_variants ? fmt::format("more than {} combinations of parameter values", most_variants)
                                              : fmt::format("{} parameters", dimensions.size()),
                 combinations > most_variants ? std::string{} : fmt::format("at most {}", most_parameters));
    return;
  }

  s.members.push_back({});
  for (const Dimension& d : dimensions) {
    std::vector<Member> next;
    for (const Member& m : s.members) {
      for (const Node v : d.values) {
        Member x = m;
        x.parameters[d.name] = v;
        x.values[d.name] = json_text(v);
        if (d.values.size() > 1)
          x.name +=
              fmt::format("{}{}={}", x.name.empty() ? "" : ", ", d.name, v.is(Node::Kind::string) ? std::string(v.string()) : json_text(v));
        next.push_back(std::move(x));
      }
    }
    s.members = std::move(next);
  }
  std::vector<Member> members;
  for (const Member& m : s.members) {
    for (const auto& way : ways) {
      Member x = m;
      x.removal = way;
      if (ways.size() > 1) x.name += fmt::format("{}removal={}", x.name.empty() ? "" : ", ", removal_name(way));
      members.push_back(std::move(x));
    }
  }
  s.members = std::move(members);
}

void read_strategies(Scenario& s, Diagnostics& out) {
  const Node n = s.document->root().find("strategies");
  std::vector<std::string> known;
  for (const sim::StrategyInfo& i : sim::strategies()) known.emplace_back(i.name);
  s.strategies = words(n, out, "an array of strategies");
  const auto check = [&](Node word) {
    if (word.is(Node::Kind::string) && !sim::known_strategy(word.string()))
      word.error(out, fmt::format("no strategy '{}'", word.string()), fmt::format("one of: {}", join(known)),
                 nearest_word(word.string(), known));
  };
  if (n.is(Node::Kind::string)) check(n);
  for (std::size_t i = 0; n.is(Node::Kind::array) && i < n.size(); ++i) check(n.at(i));
}

}  // namespace unplug::scenarios
