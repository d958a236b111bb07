// What tasks outside the driver do: user space, hardware, other drivers.
#include <fmt/format.h>

#include "unplug/scenarios/language/compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_open(Frame& f, const Instruction& i, std::uint32_t next) {
  if (i.flags != 0) model::await_device_node(f.context, f.world.chardev(i.operand.index));
  if (f.aborting()) return next;
  model::File& file = f.task->files[i.to];
  if (file.open) return next;  // the descriptor is in use: the program under test would have another number
  model::init_file(f.world.kernel(), file);
  const int r = model::vfs_open(f.context, f.world.chardev(i.operand.index), file);
  if (r == 0 && !f.aborting()) f.world.file_opened(*f.task, i.to);
  return r == 0 ? next : otherwise(f, i, next);
}

std::uint32_t do_ioctl(Frame& f, const Instruction& i, std::uint32_t next) {
  model::File& file = f.task->files[i.other];
  if (!file.open) return next;
  const int r = model::vfs_ioctl(f.context, file);
  return r == 0 ? next : otherwise(f, i, next);
}

std::uint32_t do_close(Frame& f, const Instruction& i, std::uint32_t next) {
  model::vfs_close(f.context, f.task->files[i.other]);
  if (!f.aborting()) f.world.file_closed(*f.task, i.other);
  return next;
}

std::uint32_t do_claim(Frame& f, const Instruction& i, std::uint32_t next) {
  return model::request_mem_region(f.context, f.world.other_claim(i.operand.index)) ? next : otherwise(f, i, next);
}

void compile_open(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  const auto o = c.entity(operand, EntityKind::chardev);
  Instruction i;
  i.execute = verb.execute;
  if (o) i.operand = *o;
  if (const Node to = step.find("to")) i.to = c.descriptor(to, true);
  if (const Node await = step.find("await")) {
    if (const auto yes = c.reader().boolean(await, "true or false")) i.flags = *yes ? 1 : 0;
  }
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.find("else")) c.otherwise(index, other);
  if (o && !c.first_node) c.first_node = o->index;
}

void compile_on_file(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.other = c.descriptor(operand, false);
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.is(Node::Kind::object) ? step.find("else") : Node{}) c.otherwise(index, other);
}

Verb verb(std::string_view name, std::string_view takes, Execute execute, decltype(Verb::compile) compile, std::vector<KeySpec> keys,
          std::string_view models, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::custom;
  v.takes = takes;
  v.execute = execute;
  v.compile = compile;
  v.keys = std::move(keys);
  v.place = Where::task;
  v.models = models;
  v.leaves_out = "dup, passed descriptors, mmap, poll";
  v.summary = summary;
  return v;
}

}  // namespace

std::vector<Verb> task_verbs() {
  constexpr KeySpec other{"else", KeyKind::custom, false, "where to go if it fails: a label, or steps"};
  Verb claim;
  claim.name = "request_mem_region";
  claim.operand = OperandKind::entity;
  claim.entity = EntityKind::mapping;
  claim.execute = do_claim;
  claim.place = Where::task;
  claim.keys = {{"else", KeyKind::otherwise, false, "where to go if the region is taken"}};
  claim.models = "kernel/resource.c, v6.18";
  claim.summary = "another driver claims the region, if it is free";
  return {
      verb("open", "NODE", do_open, compile_open,
           {{"to", KeyKind::custom, true, "name of the file descriptor"},
            {"await", KeyKind::custom, false, "true: wait until the node is there"},
            other},
           "vfs_open, v6.18", "opens a device node; -ENODEV if it is gone"),
      verb("ioctl", "DESCRIPTOR", do_ioctl, compile_on_file, {other}, "vfs_ioctl, v6.18", "calls unlocked_ioctl of an open file"),
      verb("close", "DESCRIPTOR", do_close, compile_on_file, {}, "__fput, v6.18", "closes the last reference to an open file"),
      claim,
  };
}

}  // namespace unplug::scenarios
