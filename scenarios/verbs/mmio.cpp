// MMIO: regions, mappings of them, register accesses.
#include "unplug/model/core/errno.hpp"
#include "unplug/model/kernel/hw/clock.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"
#include "unplug/scenarios/world/policy_steps.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::mapping;

// Of a mapping, from the verbs that declare it: its region is claimed by a step of its own; it is a BAR.
constexpr std::uint8_t claimed_apart = 1, is_bar = 2;

bool has(const Frame& f, const Instruction& i, std::uint8_t flag) {
  return (f.world.program().of(kind)[i.operand.index].flags & flag) != 0;
}

model::Mapping& mapping(Frame& f, const Instruction& i) { return owner(f, i.operand).things.get<kind>(i.operand.index); }

std::uint32_t busy(Frame& f, const Instruction& i, std::uint32_t next) {
  f.result = model::ebusy;
  return otherwise(f, i, next);
}

void bound(Frame& f, const Instruction& i) {
  BindingInstance& b = owner(f, i.operand);
  if (!f.aborting() && b.resources[i.operand.index].guarded) run_hook(f.world, f.context, b, Hook::bind, i.operand.index, nullptr);
}

std::uint32_t do_devm_ioremap(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::StaticName unmap{"devm iounmap"}, release{"devm release_mem_region"}, revoke{"devm action"};
  BindingInstance& b = owner(f, i.operand);
  World& w = f.world;
  const std::uint32_t n = i.operand.index;
  model::Devres* list = devres_of(f, i);
  if (list == nullptr) return next;
  model::Mapping& m = mapping(f, i);
  model::Resource& r = b.resources[n];
  const bool of_policy = w.program().policy_destroys && r.guarded;
  if (!model::request_mem_region(f.context, m)) return busy(f, i, next);
  if (f.aborting()) return next;
  if (!of_policy)
    model::devres_add(f.context, *list, {&release, m.name, [&m](model::Context& c) { model::release_mem_region(c, m); }, &m.claim});
  model::ioremap(f.context, m);
  bound(f, i);
  if (f.aborting()) return next;
  if (of_policy) {
    model::devres_add(f.context, *list, {&revoke, m.name, [&r, &b](model::Context& c) { b.policy->resource().revoke(c, r); }, &m});
    return next;
  }
  // The policy's resource guard revokes in the devres callback, before the mapping goes.
  model::devres_add(f.context, *list,
                    {&unmap, m.name,
                     [&m, &r, &b, &w, n](model::Context& c) {
                       b.policy->resource().revoke(c, r);
                       if (!c.aborting()) call_destructor(w, c, b, n);
                       if (!c.aborting()) model::iounmap(c, m);
                     },
                     &m});
  return next;
}

std::uint32_t do_ioremap(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Mapping& m = mapping(f, i);
  if (!has(f, i, claimed_apart) && !model::request_mem_region(f.context, m)) return busy(f, i, next);
  if (f.aborting()) return next;
  model::ioremap(f.context, m);
  bound(f, i);
  return next;
}

std::uint32_t do_iounmap(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Mapping& m = mapping(f, i);
  model::iounmap(f.context, m);
  if (!has(f, i, claimed_apart) && !f.aborting()) model::release_mem_region(f.context, m);
  return next;
}

// Of a task outside the driver: another driver.
std::uint32_t do_claim(Frame& f, const Instruction& i, std::uint32_t next) {
  if (f.task != nullptr) {
    const bool got = model::request_mem_region(f.context, owner(f, i.operand).device->other_claims[i.operand.index]);
    f.answer = got ? 0 : model::ebusy;
    return got ? next : otherwise(f, i, next);
  }
  return model::request_mem_region(f.context, mapping(f, i)) ? next : busy(f, i, next);
}

std::uint32_t do_release(Frame& f, const Instruction& i, std::uint32_t next) {
  model::release_mem_region(f.context, mapping(f, i));
  return next;
}

// A register with contents: its number, plus one.
model::DeviceRegister* contents(Frame& f, const Instruction& i) {
  return i.operand.field == 0 ? nullptr : &owner(f, i.operand).device->hardware.registers[i.operand.field - 1];
}

template <model::Width width> std::uint32_t do_read(Frame& f, const Instruction& i, std::uint32_t next) {
  const model::Mapping& m = mapping(f, i);
  const model::DeviceRegister* const r = contents(f, i);
  set_local(f, i, r != nullptr ? model::read_register(f.context, m, *r, width) : model::mmio_read(f.context, m, width, i.values));
  return next;
}

template <model::Width width> std::uint32_t do_write(Frame& f, const Instruction& i, std::uint32_t next) {
  const model::Mapping& m = mapping(f, i);
  if (model::DeviceRegister* const r = contents(f, i)) {
    model::write_register(f.context, m, *r, value(f, i), width);
  } else {
    model::mmio_write(f.context, m, width);
    // A register that the device looks at before it interrupts; amount: its number, from 1.
    if (i.amount != 0 && !f.aborting())
      f.world.switch_interrupts(f.context, *owner(f, i.operand).device, static_cast<std::uint32_t>(i.amount - 1), value(f, i) != 0);
  }
  return next;
}

constexpr std::string_view access_leaves_out = "what a register is written, unless it is declared with its contents; reads with side "
                                               "effects, write combining, ordering between devices";
constexpr VerbFamily family{kind, "sizes, addresses, overlapping regions, caching attributes, ports"};

Verb maps(std::string_view name, Execute execute, std::string_view models, std::string_view summary) {
  return family.declares(
      name, execute,
      {{"regs", KeyKind::registers, false,
        "registers: the values that reading one may return, or its contents at first and (\"doorbell\") the DMA engine "
        "that a write starts or stops"},
       {"clock", KeyKind::thing, false, "the clock without which nobody may access it", EntityKind::clock},
       {"runtime_pm", KeyKind::thing, false, "runtime PM by which the device has to be resumed for an access", EntityKind::runtime_pm},
       {"else", KeyKind::otherwise, false, "where to go if the region is taken"}},
      models, summary);
}

Verb access(std::string_view name, Execute execute, bool read) {
  Verb v = family.on_thing(
      name, execute, {}, "include/asm-generic/io.h, v6.18",
      read ? "reads a register: a choice if several values are listed, its contents where it has some; all ones if nobody answers"
           : "writes a register; where it has contents, the write is posted");
  v.operand = OperandKind::reg;
  if (read) {
    v.keys = {{"to", KeyKind::to, false, "local that receives the value"}};
  } else {
    v.keys = {{"value", KeyKind::value, false,
               "what is written; the model looks at it where the register has contents, or masks an interrupt (\"enabled_by\")"}};
  }
  v.flags = read ? 1 : 0;
  v.leaves_out = access_leaves_out;
  return v;
}

void lay_out(model::Mapping& m, const ThingSetup& s) {
  model::init_mapping(s.kernel, m, s.binding.device->regions[s.index], s.unique, s.declared, s.binding.binding.life);
  m.device = s.binding.device->hardware.device();
  if (const Operand* clock = s.spec.thing("clock")) m.gates.push_back(&s.binding.things.get<EntityKind::clock>(clock->index).gate);
  if (const Operand* pm = s.spec.thing("runtime_pm")) m.gates.push_back(&s.binding.things.get<EntityKind::runtime_pm>(pm->index).gate);
  if ((s.spec.flags & is_bar) != 0) s.binding.pci.bars.push_back(&m);
  s.binding.resources[s.index] = {&m, {}, s.declared};
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() { return things<kind>(lay_out); }

std::vector<Verb> mmio_verbs() {
  using enum model::Width;
  Verb remap = maps("ioremap", do_ioremap, "arch/x86/mm/ioremap.c, v6.18",
                    "maps a region; claims it as well, unless a request_mem_region of the driver does");
  remap.joins = true;
  Verb claim = family.declares("request_mem_region", do_claim, {{"else", KeyKind::otherwise, false, "where to go if the region is taken"}},
                               "kernel/resource.c, v6.18", "claims a region; in a task: another driver does, if it is free");
  claim.joins = true;
  claim.flags = claimed_apart;
  claim.place = Where::anywhere;
  claim.asks = true;
  Verb bar = maps("pci_iomap", do_ioremap, "lib/pci_iomap.c, v6.18", "maps a BAR, which pci_request_regions() claims");
  bar.joins = true;
  bar.flags = claimed_apart | is_bar;
  Verb managed = maps("devm_ioremap_resource", do_devm_ioremap, "lib/devres.c, v6.18",
                      "claims a region and maps it; devres undoes both after remove()");
  managed.keys.push_back(other_device);
  managed.keys.push_back({"drop", KeyKind::function, false,
                          "a function that the resource's destructor calls, before it is unmapped: of a Rust type that implements Drop"});
  return {
      managed,
      alias("devm_platform_ioremap_resource", "devm_ioremap_resource"),
      remap,
      family.on_thing("iounmap", do_iounmap, {}, "mm/vmalloc.c, v6.18", "unmaps a region; releases it if ioremap() claimed it"),
      claim,
      family.on_thing("release_mem_region", do_release, {}, "kernel/resource.c, v6.18", "gives a claim back, mapped or not"),
      bar,
      family.on_thing("pci_iounmap", do_iounmap, {}, "lib/pci_iomap.c, v6.18", "unmaps a BAR"),
      access("readb", do_read<b>, true),
      access("readw", do_read<w>, true),
      access("readl", do_read<l>, true),
      access("readq", do_read<q>, true),
      access("ioread8", do_read<b>, true),
      access("ioread16", do_read<w>, true),
      access("ioread32", do_read<l>, true),
      access("writeb", do_write<b>, false),
      access("writew", do_write<w>, false),
      access("writel", do_write<l>, false),
      access("writeq", do_write<q>, false),
      access("iowrite8", do_write<b>, false),
      access("iowrite16", do_write<w>, false),
      access("iowrite32", do_write<l>, false),
  };
}

}  // namespace unplug::scenarios
