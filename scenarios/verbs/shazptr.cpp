// Simple hazard pointers.
#include "unplug/model/kernel/rcu/hazptr.hpp"

#include <algorithm>

#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::hazptr_target;

// What slots say of a piece of memory is a thing embedded in it, under this name, made for whoever protects it (compile).
constexpr std::string_view member = "shazptr";

// The slots of all tasks.
struct Slots final : WorldPart {
  void setup(World& world) override { model::init_hazptr(world.kernel(), all); }
  model::Hazptr all;
};

model::HazptrTarget* target(Frame& f, const Operand& memory) {
  const Handle h =
      memory.kind == Operand::Kind::local ? f.locals[memory.local] : World::declared_allocation(owner(f, memory), memory.index);
  const Target t = target_of(f, h);
  const auto n = number_of(f, t, kind, member);
  if (!n) f.world.report_null(f.context, memory);
  return n ? &t.things->get<kind>(*n) : nullptr;
}

std::uint32_t do_acquire(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::HazptrTarget* const t = target(f, i.operand)) set_local(f, i, model::shazptr_acquire(f.context, *t).nested ? 1 : 0);
  return next;
}

std::uint32_t do_clear(Frame& f, const Instruction& i, std::uint32_t next) {
  if (i.other != no_local) model::shazptr_clear(f.context, {f.locals[i.other] != 0});
  return next;
}

std::uint32_t do_synchronize(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::HazptrTarget* const t = target(f, i.operand)) model::synchronize_shazptr(f.context, *t);
  return next;
}

// Every piece of memory that a pointer may lead to can be protected.
void compile(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.generic(verb, step, operand);
  const Operand& memory = c.at(c.here() - 1).operand;
  auto& specs = c.entities().specs;
  auto& targets = specs[static_cast<std::size_t>(kind)];
  const auto& allocations = specs[static_cast<std::size_t>(EntityKind::allocation)];
  for (std::uint32_t a = 0; a < allocations.size(); ++a) {
    if (memory.kind == Operand::Kind::entity && memory.index != a) continue;
    if (a == c.program().shared || std::ranges::find(targets, a, &EntitySpec::allocation) != targets.end()) continue;
    EntitySpec spec;
    spec.name = allocations[a].name + ".shazptr";
    spec.member = std::string(member);
    spec.allocation = a;
    spec.module = allocations[a].module;
    spec.scope = allocations[a].scope;
    targets.push_back(std::move(spec));
  }
}

void lay_out(model::HazptrTarget& t, const ThingSetup& s) {
  model::init_hazptr_target(s.kernel, t, s.world.part<Slots>().all, s.unique,
                            s.kernel.intern(s.world.program().of(EntityKind::allocation)[s.spec.allocation].name));
}

constexpr VerbFamily family{kind,
                            "handlers that find the slot of who they interrupt, groups of CPUs and the scanning thread, busy waiting"};
constexpr std::string_view rfc = "shazptr RFC v2 (June 2025), not merged as of v6.18";

Verb on_memory(std::string_view name, Execute execute, std::vector<KeySpec> keys, std::string_view summary) {
  Verb v = family.on_thing(name, execute, std::move(keys), rfc, summary);
  v.operand = OperandKind::memory;
  v.compile = compile;
  v.part = &part_kind<Slots>;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() { return things<kind>(lay_out); }

std::vector<Verb> shazptr_verbs() {
  Verb acquire =
      on_memory("shazptr_acquire", do_acquire, {{"to", KeyKind::to, true, "local that receives what shazptr_clear needs"}},
                "says which pointer is used from here on, with preemption off; a pointer that was loaded before has to be looked at again");
  acquire.acts = false;
  Verb clear = family.on_thing("shazptr_clear", do_clear, {}, rfc, "ends that; the operand is what shazptr_acquire gave");
  clear.operand = OperandKind::local;
  clear.acts = false;
  return {
      acquire,
      clear,
      on_memory("synchronize_shazptr", do_synchronize, {},
                "waits for those who use this pointer now, not for readers of others; may sleep"),
  };
}

}  // namespace unplug::scenarios
