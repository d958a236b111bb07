#include "unplug/scenarios/language/set_up.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "unplug/scenarios/language/verb.hpp"

namespace unplug::scenarios {
namespace {

// Whether a jump leads back over instruction `at`.
bool in_loop(const Function& f, std::size_t at) {
  for (std::size_t j = at; j < f.code.size(); ++j)
    if (f.code[j].target <= at) return true;
  return false;
}

}  // namespace

bool made_once(const Program& program, std::size_t f, std::size_t at) {
  const Function& function = program.functions[f];
  const ModuleSpec& module = program.modules[function.module];
  return (f == module.probe || f == module.init) && function.code[at].operand.scope == Scope::binding && !in_loop(function, at);
}

bool declares(const Program& program, const Instruction& i) {
  const Verb* const v = i.site == no_site ? nullptr : find_verb(program.sites[i.site].verb);
  return v != nullptr && v->operand == OperandKind::declaration && i.operand.kind == Operand::Kind::entity && i.operand.entity == v->entity;
}

std::set<std::uint32_t> made_each_time(const Program& program) {
  std::set<std::uint32_t> many;
  for (const Function& f : program.functions)
    for (const Instruction& i : f.code)
      if (i.to != no_local && !i.named && i.operand.entity == EntityKind::allocation && declares(program, i)) many.insert(i.operand.index);
  return many;
}

void find_what_is_set_up_again(Program& program, std::size_t functions) {
  std::map<std::pair<EntityKind, std::uint32_t>, unsigned> places;
  const auto each = [&](auto&& visit) {
    for (std::size_t f = 0; f < functions; ++f)
      for (std::size_t at = 0; at < program.functions[f].code.size(); ++at)
        if (Instruction& i = program.functions[f].code[at]; i.sets_up) visit(f, at, i);
  };
  // Memory of which each is another one: its members are never those that the declaration names.
  const auto& allocations = program.of(EntityKind::allocation);
  const std::set<std::uint32_t> many = made_each_time(program);
  const auto in_many = [&](std::uint32_t allocation) {
    for (; allocation != UINT32_MAX; allocation = allocations[allocation].allocation)
      if (many.contains(allocation)) return true;
    return false;
  };
  each([&](std::size_t, std::size_t, const Instruction& i) {
    if (i.operand.kind == Operand::Kind::entity) ++places[{i.operand.entity, i.operand.index}];
  });
  for (std::size_t f = functions; f < program.functions.size(); ++f)
    for (Instruction& i : program.functions[f].code) i.sets_up = false;
  each([&](std::size_t f, std::size_t at, Instruction& i) {
    if (i.operand.kind != Operand::Kind::entity || in_many(program.of(i.operand.entity)[i.operand.index].allocation)) {
      i.sets_up = false;
      return;
    }
    if (made_once(program, f, at) && places[{i.operand.entity, i.operand.index}] == 1) i.sets_up = false;
  });
}

void find_who_puts_modules(Program& program) {
  const auto verb = [&](const Instruction& i) {
    return i.site == no_site ? std::string_view{} : std::string_view(program.sites[i.site].verb);
  };
  std::set<std::uint32_t> actions;
  for (const Function& f : program.functions)
    for (const Instruction& i : f.code)
      if (i.function != UINT32_MAX && verb(i).starts_with("devm_")) actions.insert(i.function);
  const auto puts = [&](const std::vector<std::uint32_t>& from) {
    std::set<std::uint32_t> seen;
    std::vector<std::uint32_t> open(from);
    open.insert(open.end(), actions.begin(), actions.end());
    while (!open.empty()) {
      const std::uint32_t f = open.back();
      open.pop_back();
      if (f >= program.functions.size() || !seen.insert(f).second) continue;
      for (const Instruction& i : program.functions[f].code) {
        if (verb(i).starts_with("module_put")) return true;
        open.push_back(i.function);
      }
    }
    return false;
  };
  program.puts_modules.clear();
  for (const DeviceSpec& d : program.devices) {
    const ModuleSpec& m = program.modules[d.module];
    program.puts_modules.push_back(d.real ? puts({m.remove, m.post_unbind}) : puts({m.exit}));
  }
}

}  // namespace unplug::scenarios
