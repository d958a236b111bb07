// Character devices in their parts: the cdev in memory of the driver's, its number, its node, its parent.
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::cdev;
constexpr std::string_view char_dev = "fs/char_dev.c, v6.18";

// The node that a cdev is under has its number, wherever the cdev's memory is.
model::DeviceNode& node_of(Frame& f, const model::Cdev& c) {
  for (std::uint32_t d = 0;; ++d) {
    DeviceInstance& device = f.world.devices()[d];
    for (std::size_t n = 0; n < device.device_numbers.size(); ++n)
      if (&device.device_numbers[n] == c.device) return device.device_nodes[n];
  }
}

void set_parent(model::Cdev& c, model::Device& d) {
  c.parent = {[](model::Context& context, void* device) { model::get_device(context, *static_cast<model::Device*>(device)); },
              [](model::Context& context, void* device) { model::put_device(context, *static_cast<model::Device*>(device)); }, &d};
}

std::uint32_t do_set_parent(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Cdev* const c = thing<kind>(f, i);
  model::Device* const d = thing<EntityKind::device>(f, i.second);
  if (c != nullptr && d != nullptr) set_parent(*c, *d);
  return next;
}

std::uint32_t do_add(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Cdev* const c = thing<kind>(f, i);
  if (c == nullptr) return next;
  const int r = model::cdev_add(f.context, *c);
  return r == 0 ? next : otherwise(f, i, next);
}

std::uint32_t do_device_add(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Cdev* const c = thing<kind>(f, i);
  model::Device* const d = thing<EntityKind::device>(f, i.second);
  if (c == nullptr || d == nullptr) return next;
  set_parent(*c, *d);
  const int r = model::cdev_device_add(f.context, *c, node_of(f, *c), {});
  return r == 0 ? next : otherwise(f, i, next);
}

std::uint32_t do_device_del(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Cdev* const c = thing<kind>(f, i)) model::cdev_device_del(f.context, *c, node_of(f, *c), {});
  return next;
}

template <auto function> std::uint32_t on_node(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const model::Cdev* const c = thing<kind>(f, i)) function(f.context, node_of(f, *c));
  return next;
}

// A step of the file makes the node of this cdev.
void has_node(FunctionCompiler& c, const Operand& cdev) {
  for (EntitySpec& e : c.entities().specs[static_cast<std::size_t>(kind)])
    if (cdev.kind == Operand::Kind::member ? e.member == cdev.name : &e == &c.entities().specs[static_cast<std::size_t>(kind)][cdev.index])
      e.flags |= cdev_flag::has_node;
}

void compile_create(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.generic(verb, step, operand);
  if (const Operand o = c.at(c.here() - 1).operand; o.kind != Operand::Kind::none) has_node(c, o);
}

void compile_device_add(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  const Node device = step.find("dev");
  if (!device) return c.generic(verb, step, operand);
  Instruction i;
  i.execute = do_device_add;
  if (const auto o = c.entity(operand, kind)) {
    i.operand = *o;
    has_node(c, *o);
  }
  if (const auto d = c.entity(device, EntityKind::device)) i.second = *d;
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.find("else")) c.otherwise(index, other);
}

void compile_device_del(FunctionCompiler& c, const Verb& verb, Node, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.acts = true;
  if (const auto o = c.entity_of(operand, {EntityKind::chardev, kind})) i.operand = *o;
  if (i.operand.entity == kind) i.execute = do_device_del;
  c.emit(std::move(i));
}

void lay_out(model::Cdev& c, const ThingSetup& s) {
  model::init_cdev(s.kernel, s.binding.device->device_numbers[s.index], c, s.unique, s.declared, s.home, s.binding.binding.life);
  c.ops = &s.binding.fops[s.spec.number("fops")];
  c.owner = s.spec.number("owner") != 0 ? s.binding.module : nullptr;
  c.parent = {};
}

constexpr VerbFamily family{kind, "ranges of minors, module loading on open, the attributes of the device"};

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() { return things<kind>(lay_out); }

std::vector<Verb> cdev_verbs() {
  constexpr KeySpec other{"else", KeyKind::otherwise, false, "where to go if the number is taken"};
  Verb add = family.declares("cdev_device_add", do_register_device,
                             {{"dev", KeyKind::custom, false,
                               "the struct device whose node it is, and which becomes the cdev's parent: then "
                               "the operand is a cdev; without it, a device that is no more than a name"},
                              fops_key,
                              other},
                             char_dev, "makes the device node appear");
  add.entity = EntityKind::chardev;
  add.declares_unless = "dev";
  add.compile = compile_device_add;
  Verb del = family.on_thing("cdev_device_del", do_deregister_device, {}, char_dev, "removes the node, and the number; waits for nobody");
  del.operand = OperandKind::custom;
  del.compile = compile_device_del;
  Verb create = family.on_thing("device_create", on_node<model::device_create>, {}, "drivers/base/core.c, v6.18",
                                "the node of a cdev appears: what its path leads to, as long as it is there");
  create.leaves_out = "the struct device that it makes, its class and attributes";
  create.compile = compile_create;
  return {
      add,
      del,
      family.sets_up(
          "cdev_init",
          {fops_key, {"owner", KeyKind::words, false, "THIS_MODULE: cdev->owner, pinned by who opens", EntityKind::none, "THIS_MODULE"}},
          char_dev, "a cdev in memory of the driver's", set_up_again<EntityKind::cdev>),
      family.on_thing("cdev_set_parent", do_set_parent,
                      {{"parent", KeyKind::thing, true, "the struct device that stays as long as the cdev", EntityKind::device}}, char_dev,
                      "the cdev holds a reference on its parent from cdev_add() until the last file is closed"),
      family.on_thing("cdev_add", do_add, {other}, char_dev,
                      "makes the number known; where no step makes the node (device_create), somebody has done so by hand"),
      create,
      family.on_thing("device_destroy", on_node<model::device_destroy>, {}, "drivers/base/core.c, v6.18",
                      "the node goes; waits for nobody"),
      family.on_thing("cdev_del", on<kind, model::cdev_del>, {}, char_dev,
                      "takes the number away and drops the cdev: open files keep it, and may be opened again"),
  };
}

}  // namespace unplug::scenarios
