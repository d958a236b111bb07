// What tasks of user space do with file descriptors.
#include <fmt/format.h>

#include "unplug/model/core/errno.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint64_t signed_word(int r) { return static_cast<std::uint64_t>(static_cast<std::int64_t>(r)); }

// Opens what `what` names as descriptor i.to; `reopen`: by the inode of another file, which /proc/self/fd leads to.
std::uint32_t open_as(Frame& f, const Instruction& i, const Operand& what, model::CharInode* reopen, std::uint32_t next) {
  const bool shared = i.to >= first_shared_descriptor;
  SharedFile* const s = shared ? &f.world.shared_file(i.to - first_shared_descriptor) : nullptr;
  OpenFile* const own = shared ? nullptr : &f.task->files[i.to];
  model::File& file = shared ? s->descriptor.file : own->file;
  Origin& origin = shared ? s->origin : own->origin;
  f.answer = model::ebadf;
  if (file.open && !shared) return next;  // the descriptor is in use: the program under test would have another number
  const DescriptorSpec& spec = shared ? f.world.program().shared_descriptors[i.to - first_shared_descriptor] : f.task->spec->files[i.to];
  f.world.init_file(file, spec.counted, spec.epoll);
  int r = 0;
  if (reopen != nullptr) {
    origin.opened = &what;
    origin.mapping = owner(f, what).device->address_space(what.entity, what.index);
    r = model::chrdev_open(f.context, *reopen, file);
  } else {
    r = open_path(f.context, f.world, what, file, origin);
  }
  if (f.aborting()) return next;
  f.answer = r;
  if (r != 0) return otherwise(f, i, next);
  f.world.file_opened(origin);
  if (shared) model::fd_install(f.context, s->descriptor);
  return next;
}

std::uint32_t do_open(Frame& f, const Instruction& i, std::uint32_t next) {
  if (i.flags != 0) await_openable(f.context, f.world, i.operand);
  return f.aborting() ? next : open_as(f, i, i.operand, nullptr, next);
}

std::uint32_t do_reopen(Frame& f, const Instruction& i, std::uint32_t next) {
  UsedFile used(f.context, *f.task, i.other);
  f.answer = model::ebadf;
  if (!used || f.aborting()) return otherwise(f, i, next);
  const Operand& what = *used.origin().opened;
  model::CharInode* const inode = used.file().inode;
  used.done();
  return f.aborting() ? next : open_as(f, i, what, inode, next);
}

// An operation on a file: what it answers goes into the step's local, and where it is negative to its `else`.
template <class Operate> std::uint32_t on_file(Frame& f, const Instruction& i, std::uint32_t next, Operate operate) {
  UsedFile used(f.context, *f.task, i.other);
  if (f.aborting()) return next;
  const int r = used ? operate(used.file()) : model::ebadf;
  if (used) used.done();
  if (f.aborting()) return next;
  f.answer = r;
  set_local(f, i, signed_word(r));
  return r >= 0 ? next : otherwise(f, i, next);
}

template <auto function> std::uint32_t do_operation(Frame& f, const Instruction& i, std::uint32_t next) {
  f.world.operation_argument() = value(f, i);
  return on_file(f, i, next, [&](model::File& file) { return function(f.context, file); });
}

std::uint32_t do_poll(Frame& f, const Instruction& i, std::uint32_t next) {
  return on_file(f, i, next, [&](model::File& file) {
    model::File* const one = &file;
    return static_cast<int>(model::do_poll(f.context, {&one, 1}, static_cast<std::uint32_t>(i.amount), f.task->poll));
  });
}

std::uint32_t do_close(Frame& f, const Instruction& i, std::uint32_t next) {
  if (i.other >= first_shared_descriptor) {
    SharedFile& s = f.world.shared_file(i.other - first_shared_descriptor);
    const int r = model::close_fd(f.context, s.descriptor);
    f.answer = r;
    if (r == 0 && !f.aborting()) f.world.file_closed(s.origin);
    return next;
  }
  OpenFile& own = f.task->files[i.other];
  f.answer = own.file.open ? 0 : model::ebadf;
  model::vfs_close(f.context, own.file);
  if (!f.aborting()) f.world.file_closed(own.origin);
  return next;
}

// To a descriptor that tasks share: the others have it from then on, whatever becomes of the one that it was made from.
std::uint32_t do_dup(Frame& f, const Instruction& i, std::uint32_t next) {
  SharedFile* const shared = i.to >= first_shared_descriptor ? &f.world.shared_file(i.to - first_shared_descriptor) : nullptr;
  model::File& to = shared != nullptr ? shared->descriptor.file : f.task->files[i.to].file;
  Origin& origin = shared != nullptr ? shared->origin : f.task->files[i.to].origin;
  f.answer = model::ebadf;
  if (to.open && shared == nullptr) return next;
  UsedFile used(f.context, *f.task, i.other);
  if (!used || f.aborting()) return otherwise(f, i, next);
  f.answer = 0;
  model::get_file(f.context, used.file(), to);
  origin = used.origin();
  if (!f.aborting()) f.world.file_opened(origin);
  used.done();
  if (shared != nullptr && !f.aborting()) model::fd_install(f.context, shared->descriptor);
  return next;
}

std::uint32_t do_fork(Frame& f, const Instruction& i, std::uint32_t next) {
  fork_task(f.context, *f.task, f.world.task(i.number));
  return next;
}

std::uint32_t do_await(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::Operation op{.name = "wait for another thread's descriptor", .sync = sim::Sync::acquire, .outside = true};
  sim::Step s = f.context.make(op);
  s.access = {f.world.shared_file(i.other - first_shared_descriptor).descriptor.slot, sim::AccessKind::read};
  s.guard = sim::Guard::equal(1);
  f.context.wait(s, {.what = "descriptor", .object = {}, .owner = model::Owner::user, .idle = true, .sleeps = false},
                 [](std::uint64_t&) {});
  return next;
}

// A task that closes only after something that removal does: a wait of user space, which nobody need end.
template <bool returned> std::uint32_t do_await_function(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::Operation op{.name = returned ? "wait for a return" : "wait for a call", .outside = true};
  sim::Step s = f.context.make(op);
  const std::uint32_t watched = f.world.program().functions[i.function].watched;
  s.access = {returned ? f.world.returns_of(watched) : f.world.calls_of(watched), sim::AccessKind::read};
  s.guard = sim::Guard::at_least(1);
  f.context.wait(
      s, {.what = op.name, .object = f.world.kernel().intern(i.operand.name), .owner = model::Owner::user, .idle = true, .sleeps = false},
      [](std::uint64_t&) {});
  return next;
}

// --- Compilation.

void compile_await_function(FunctionCompiler& c, const Verb& verb, Node, Node operand) {
  const auto function = c.function(operand);
  if (!function) return;
  Instruction i;
  i.execute = verb.execute;
  i.function = *function;
  Function& called = c.program().functions[*function];
  i.operand.name = called.name;
  if (called.watched == UINT32_MAX) {
    called.watched = static_cast<std::uint32_t>(c.program().watched.size());
    c.program().watched.push_back(*function);
  }
  c.emit(std::move(i));
}

void compile_open(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  using enum EntityKind;
  Instruction i;
  i.execute = verb.execute;
  const auto o = c.entity_of(operand, {chardev, cdev, debugfs, proc, attribute});
  if (o) {
    i.operand = *o;
    if (o->entity == attribute) c.program().attribute_descriptors = true;
  }
  if (const Node to = step.find("to")) i.to = c.opened(to);
  if (const Node await = step.find("await")) {
    if (const auto yes = c.reader().boolean(await, "true or false")) i.flags = *yes ? 1 : 0;
  }
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.find("else")) c.otherwise(index, other);
  if (o && c.first_open.kind == Operand::Kind::none) c.first_open = *o;
}

// `use` says what else than one reference the operation needs of the file.
Instruction on_descriptor(FunctionCompiler& c, const Verb& verb, Node operand, const DescriptorSpec& use = {}) {
  Instruction i;
  i.execute = verb.execute;
  i.other = c.descriptor(operand, use);
  return i;
}

void finish(FunctionCompiler& c, Node step, Instruction i) {
  const bool keys = step.is(Node::Kind::object);
  if (const Node to = keys ? step.find("to") : Node{}) i.to = c.local(to, true);
  if (const Node arg = keys ? step.find("arg") : Node{}) {
    if (const auto v = c.value(arg)) i.value = *v;
  }
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = keys ? step.find("else") : Node{}) c.otherwise(index, other);
}

void compile_operation(FunctionCompiler& c, const Verb& verb, Node step, Node operand) { finish(c, step, on_descriptor(c, verb, operand)); }

void compile_poll(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i = on_descriptor(c, verb, operand, {.counted = true});
  c.polls = true;
  for (const KeySpec& key : verb.keys)
    if (const Node n = step.find(key.name); n && key.kind == KeyKind::words) i.amount = c.words(key, n);
  finish(c, step, std::move(i));
}

void compile_copy(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i = on_descriptor(c, verb, operand, {.counted = verb.execute == do_dup});
  if (const Node to = step.find("to")) {
    i.to = c.opened(to);
    if (verb.execute == do_dup) c.copied(i.other, i.to);
  }
  const std::uint32_t index = c.emit(std::move(i));
  if (const Node other = step.find("else")) c.otherwise(index, other);
}

void compile_fork(FunctionCompiler& c, const Verb& verb, Node, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  if (const auto name = c.reader().text(operand, "the name of a task with \"forked_by\"")) c.forks(*name, c.emit(std::move(i)), operand);
}

void compile_await(FunctionCompiler& c, const Verb& verb, Node, Node operand) {
  Instruction i = on_descriptor(c, verb, operand);
  if (i.other < first_shared_descriptor) {
    operand.error(c.out(), "a descriptor of this task's own", "one that tasks share (\"shared_descriptors\" of \"run\")");
    return;
  }
  c.emit(std::move(i));
}

Verb verb(std::string_view name, std::string_view takes, Execute execute, decltype(Verb::compile) compile, std::vector<KeySpec> keys,
          std::string_view models, std::string_view summary) {
  Verb v = custom(name, takes, Where::task, execute, compile, std::move(keys), summary);
  v.asks = !name.starts_with("await_") && name != "fork";
  v.models = models;
  v.leaves_out = "file positions, signals, messages that carry descriptors, io_uring, exit(): descriptors stay open";
  return v;
}

}  // namespace

std::vector<Verb> task_verbs() {
  constexpr KeySpec other{"else", KeyKind::custom, false, "where to go if it fails: a label, or steps"},
      result{"to", KeyKind::custom, false, "local that receives what it answers: negative for an error"},
      arg{"arg", KeyKind::custom, false, "what the driver's function finds in its local \"arg\""},
      name{"to", KeyKind::custom, true, "name of the file descriptor"};
  return {
      verb("open", "NODE", do_open, compile_open, {name, {"await", KeyKind::custom, false, "true: wait until it is there"}, other},
           "vfs_open, v6.18", "opens a device node, a debugfs file, a procfs entry or an attribute; an error if it is gone"),
      verb("reopen", "DESCRIPTOR", do_reopen, compile_copy, {name, other}, "open of /proc/self/fd/N, v6.18",
           "opens what a descriptor leads to once more: by its inode, whether there is a node or not"),
      verb("ioctl", "DESCRIPTOR", do_operation<model::vfs_ioctl>, compile_operation, {arg, result, other}, "vfs_ioctl, v6.18",
           "calls unlocked_ioctl of an open file"),
      verb("read", "DESCRIPTOR", do_operation<model::vfs_read>, compile_operation, {arg, result, other}, "vfs_read, v6.18",
           "calls read of an open file"),
      verb("write", "DESCRIPTOR", do_operation<model::vfs_write>, compile_operation, {arg, result, other}, "vfs_write, v6.18",
           "calls write of an open file"),
      verb("poll", "DESCRIPTOR", do_poll, compile_poll,
           {{"events", KeyKind::words, true, "what it waits for besides EPOLLERR and EPOLLHUP", EntityKind::none,
             "EPOLLIN EPOLLPRI EPOLLOUT EPOLLERR EPOLLHUP"},
            result,
            other},
           "fs/select.c, v6.18", "sleeps until an open file has some of the events, which it answers"),
      verb("close", "DESCRIPTOR", do_close, compile_operation, {}, "filp_close, v6.18",
           "drops a reference to an open file; the last one releases it"),
      verb("dup", "DESCRIPTOR", do_dup, compile_copy, {name, other}, "dup(2), v6.18",
           "another descriptor of the same file; to one that all tasks share, it is passed to them (SCM_RIGHTS)"),
      verb("fork", "TASK", do_fork, compile_fork, {}, "kernel/fork.c, v6.18",
           "starts another task of the file, with copies of the descriptors and mappings of this one"),
      verb("await_descriptor", "DESCRIPTOR", do_await, compile_await, {}, "two threads",
           "waits until another thread has opened a descriptor that all share, or has passed it on"),
      verb("await_call", "FUNCTION", do_await_function<false>, compile_await_function, {}, "user space",
           "waits until a function of the driver has been called"),
      verb("await_return", "FUNCTION", do_await_function<true>, compile_await_function, {}, "user space",
           "waits until a function of the driver has returned"),
  };
}

}  // namespace unplug::scenarios
