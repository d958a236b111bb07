// Character devices and module references, from the driver's side.
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_register(Frame& f, const Instruction& i, std::uint32_t next) {
  model::register_char_device(f.context, f.world.chardev(i.operand.index), f.binding->registrations[i.operand.index]);
  return next;
}

std::uint32_t do_deregister(Frame& f, const Instruction& i, std::uint32_t next) {
  model::deregister_char_device(f.context, f.world.chardev(i.operand.index), f.binding->registrations[i.operand.index]);
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
  v.flags = misc;
  v.models = models;
  v.leaves_out = "minors, sysfs attributes, the re-open hole of cdev";
  v.summary = summary;
  return v;
}

}  // namespace

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
