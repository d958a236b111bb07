#include "unplug/scenarios/world/user.hpp"

#include "unplug/model/kernel/fs/debugfs.hpp"
#include "unplug/model/kernel/fs/procfs.hpp"
#include "unplug/scenarios/world/resize.hpp"
#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {
namespace {

const model::Operation fork_op{.name = "fork: the child starts", .sync = sim::Sync::release},
    child_op{.name = "fork: child", .sync = sim::Sync::acquire, .outside = true};

// Things of user space are in a path, whoever made them; of a driver that is bound again, the first binding's are meant.
BindingInstance& owner(World& world, const Operand& what) { return world.owner(world.binding(0), what); }

}  // namespace

void init_task(model::Kernel& kernel, TaskState& task, World& world, const TaskSpec& spec) {
  static constexpr std::string_view mm = "mm", mapping = "vma", poll = "poll", epoll = "epoll", item = "epoll item", fork = "fork";
  sim::NameTable& names = kernel.engine().names();
  const sim::NameId name = kernel.intern(spec.name);
  task.world = &world;
  task.spec = &spec;
  task.ended = false;
  task.interrupts.sources.clear();
  resize(task.files, spec.files.size());
  for (OpenFile& f : task.files) {
    f.file.open = false;
    f.origin.since = 0;
  }
  resize(task.mappings, spec.mappings);
  if (spec.mappings != 0) model::init_mm(kernel, task.mm, names.child(name, mm, 1));
  for (std::uint32_t i = 0; i < spec.mappings; ++i)
    model::init_vma(kernel, task.mappings[i], task.mm, names.child(name, mapping, i + 1), kernel.intern("mapping of " + spec.role));
  if (spec.polls) model::init_poll_table(kernel, task.poll, names.child(name, poll, 1));
  resize(task.epolls, spec.epolls);
  resize(task.epoll_items, spec.epolls * spec.files.size());
  for (std::uint32_t i = 0; i < spec.epolls; ++i)
    model::init_epoll(kernel, task.epolls[i], names.child(name, epoll, i + 1), kernel.intern("epoll of " + spec.role));
  for (std::uint32_t i = 0; i < task.epoll_items.size(); ++i)
    model::init_epoll_item(kernel, task.epoll_items[i], task.epolls[i / spec.files.size()], names.child(name, item, i + 1));
  task.forked = spec.parent == UINT32_MAX ? sim::ObjectId{} : kernel.engine().new_object(names.child(name, fork, 1), 0);
}

void await_openable(model::Context& context, World& world, const Operand& what) {
  if (what.kind == Operand::Kind::none) return;
  DeviceInstance& device = *owner(world, what).device;
  switch (what.entity) {
    case EntityKind::chardev: model::await_device_node(context, device.chardevs[what.index]); break;
    case EntityKind::cdev: model::await_node(context, device.device_nodes[what.index]); break;
    default: model::await_bound(context, device.device);
  }
}

int open_path(model::Context& context, World& world, const Operand& what, model::File& file, Origin& origin) {
  origin.opened = &what;
  origin.mapping = nullptr;
  BindingInstance& binding = owner(world, what);
  DeviceInstance& device = *binding.device;
  const ThingTable& things = binding.things;
  switch (what.entity) {
    case EntityKind::cdev:
      origin.mapping = device.address_space(what.entity, what.index);
      return model::open_node(context, device.device_nodes[what.index], file);
    case EntityKind::debugfs: return model::debugfs_open(context, things.get<EntityKind::debugfs>(what.index), file);
    case EntityKind::proc: return model::proc_open(context, things.get<EntityKind::proc>(what.index), file);
    case EntityKind::attribute: return model::sysfs_open(context, binding.attribute_files[what.index], file);
    default:
      origin.mapping = device.address_space(what.entity, what.index);
      return model::vfs_open(context, device.chardevs[what.index], file);
  }
}

void fork_task(model::Context& context, TaskState& parent, TaskState& child) {
  for (std::size_t i = 0; i < parent.files.size() && i < child.files.size(); ++i) {
    if (!parent.files[i].file.open || context.aborting()) continue;
    model::get_file(context, parent.files[i].file, child.files[i].file);
    child.files[i].origin = parent.files[i].origin;
    child.world->file_opened(child.files[i].origin);
  }
  for (std::size_t i = 0; i < parent.mappings.size() && i < child.mappings.size(); ++i)
    if (parent.mappings[i].file.open && !context.aborting()) model::dup_vma(context, parent.mappings[i], child.mappings[i]);
  if (!context.aborting()) context.write(fork_op, child.forked, {}, [](std::uint64_t& word) { word = 1; });
}

void await_fork(model::Context& context, TaskState& child) {
  sim::Step s = context.make(child_op);
  s.access = {child.forked, sim::AccessKind::read};
  s.guard = sim::Guard::equal(1);
  context.wait(s, {.what = "fork", .object = {}, .owner = model::Owner::user, .idle = true, .sleeps = false}, [](std::uint64_t&) {});
}

UsedFile::UsedFile(model::Context& context, TaskState& task, std::uint32_t number) : context_(context) {
  if (number < first_shared_descriptor) {
    OpenFile& f = task.files[number];
    if (f.file.open) file_ = &f.file;
    origin_ = &f.origin;
    return;
  }
  SharedFile& f = task.world->shared_file(number - first_shared_descriptor);
  origin_ = &f.origin;
  if (model::fdget(context, f.descriptor, reference_)) file_ = &reference_;
}

void UsedFile::done() {
  if (file_ == &reference_ && !context_.aborting()) model::fput(context_, reference_);
}

}  // namespace unplug::scenarios
