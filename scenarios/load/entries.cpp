#include "unplug/scenarios/load/entries.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/language/verb.hpp"
#include "unplug/scenarios/load/scenario.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::uint32_t none = UINT32_MAX;

// A verb whose function runs later, in somebody else's context, though no thing is declared by it: call_rcu() and its like.
bool calls_later(const Verb& v) {
  return v.operand != OperandKind::declaration && std::ranges::any_of(v.keys, [](const KeySpec& k) {
           return k.kind == KeyKind::function && (k.name == "fn" || k.name == "confirm");
         });
}

}  // namespace

std::map<std::uint32_t, std::string> entries_of(const Program& p) {
  std::map<std::uint32_t, std::string> out;
  const auto add = [&](std::uint32_t function, std::string how) {
    if (function != none && function < p.functions.size()) out.emplace(function, std::move(how));
  };
  for (const FopsSpec& f : p.fops)
    for (const std::uint32_t function : f.functions) add(function, "was never entered");
  for (const VmOpsSpec& v : p.vm_ops)
    for (const std::uint32_t function : {v.open, v.close, v.fault}) add(function, "was never entered");
  for (std::size_t k = 0; k < entity_kinds; ++k) {
    const auto kind = static_cast<EntityKind>(k);
    for (const EntitySpec& e : p.of(kind)) {
      if (e.of_policy) continue;
      if (has_function(kind))
        add(e.function, kind == EntityKind::irq ? fmt::format("was never entered: interrupt '{}' never came", e.name)
                                                : fmt::format("was never entered: {} '{}' never ran", name(kind), e.name));
      add(e.function_of("thread_fn"), fmt::format("was never entered: the thread of '{}' was never woken", e.name));
      add(e.function_of("release"), fmt::format("was never entered: '{}' was never released", e.name));
    }
  }
  for (const Function& f : p.functions)
    for (const Instruction& i : f.code)
      if (const Verb* v = i.site == no_site ? nullptr : find_verb(p.sites[i.site].verb); v != nullptr && calls_later(*v))
        add(i.function, fmt::format("was never entered: no callback of {} ran", v->name));
  for (std::uint32_t f = 0; f < p.functions.size(); ++f)
    if (p.functions[f].unused) add(f, "was never entered: nothing in the file leads to it");
  // A policy's own code is no entry of the driver.
  std::erase_if(out, [&](const auto& e) { return !p.functions[e.first].driver; });
  return out;
}

std::string with_removal(const Program& p, std::uint32_t function) {
  const ModuleSpec& m = p.modules[p.functions[function].module];
  const std::uint32_t last = m.remove != none ? m.remove : m.exit;
  return fmt::format("{} with {}", p.functions[function].name, last == none ? "unbind" : p.functions[last].name);
}

std::string step_name(const SiteSpec& s) { return s.function + "/" + s.step; }

std::vector<std::uint32_t> sites_that_ask(const Program& p, const TaskSpec& task) {
  std::vector<std::uint32_t> out;
  if (task.function == none) return out;
  for (const Instruction& i : p.functions[task.function].code)
    if (i.asks && std::ranges::find(out, i.site) == out.end()) out.push_back(i.site);
  return out;
}

std::vector<std::string> never_words(const Program& p) {
  std::vector<std::string> out;
  for (std::uint32_t f = 0; f < p.functions.size(); ++f) {
    if (!p.functions[f].driver) continue;
    out.push_back(p.functions[f].name);
    out.push_back(with_removal(p, f));
  }
  for (const TaskSpec& task : p.tasks) {
    if (task.kind != TaskSpec::Kind::user) continue;
    out.push_back(task.role);
    for (const std::uint32_t s : sites_that_ask(p, task)) out.push_back(step_name(p.sites[s]));
  }
  if (!p.removal.empty()) out.push_back(removal_name(p.removal));
  return out;
}

}  // namespace unplug::scenarios
