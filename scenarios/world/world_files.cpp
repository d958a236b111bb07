// Files from the kernel's side: the driver's operations as the VFS calls them, and what a file of user space is before it is opened.
#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {

int World::file_operation(model::Context& context, model::File& file, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  World& w = *c.binding->world;
  const std::pair<std::uint32_t, std::uint64_t> given{0, w.operation_argument()};
  if (!w.program_->functions[c.function].takes_argument) return w.enter(context, c, {.file = &file});
  return w.enter(context, c, {.file = &file, .arguments = {&given, 1}});
}

std::uint32_t World::poll_operation(model::Context& context, model::File& file, model::PollTable& table, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  return static_cast<std::uint32_t>(c.binding->world->enter(context, c, {.file = &file, .poll = &table}));
}

int World::mmap_operation(model::Context& context, model::File& file, model::Vma& vma, void* argument) {
  const auto& c = *static_cast<Callback*>(argument);
  return c.binding->world->enter(context, c, {.file = &file, .vma = &vma});
}

model::VmFault World::vm_fault(model::Context& context, model::Vma& vma, void* argument) {
  const Callback& c = *static_cast<VmOperations*>(argument)->fault;
  const int result = c.binding->world->enter(context, c, {.file = &vma.file, .vma = &vma});
  return result == 0 ? model::VmFault::nopage : model::VmFault::sigbus;
}

void World::vm_opened(model::Context& context, model::Vma& vma, void* argument) {
  const Callback& c = *static_cast<VmOperations*>(argument)->open;
  c.binding->world->enter(context, c, {.file = &vma.file, .vma = &vma});
}

void World::vm_closed(model::Context& context, model::Vma& vma, void* argument) {
  const Callback& c = *static_cast<VmOperations*>(argument)->close;
  c.binding->world->enter(context, c, {.file = &vma.file, .vma = &vma});
}

void World::fill(model::FileOperations& ops, BindingInstance& b, const FopsSpec& spec, model::Policy* policy) {
  ops = {};
  ops.guard = policy != nullptr ? &policy->entry() : nullptr;
  switch (spec.owner) {
    case FopsOwner::null: break;
    case FopsOwner::module: ops.owner = &b.world->module_for(b, spec.owning); break;
    case FopsOwner::policy: ops.owner = b.policy->pin().pinned(b.world->module_for(b, spec.module)); break;
  }
  const auto set = [&](FileOp which, auto& operation, auto* entry, void*& argument) {
    if (spec.of(which) == UINT32_MAX) return;
    operation = entry;
    argument = &b.file_callbacks[spec.of(which)];
  };
  set(FileOp::open, ops.open, &World::file_operation, ops.open_argument);
  set(FileOp::release, ops.release, &World::file_operation, ops.release_argument);
  set(FileOp::flush, ops.flush, &World::file_operation, ops.flush_argument);
  set(FileOp::read, ops.read, &World::file_operation, ops.read_argument);
  set(FileOp::write, ops.write, &World::file_operation, ops.write_argument);
  set(FileOp::ioctl, ops.ioctl, &World::file_operation, ops.ioctl_argument);
  set(FileOp::poll, ops.poll, &World::poll_operation, ops.poll_argument);
  set(FileOp::mmap, ops.mmap, &World::mmap_operation, ops.mmap_argument);
}

std::uint64_t& World::operation_argument() {
  const std::size_t task = engine_.current().index();
  if (task >= operation_arguments_.size()) operation_arguments_.resize(task + 1, 0);
  return operation_arguments_[task];
}

void World::init_file(model::File& file, bool counted, bool epoll) {
  const bool replaced = program_->replacement_fops != UINT32_MAX;
  const model::FileOperations* const replacement = replaced ? &bindings_[0]->fops[program_->replacement_fops] : nullptr;
  model::EpollLinks* links = nullptr;
  if (epoll) {
    if (epoll_links_used_ == epoll_links_.size()) epoll_links_.emplace_back();
    links = &epoll_links_[epoll_links_used_++];
    model::init_epoll_links(kernel_, *links, rcu_, engine_.own_name("f_ep"));
  }
  model::init_file(kernel_, file, {counted, replacement, links});
  if (replaced) known_files_.emplace_back(file_handle(file), file);
}

Handle World::file_handle(const model::File& file) { return engine_.names().hash(file.name) | Handle{1} << 63U; }

model::File* World::known_file(Handle handle) {
  for (auto& [known, file] : known_files_)
    if (known == handle) return &file;
  return nullptr;
}

}  // namespace unplug::scenarios
