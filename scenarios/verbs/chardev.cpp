// Character devices and module references, from the driver's side.
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_register(Frame& f, const Instruction& i, std::uint32_t next) {
  model::register_char_device(f.context, f.world.chardev(i.operand.index), f.binding->things.get<EntityKind::chardev>(i.operand.index));
  return next;
}

std::uint32_t do_deregister(Frame& f, const Instruction& i, std::uint32_t next) {
  model::deregister_char_device(f.context, f.world.chardev(i.operand.index), f.binding->things.get<EntityKind::chardev>(i.operand.index));
  return next;
}

std::uint32_t do_get(Frame& f, const Instruction& i, std::uint32_t next) {
  const bool got = model::try_module_get(f.context, f.binding->module);
  set_local(f, i, got ? 1 : 0);
  return got ? next : otherwise(f, i, next);
}

std::uint32_t do_put(Frame& f, const Instruction&, std::uint32_t next) {
  model::module_put(f.context, f.binding->module);
  return next;
}

Verb device(std::string_view name, bool declares, std::uint8_t misc, std::string_view models, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = declares ? OperandKind::declaration : OperandKind::entity;
  v.entity = EntityKind::chardev;
  v.execute = declares ? do_register : do_deregister;
  if (declares) v.keys = {{"else", KeyKind::otherwise, false, "where to go if it fails"}};
  v.flags = misc;
  v.models = models;
  v.leaves_out = "minors, sysfs attributes, the re-open hole of cdev";
  v.summary = summary;
  return v;
}

void lay_out(model::Registration& r, const ThingSetup& s) {
  const Program& p = s.world.program();
  r = {};
  r.binding = &s.binding.binding;
  r.policy = s.binding.policy.get();
  switch (p.owner) {
    case FopsOwner::null: break;
    case FopsOwner::module: r.owner = s.binding.module; break;
    case FopsOwner::policy: r.owner = s.binding.policy->pin().pinned(*s.binding.module); break;
  }
  const auto set = [&](std::uint32_t function, model::FileOperation& op, void*& argument) {
    if (function == UINT32_MAX) return;
    op = &World::file_operation;
    argument = &s.binding.file_callbacks[function];
  };
  set(p.open, r.open, r.open_argument);
  set(p.ioctl, r.ioctl, r.ioctl_argument);
  set(p.release, r.release, r.release_argument);
  model::init_registration(s.kernel, s.world.chardev(s.index), r, s.unique, s.binding.binding.life);
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::chardev>() { return things<EntityKind::chardev>(lay_out); }

std::vector<Verb> chardev_verbs() {
  Verb get, put;
  get.name = "try_module_get";
  get.execute = do_get;
  get.keys = {{"to", KeyKind::to, false, "local that receives 1 or 0"},
              {"else", KeyKind::otherwise, false, "where to go if the module is going"}};
  get.models = "try_module_get(THIS_MODULE), v6.18";
  get.summary = "takes a reference on the driver's own module";
  put.name = "module_put";
  put.execute = do_put;
  put.models = "module_put(THIS_MODULE), v6.18";
  put.summary = "drops one";
  return {
      device("misc_register", true, 1, "drivers/char/misc.c, v6.18", "makes the device node appear"),
      device("misc_deregister", false, 1, "drivers/char/misc.c, v6.18",
             "removes the node; waits for open() in flight, not for other operations"),
      device("cdev_device_add", true, 0, "fs/char_dev.c, v6.18", "makes the device node appear"),
      device("cdev_device_del", false, 0, "fs/char_dev.c, v6.18", "removes the node; waits for nobody"),
      get,
      put,
  };
}

}  // namespace unplug::scenarios
