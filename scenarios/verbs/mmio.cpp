// MMIO.
#include "unplug/scenarios/policy_steps.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_devm_ioremap(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::StaticName unmap{"devm iounmap"}, release{"devm release_mem_region"};
  BindingInstance& b = *f.binding;
  model::Devres* list = devres_of(f, i);
  if (list == nullptr) return next;
  model::Mapping& m = b.things.get<EntityKind::mapping>(i.operand.index);
  model::Resource& r = b.resources[i.operand.index];
  if (!model::request_mem_region(f.context, m)) {
    f.result = -16;  // -EBUSY
    return otherwise(f, i, next);
  }
  if (f.aborting()) return next;
  model::devres_add(f.context, *list, {&release, m.name, [&m](model::Context& c) { model::release_mem_region(c, m); }, &m.claim});
  model::ioremap(f.context, m);
  if (f.aborting()) return next;
  run_hook(f.world, f.context, b, Hook::bind, i.operand.index, nullptr);
  if (f.aborting()) return next;
  // The policy's resource guard revokes in the devres callback, before the mapping goes.
  model::devres_add(f.context, *list,
                    {&unmap, m.name,
                     [&m, &r, &b](model::Context& c) {
                       b.policy->resource().revoke(c, r);
                       if (!c.aborting()) model::iounmap(c, m);
                     },
                     &m});
  return next;
}

std::uint32_t do_ioremap(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Mapping& m = f.binding->things.get<EntityKind::mapping>(i.operand.index);
  if (!model::request_mem_region(f.context, m)) {
    f.result = -16;
    return otherwise(f, i, next);
  }
  if (f.aborting()) return next;
  model::ioremap(f.context, m);
  run_hook(f.world, f.context, *f.binding, Hook::bind, i.operand.index, nullptr);
  return next;
}

std::uint32_t do_iounmap(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Mapping& m = f.binding->things.get<EntityKind::mapping>(i.operand.index);
  model::iounmap(f.context, m);
  if (!f.aborting()) model::release_mem_region(f.context, m);
  return next;
}

std::uint32_t do_read(Frame& f, const Instruction& i, std::uint32_t next) {
  set_local(f, i, model::readl(f.context, f.binding->things.get<EntityKind::mapping>(i.operand.index), i.values));
  return next;
}

std::uint32_t do_write(Frame& f, const Instruction& i, std::uint32_t next) {
  model::writel(f.context, f.binding->things.get<EntityKind::mapping>(i.operand.index));
  // A register that the device looks at before it interrupts; amount: its number, from 1.
  if (i.amount != 0 && !f.aborting()) f.world.switch_interrupts(f.context, static_cast<std::uint32_t>(i.amount - 1), value(f, i) != 0);
  return next;
}

constexpr std::string_view leaves_out = "lazy TLB flush, all ones after surprise removal, posted writes, register contents";

Verb mapping(std::string_view name, OperandKind operand, Execute execute, std::string_view models, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = operand;
  v.entity = EntityKind::mapping;
  v.execute = execute;
  if (operand == OperandKind::declaration)
    v.keys = {{"regs", KeyKind::registers, false, "registers and the values that reading them may return"},
              {"else", KeyKind::otherwise, false, "where to go if the region is taken"}};
  v.models = models;
  v.leaves_out = leaves_out;
  v.summary = summary;
  return v;
}

Verb access(std::string_view name, bool read) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::reg;
  v.execute = read ? do_read : do_write;
  if (read) {
    v.keys = {{"to", KeyKind::to, false, "local that receives the value"}};
  } else {
    v.keys = {{"value", KeyKind::value, false,
               "what is written; the model keeps no register contents, but looks whether it is 0 where that masks an interrupt "
               "(\"enabled_by\")"}};
  }
  v.flags = read ? 1 : 0;
  v.models = "include/asm-generic/io.h, v6.18";
  v.leaves_out = leaves_out;
  v.summary = read ? "reads a register: a choice if several values are listed" : "writes a register";
  return v;
}

void lay_out(model::Mapping& m, const ThingSetup& s) {
  model::init_mapping(s.kernel, m, s.world.region(s.index), s.unique, s.declared, s.binding.binding.life);
  s.binding.resources[s.index] = {&m, {}, s.declared};
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::mapping>() { return things<EntityKind::mapping>(lay_out); }

std::vector<Verb> mmio_verbs() {
  Verb managed = mapping("devm_ioremap_resource", OperandKind::declaration, do_devm_ioremap, "lib/devres.c, v6.18",
                         "claims a region and maps it; devres undoes both after remove()");
  managed.keys.push_back(other_device);
  Verb old;
  old.name = "devm_platform_ioremap_resource";
  old.alias_of = "devm_ioremap_resource";
  return {
      managed,
      old,
      mapping("ioremap", OperandKind::declaration, do_ioremap, "request_mem_region and ioremap, v6.18", "claims a region and maps it"),
      mapping("iounmap", OperandKind::entity, do_iounmap, "iounmap and release_mem_region, v6.18", "unmaps a region and releases it"),
      access("readl", true),
      access("writel", false),
  };
}

}  // namespace unplug::scenarios
