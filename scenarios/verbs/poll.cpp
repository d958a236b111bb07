// Queues that are polled, and what a driver does with files: ->poll, ->mmap, other operations put in their place.
#include "unplug/model/kernel/fs/poll.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto kind = EntityKind::poll_queue;

std::uint32_t do_poll_wait(Frame& f, const Instruction& i, std::uint32_t next) {
  model::PollQueue* const q = thing<kind>(f, i);
  if (q != nullptr && f.poll != nullptr && f.file != nullptr) model::poll_wait(f.context, *f.file, *q, *f.poll);
  return next;
}

std::uint32_t do_replace(Frame& f, const Instruction& i, std::uint32_t next) {
  model::File* const file = f.world.known_file(f.locals[i.other]);
  if (file == nullptr) {
    f.world.report_null(f.context, i.operand);
    return next;
  }
  file->replacement = &f.binding->fops[f.world.program().replacement_fops];
  return model::replace_f_op(f.context, *file) ? next : otherwise(f, i, next);
}

void compile_replace(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.other = c.local(operand, false);
  if (operand.is(Node::Kind::string)) i.operand.name = std::string(operand.string());
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.find("else")) c.otherwise(index, other);
  const Node with = step.find("with");
  const auto table = with ? c.fops(with) : std::nullopt;
  if (!table) return;
  std::uint32_t& known = c.program().replacement_fops;
  if (known != UINT32_MAX && known != *table)
    with.error(c.out(), "files get other operations than here elsewhere", "one table for all files that operations are replaced in");
  known = *table;
}

// --- ->mmap and the operations of mappings.

model::Vma* vma(Frame& f, const Instruction& i) {
  if (f.vma == nullptr) f.world.report_null(f.context, i.operand);
  return f.vma;
}

std::uint32_t do_map_device(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Vma* const v = vma(f, i);
  const model::Mapping* const bar = thing<EntityKind::mapping>(f, i);
  if (v == nullptr || bar == nullptr) return next;
  model::vma_maps(*v, *bar);
  model::insert_pfn(f.context, *v);
  return next;
}

std::uint32_t do_map_memory(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Vma* const v = vma(f, i);
  const model::Allocation* const a = memory(f, i.operand);
  if (v == nullptr || a == nullptr) return next;
  model::vma_maps(*v, *a);
  model::insert_pfn(f.context, *v);
  return next;
}

std::uint32_t do_dummy_page(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Vma* const v = vma(f, i)) model::insert_dummy_page(f.context, *v);
  return next;
}

std::uint32_t do_vm_ops(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Vma* const v = vma(f, i);
  if (v == nullptr) return next;
  VmOperations& ops = f.binding->vm_ops[i.operand.index];
  v->argument = &ops;
  v->fault = ops.fault != nullptr ? &World::vm_fault : nullptr;
  v->opened = ops.open != nullptr ? &World::vm_opened : nullptr;
  v->closed = ops.close != nullptr ? &World::vm_closed : nullptr;
  return next;
}

void compile_vm_ops(FunctionCompiler& c, const Verb& verb, Node, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  if (const auto table = c.vm_ops(operand)) i.operand.index = *table;
  c.emit(std::move(i));
}

void lay_out(model::PollQueue& q, const ThingSetup& s) { model::init_poll_queue(s.kernel, q, s.unique, s.declared, s.home, s.spec.owner); }

constexpr VerbFamily family{kind, "exclusive and edge-triggered entries, nested epolls, io_uring's poll"},
    mappings{EntityKind::mapping, "ranges: one entry stands for all of a mapping; huge pages"};

}  // namespace

template <> std::unique_ptr<ThingList> make_things<kind>() { return things<kind>(lay_out); }

std::vector<Verb> poll_verbs() {
  constexpr std::string_view wait_c = "kernel/sched/wait.c, v6.18", memory_c = "mm/memory.c, v6.18";
  Verb replace = family.on_thing(
      "replace_fops", do_replace,
      {{"with", KeyKind::custom, true, "the table that operations find from now on"},
       {"else", KeyKind::custom, false, "where to go if the table's module is going"}},
      "include/linux/fs.h, v6.18",
      "of an open file, which the operand is a pointer to (\"file\" in its operations): operations that begin now find others");
  replace.operand = OperandKind::custom;
  replace.compile = compile_replace;
  replace.leaves_out = "that the old table's module reference is given back: its release() does so";
  Verb page =
      mappings.on_thing("vm_insert_page", do_map_memory, {}, memory_c, "in ->mmap or ->fault: the entry leads to memory of the driver's");
  page.operand = OperandKind::memory;
  Verb dummy = mappings.on_thing("ttm_bo_vm_dummy_page", do_dummy_page, {}, "drivers/gpu/drm/ttm/ttm_bo_vm.c, v6.18",
                                 "in ->fault: the entry leads to a page that nobody minds");
  dummy.operand = OperandKind::none;
  Verb ops = mappings.on_thing("vm_ops", do_vm_ops, {}, "vma->vm_ops, v6.18",
                               "in ->mmap: the operations of the mapping, by their table; not a step");
  ops.operand = OperandKind::custom;
  ops.compile = compile_vm_ops;
  ops.acts = false;
  return {
      family.sets_up("init_poll_queue", {{"owner", KeyKind::owner, true, "who wakes: driver, core, other driver, hardware or user"}},
                     wait_c, "init_waitqueue_head() of a queue that ->poll registers on"),
      family.on_thing("poll_wait", do_poll_wait, {}, "include/linux/poll.h, v6.18", "in ->poll: who polls is woken with this queue"),
      family.on_thing("wake_up_poll", on<kind, model::wake_up_poll>, {}, wait_c, "wakes who polls, and tells none of them why"),
      family.on_thing("wake_up_pollfree", on<kind, model::wake_up_pollfree>, {}, wait_c,
                      "the same, and throws epolls off the queue, which may be freed a grace period of RCU later"),
      replace,
      mappings.on_thing("remap_pfn_range", do_map_device, {}, memory_c, "in ->mmap: the entry leads to the device"),
      mappings.on_thing("vmf_insert_pfn", do_map_device, {}, memory_c, "in ->fault: the entry leads to the device"),
      page,
      dummy,
      ops,
  };
}

}  // namespace unplug::scenarios
