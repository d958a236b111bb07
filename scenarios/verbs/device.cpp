// struct device: the driver's own, with a list of devres each, the driver data of the one that is bound, and the unbinding of that.
#include "unplug/model/kernel/base/device_core.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto device = EntityKind::device;

std::uint32_t do_release_all(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const model::Device* d = thing<device>(f, i)) model::devres_release_all(f.context, *d->devres);
  return next;
}

std::uint32_t do_set_drvdata(Frame& f, const Instruction& i, std::uint32_t next) {
  model::dev_set_drvdata(f.context, f.binding->device->device, value(f, i));
  return next;
}

std::uint32_t do_get_drvdata(Frame& f, const Instruction& i, std::uint32_t next) {
  set_local(f, i, model::dev_get_drvdata(f.context, f.binding->device->device));
  return next;
}

// A device of the file that has a driver is probed when it has been added.
std::uint32_t do_add(Frame& f, const Instruction& i, std::uint32_t next) {
  const std::uint32_t to = try_on<device, model::device_add>(f, i, next);
  if (i.operand.scope == Scope::world && to == next && !f.aborting()) f.world.attach(f.context, f.world.devices()[i.operand.index]);
  return to;
}

void compile_add(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.generic(verb, step, operand);
  const Operand& added = c.at(c.here() - 1).operand;
  if (added.kind == Operand::Kind::entity && added.scope == Scope::world) c.program().devices[added.index].added = true;
}

// References that a driver takes on a device of the file are counted.
void compile_count(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.generic(verb, step, operand);
  const Operand& counted = c.at(c.here() - 1).operand;
  if (counted.kind == Operand::Kind::entity && counted.scope == Scope::world) c.program().devices[counted.index].counted = true;
}

// What they do has places of its own in the driver core: that they were reached shows in no step of theirs.
template <auto function> std::uint32_t on_core(Frame& f, const Instruction& i, std::uint32_t next) {
  on<device, function>(f, i, next);
  f.world.removals_over(f.context);
  return next;
}

std::uint32_t do_release_driver(Frame& f, const Instruction& i, std::uint32_t next) {
  return f.world.release_driver(f.context, *f.binding) ? next : otherwise(f, i, next);
}

// Whatever is bound to it; the device by number in Program::devices.
std::uint32_t do_unbind_store(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Device& d = f.world.devices()[i.number].device;
  const bool bound = model::device_release_driver_internal(f.context, d, nullptr, model::parent_to_lock(d));
  f.world.removals_over(f.context);
  f.answer = bound ? 0 : -19;
  return bound || f.aborting() ? next : otherwise(f, i, next);
}

void compile_unbind_store(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  if (const auto number = c.device(operand)) i.number = *number;
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.find("else")) c.otherwise(index, other);
}

void lay_out(model::Device& d, const ThingSetup& s) {
  model::init_device(s.kernel, d, s.unique, s.declared);
  model::init_device_core(s.kernel, d, s.unique, s.home, false);
  model::init_device_owner(s.kernel, d, s.binding.binding.life);
  d.devres = &s.world.new_devres();
  model::init_devres(s.kernel, *d.devres, s.part("devres"), s.declared, s.home);
  if (const Operand* o = s.spec.thing("parent")) {
    model::Device& above =
        o->scope == Scope::world ? s.world.devices()[o->index].device : s.world.owner(s.binding, *o).things.get<device>(o->index);
    model::set_parent(d, above);
  }
  if (s.spec.function_of("release") == UINT32_MAX) return;
  const Callback* c = s.callback(s.spec.function_of("release"));
  d.release = [c](model::Context& context) { c->binding->world->call(context, c->function, {.binding = c->binding, .self = c->self}); };
}

// A word of each device: where nobody looks at it, none is made.
struct DriverData final : WorldPart {
  void setup(World& world) override {
    for (DeviceInstance& d : world.devices())
      model::init_drvdata(world.kernel(), d.device, world.devices().unique(d, world.program().modules[d.spec->module].name + " drvdata"));
  }
};

Verb drvdata(std::string_view name, Execute execute, KeySpec key, std::string_view summary) {
  Verb v;
  v.name = name;
  v.execute = execute;
  v.keys = {key};
  v.part = &part_kind<DriverData>;
  v.models = "include/linux/device.h, v6.18";
  v.leaves_out = "other devices than the one that is bound";
  v.summary = summary;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<device>() { return things<device>(lay_out); }

std::vector<Verb> device_verbs() {
  constexpr VerbFamily family{
      device, "uevents, devtmpfs, classes, attributes of its own, drivers that bind to what device_initialize declares, kobjects below it"};
  constexpr std::string_view core = "drivers/base/core.c, v6.18";
  Verb get = drvdata("dev_get_drvdata", do_get_drvdata, {"to", KeyKind::to, true, "local that receives it"},
                     "the driver data of the device that is bound; NULL once the unbind is over");
  get.acts = false;
  Verb unbind;
  unbind.name = "device_release_driver";
  unbind.execute = do_release_driver;
  unbind.keys = {{"else", KeyKind::otherwise, false, "where to go if it is not bound any more"}};
  unbind.models = "drivers/base/dd.c, v6.18";
  unbind.leaves_out = "other devices than the one that the caller's binding is of";
  unbind.summary = "unbinds the driver from its device: remove(), then devres; from an operation that this waits for, it never returns";
  Verb store = custom("unbind_store", "DEVICE", Where::task, do_unbind_store, compile_unbind_store,
                      {{"else", KeyKind::custom, false, "where to go if nothing is bound to it"}},
                      "user space unbinds a device, whatever the administrator of \"removal\" does meanwhile; null: the only one");
  store.asks = true;
  store.models = "drivers/base/bus.c, v6.18";
  store.leaves_out = "the look at dev->driver without the lock";
  Verb add = family.on_thing(
      "device_add", do_add,
      {{"to", KeyKind::to, false, "local that receives 1 or 0"}, {"else", KeyKind::otherwise, false, "where to go if it fails"}}, core,
      "registers it, and takes a reference on its parent; a device of the file's \"devices\" is then probed");
  add.compile = compile_add;
  Verb take = family.on_thing("get_device", on<device, model::get_device>, {}, core, "takes a reference, for who has one"),
       put = family.on_thing("put_device", on<device, model::put_device>, {}, core,
                             "drops a reference; who drops the last runs the release function");
  take.compile = put.compile = compile_count;
  return {
      family.sets_up("device_initialize",
                     {{"release", KeyKind::function, false, "what frees it when the last reference is put"},
                      {"parent", KeyKind::thing, false, "the device above it, declared before", device}},
                     core, "declares a struct device with one reference and a devres list of its own", set_up_again<EntityKind::device>),
      add,
      family.on_thing("device_del", on_core<model::device_del>, {}, core,
                      "takes it off its bus, unbinds its driver and releases its devres; who holds a reference keeps it"),
      family.on_thing("device_unregister", on_core<model::device_unregister>, {}, core,
                      "device_del and the drop of one reference; waits for nobody who holds another"),
      take,
      put,
      family.on_thing("devres_release_all", do_release_all, {}, "drivers/base/devres.c, v6.18",
                      "releases what is on its list, last first: what the core does when a driver is unbound from it"),
      drvdata("dev_set_drvdata", do_set_drvdata, {"value", KeyKind::value, true, "a pointer to memory, or NULL"},
              "sets the driver data of the device that is bound"),
      alias("usb_set_intfdata", "dev_set_drvdata"),
      alias("platform_set_drvdata", "dev_set_drvdata"),
      get,
      alias("usb_get_intfdata", "dev_get_drvdata"),
      alias("platform_get_drvdata", "dev_get_drvdata"),
      unbind,
      store,
  };
}

}  // namespace unplug::scenarios
