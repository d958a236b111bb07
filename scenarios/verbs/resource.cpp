// A resource behind a handle that the driver may drop before it is unbound, and what a policy does then: who destroys it, and who waits.
//
// rust/kernel/devres.rs, v6.14 to v7.2: the driver's Devres<T> and the devres callback race for one resource. Under a policy that does not
// destroy resources by itself the devres callback always does, and dropping a handle does nothing.
#include <algorithm>

#include "unplug/model/kernel/base/devres.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"
#include "unplug/scenarios/world/policy_steps.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::mapping;

std::uint32_t do_drop(Frame& f, const Instruction& i, std::uint32_t next) {
  BindingInstance& b = owner(f, i.operand);
  if (b.resources[i.operand.index].guarded) run_hook(f.world, f.context, b, Hook::drop, i.operand.index, nullptr);
  return next;
}

// The resource whose state the instruction's local points to; none (and reported) if it points to no such thing.
std::optional<std::uint32_t> resource(Frame& f, const Instruction& i) {
  const auto& states = f.binding->resource_states;
  const auto found = std::ranges::find(states, f.locals[i.other]);
  if (found != states.end()) return static_cast<std::uint32_t>(found - states.begin());
  f.world.report_null(f.context, i.operand);
  return {};
}

std::uint32_t do_drop_in_place(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const auto r = resource(f, i)) destroy_resource(f.world, f.context, *f.binding, *r);
  return next;
}

std::uint32_t do_destroy(Frame& f, const Instruction& i, std::uint32_t next) {
  const auto r = resource(f, i);
  if (!r) return next;
  const int error = model::devm_remove_action_nowarn(f.context, f.binding->binding.devres, &f.binding->things.get<kind>(*r));
  set_local(f, i, static_cast<std::uint64_t>(std::int64_t{error}));
  return next;
}

void compile_drop_in_place(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.program().policy_destroys = true;
  c.generic(verb, step, operand);
}

Verb on_resource(std::string_view name, Execute execute, std::vector<KeySpec> keys, std::string_view models, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::local;
  v.place = Where::policy;
  v.execute = execute;
  v.keys = std::move(keys);
  v.models = models;
  v.leaves_out = "resources other than mappings that devm_ioremap_resource makes";
  v.summary = summary;
  return v;
}

}  // namespace

std::vector<Verb> resource_verbs() {
  Verb drop = VerbFamily{kind, "the memory that the handle is in"}.on_thing(
      "drop", do_drop, {}, "rust/kernel/devres.rs, v6.14 to v7.2",
      "the driver gives its handle of a resource up, which it doesn't use any more: the policy's hook \"drop\", or nothing");
  drop.place = Where::module;
  Verb in_place =
      on_resource("drop_in_place", do_drop_in_place, {}, "rust/kernel/revocable.rs, v6.16",
                  "destroys the resource of a hook: its \"drop\" function, then unmapped and released; the devres callback of a "
                  "resource is then the hook \"revoke\" and no more");
  in_place.compile = compile_drop_in_place;
  return {
      drop, in_place,
      on_resource("devres_destroy", do_destroy, {{"to", KeyKind::to, false, "local that receives 0, or -ENOENT (-2): too late"}},
                  "drivers/base/devres.c, v6.18",
                  "takes the devres callback of a hook's resource off the list; one that is about to run or running is not waited for")};
}

}  // namespace unplug::scenarios
