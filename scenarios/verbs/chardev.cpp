// Character devices that are no more than a name, and module references, from the driver's side.
#include "unplug/model/kernel/fs/drm_drv.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::chardev;

std::uint32_t do_zap(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::AddressSpace* const mapping = owner(f, i.operand).device->address_space(i.operand.entity, i.operand.index))
    model::unmap_mapping_range(f.context, *mapping);
  return next;
}

void compile_zap(FunctionCompiler& c, const Verb& verb, Node, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  if (const auto o = c.entity_of(operand, {kind, EntityKind::cdev})) i.operand = *o;
  c.emit(std::move(i));
}

// The module that the step names; THIS_MODULE if it names none.
model::Module* named_module(Frame& f, const Instruction& i) {
  return &f.world.module_for(*f.binding, i.number != 0 ? i.number - 1 : f.function->module);
}

std::uint32_t do_get(Frame& f, const Instruction& i, std::uint32_t next) {
  const bool got = model::try_module_get(f.context, named_module(f, i));
  set_local(f, i, got ? 1 : 0);
  return got ? next : otherwise(f, i, next);
}

template <auto function> std::uint32_t on_module(Frame& f, const Instruction& i, std::uint32_t next) {
  function(f.context, named_module(f, i));
  return next;
}

void put(model::Context& context, model::Module* m) { model::module_put(context, m); }

constexpr VerbFamily family{kind, "minors, sysfs attributes; the re-open hole: cdev_init() has it"};

Verb registers(std::string_view name, NodeOf of, std::string_view models) {
  Verb v = family.declares(name, do_register_device, {fops_key, {"else", KeyKind::otherwise, false, "where to go if it fails"}}, models,
                           "makes the device node appear");
  v.flags = static_cast<std::uint8_t>(of);
  return v;
}

Verb module(std::string_view name, Execute execute, std::string_view models, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::module;
  v.execute = execute;
  v.models = models;
  v.summary = summary;
  return v;
}

void lay_out(model::Registration& r, const ThingSetup& s) {
  r = {};
  World::fill(r, s.binding, s.world.program().fops[s.spec.number("fops")], s.binding.policy.get());
  r.binding = &s.binding.binding;
  model::init_registration(s.kernel, s.binding.device->chardevs[s.index], r, s.unique, s.binding.binding.life);
  if (const Operand* drm = s.spec.thing("drm")) {
    model::DrmDevice& d = s.world.owner(s.binding, *drm).things.get<EntityKind::drm_device>(drm->index);
    d.minors.emplace_back(&s.binding.device->chardevs[s.index], &r);
    d.mapping = s.binding.device->address_space(kind, s.index);
  }
}

}  // namespace

std::uint32_t do_register_device(Frame& f, const Instruction& i, std::uint32_t next) {
  const BindingInstance& b = owner(f, i.operand);
  model::register_char_device(f.context, b.device->chardevs[i.operand.index], b.things.get<EntityKind::chardev>(i.operand.index));
  return next;
}

std::uint32_t do_deregister_device(Frame& f, const Instruction& i, std::uint32_t next) {
  const BindingInstance& b = owner(f, i.operand);
  model::deregister_char_device(f.context, b.device->chardevs[i.operand.index], b.things.get<EntityKind::chardev>(i.operand.index));
  return next;
}

template <> std::unique_ptr<ThingList> make_things<kind>() { return things<kind>(lay_out); }

std::vector<Verb> chardev_verbs() {
  Verb get = module("try_module_get", do_get, "try_module_get, v6.18", "takes a reference on a module, such as ops->owner");
  get.keys = {{"to", KeyKind::to, false, "local that receives 1 or 0"},
              {"else", KeyKind::otherwise, false, "where to go if the module is going"}};
  Verb zap = family.on_thing("unmap_mapping_range", do_zap, {}, "mm/memory.c, v6.18",
                             "takes the page table entries of every mapping of a device's files away: later accesses fault");
  zap.operand = OperandKind::custom;
  zap.compile = compile_zap;
  zap.leaves_out = "ranges: all of it";
  Verb minor = registers("drm_dev_register", NodeOf::cdev, "drivers/gpu/drm/drm_drv.c, v6.18");
  minor.keys.push_back({"drm", KeyKind::thing, true, "the drm_device that it is a node of", EntityKind::drm_device});
  return {
      registers("misc_register", NodeOf::misc, "drivers/char/misc.c, v6.18"),
      family.on_thing("misc_deregister", do_deregister_device, {}, "drivers/char/misc.c, v6.18",
                      "removes the node; waits for open() in flight, not for other operations"),
      registers("usb_register_dev", NodeOf::usb, "drivers/usb/core/file.c, v6.18"),
      family.on_thing("usb_deregister_dev", do_deregister_device, {}, "drivers/usb/core/file.c, v6.18",
                      "removes the node; waits for open() in flight, not for other operations"),
      minor,
      family.on_thing("drm_dev_unregister", do_deregister_device, {}, "drivers/gpu/drm/drm_drv.c, v6.18",
                      "removes the node; waits for nobody"),
      zap,
      get,
      module("__module_get", on_module<model::module_get>, "__module_get, v6.18",
             "takes a reference without asking whether the module is going"),
      module("module_put", on_module<put>, "module_put, v6.18", "drops one"),
  };
}

}  // namespace unplug::scenarios
