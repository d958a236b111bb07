// What tasks of user space map and what they have in an epoll.
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_mmap(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Vma& vma = f.task->mappings[i.to];
  f.answer = -1;
  if (vma.file.open) return next;  // the program under test would have another address
  UsedFile used(f.context, *f.task, i.other);
  if (f.aborting()) return next;
  const bool can = used && used.origin().mapping != nullptr;
  const int r = can ? model::vfs_mmap(f.context, used.file(), *used.origin().mapping, vma) : -1;
  used.done();
  f.answer = r;
  return r == 0 || f.aborting() ? next : otherwise(f, i, next);
}

std::uint32_t do_munmap(Frame& f, const Instruction& i, std::uint32_t next) {
  model::munmap(f.context, f.task->mappings[i.other]);
  return next;
}

std::uint32_t do_access(Frame& f, const Instruction& i, std::uint32_t next) {
  const model::UserAccess a = model::user_access(f.context, f.task->mappings[i.other]);
  if (f.aborting()) return next;
  set_local(f, i, static_cast<std::uint64_t>(a));
  f.answer = a == model::UserAccess::ok || a == model::UserAccess::dummy ? 0 : -1;
  return f.answer == 0 ? next : otherwise(f, i, next);
}

model::EpollItem& item(Frame& f, const Instruction& i) { return f.task->epoll_items[i.to * f.task->files.size() + i.other]; }

std::uint32_t do_epoll_add(Frame& f, const Instruction& i, std::uint32_t next) {
  model::File& file = f.task->files[i.other].file;
  f.answer = file.open ? 0 : -1;
  if (!file.open) return otherwise(f, i, next);
  model::epoll_add(f.context, item(f, i), file);
  return next;
}

std::uint32_t do_epoll_del(Frame& f, const Instruction& i, std::uint32_t next) {
  model::File& file = f.task->files[i.other].file;
  f.answer = file.open ? 0 : -1;
  if (!file.open) return otherwise(f, i, next);
  model::epoll_del(f.context, item(f, i), file);
  return next;
}

std::uint32_t do_epoll_wait(Frame& f, const Instruction& i, std::uint32_t next) {
  model::epoll_wait(f.context, f.task->epolls[i.other], static_cast<model::Owner>(i.flags));
  return next;
}

// --- Compilation.

void compile_mmap(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.other = c.descriptor(operand, {.counted = true});
  if (const Node to = step.find("to")) i.to = c.mappings.number(c, to, true);
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.find("else")) c.otherwise(index, other);
}

void compile_on_mapping(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.other = c.mappings.number(c, operand, false);
  if (const Node to = step.find("to")) i.to = c.local(to, true);
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.find("else")) c.otherwise(index, other);
}

void compile_epoll_ctl(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.other = c.descriptor(operand, {.epoll = true});
  if (i.other >= first_shared_descriptor) {
    operand.error(c.out(), "a descriptor that tasks share", "one of this task's own: an epoll has places for those");
    return;
  }
  if (const Node ep = step.find("epoll")) i.to = c.epolls.number(c, ep, true);
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.find("else")) c.otherwise(index, other);
}

void compile_epoll_wait(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.other = c.epolls.number(c, operand, false);
  if (const Node owner = step.find("owner"))
    if (const auto who = c.owner(owner)) i.flags = static_cast<std::uint8_t>(*who);
  c.emit(std::move(i));
}

Verb verb(std::string_view name, Execute execute, decltype(Verb::compile) compile, std::vector<KeySpec> keys, std::string_view models,
          std::string_view leaves_out, std::string_view summary) {
  Verb v = custom(name, {}, Where::task, execute, compile, std::move(keys), summary);
  v.asks = true;
  v.models = models;
  v.leaves_out = leaves_out;
  return v;
}

}  // namespace

std::vector<Verb> task_memory_verbs() {
  constexpr std::string_view
      mm = "private mappings, huge pages, mremap, mlock",
      ep = "timeouts, edge-triggered and nested epolls, a descriptor added anew while a duplicate of its former file is open";
  constexpr KeySpec other{"else", KeyKind::custom, false, "where to go if it fails: a label, or steps"},
      epoll{"epoll", KeyKind::custom, true, "name of the epoll: made by its first use"};
  return {
      verb("mmap", do_mmap, compile_mmap, {{"to", KeyKind::custom, true, "name of the mapping"}, other}, "mm/vma.c, v6.18", mm,
           "maps an open file: its ->mmap runs, and the mapping holds a reference"),
      verb("munmap", do_munmap, compile_on_mapping, {}, "mm/vma.c, v6.18", mm, "takes a mapping away, and its reference"),
      verb("user_access", do_access, compile_on_mapping,
           {{"to", KeyKind::custom, false, "local: 0 it reached what is mapped, 1 a dummy page, 2 SIGBUS, 3 SIGSEGV"}, other},
           "mm/memory.c, v6.18", mm, "an instruction that loads or stores through a mapping: no kernel code runs, unless it faults"),
      verb("epoll_ctl_add", do_epoll_add, compile_epoll_ctl, {epoll, other}, "fs/eventpoll.c, v6.18", ep,
           "adds a file to an epoll, which holds no reference on it"),
      verb("epoll_ctl_del", do_epoll_del, compile_epoll_ctl, {epoll, other}, "fs/eventpoll.c, v6.18", ep, "takes it out"),
      verb("epoll_wait", do_epoll_wait, compile_epoll_wait,
           {{"owner", KeyKind::custom, true, "who makes events: driver, core, other driver, hardware or user"}}, "fs/eventpoll.c, v6.18",
           ep, "sleeps until a file of the epoll has had an event; poll says which"),
  };
}

}  // namespace unplug::scenarios
