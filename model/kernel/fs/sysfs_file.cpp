#include "unplug/model/kernel/fs/sysfs_file.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model {
namespace {

const Operation event_op{.name = "kernfs: load event", .sync = sim::Sync::acquire},
    notify_op{.name = "kernfs_notify: count event", .sync = sim::Sync::release};

const StaticName open_function{"kernfs_fop_open"};

// Runs run() under the active reference of the attribute. false: removed.
template <class Run> bool with_active(Context& context, const SysfsAttribute& attribute, Run&& run) {
  bool ran = false;
  auto body = [&](Context& c) {
    ran = true;
    run(c);
    return 0;
  };
  using Body = decltype(body);
  SysfsAttribute call = attribute;  // the same node, another operation
  call.operation = [](Context& c, void* argument) { return (*static_cast<Body*>(argument))(c); };
  call.argument = &body;
  sysfs_access(context, call);
  return ran;
}

int access(Context& context, File& file, void* argument) {
  auto& f = *static_cast<SysfsFile*>(argument);
  int result = enodev;
  with_active(context, *f.attribute, [&](Context& c) {
    const std::uint64_t event = c.read(event_op, f.event, {});
    store(c, file.memory, file.private_data, event, MemoryOrder::once);
    if (!c.aborting()) result = f.attribute->operation(c, f.attribute->argument);
  });
  return result;
}

std::uint32_t poll(Context& context, File& file, PollTable& table, void* argument) {
  auto& f = *static_cast<SysfsFile*>(argument);
  std::uint32_t mask = default_pollmask | epollerr | epollpri;
  with_active(context, *f.attribute, [&](Context& c) {
    poll_wait(c, file, f.poll, table);
    const std::uint64_t seen = load(c, file.memory, file.private_data, MemoryOrder::once);
    if (c.read(event_op, f.event, {}) == seen) mask = default_pollmask;
  });
  return mask;
}

VmFault vma_fault(Context& context, Vma& vma, void* argument) {
  auto& f = *static_cast<SysfsFile*>(argument);
  VmFault answer = VmFault::sigbus;
  with_active(context, *f.attribute, [&](Context& c) {
    if (f.fault != nullptr) answer = f.fault(c, vma, f.fault_argument);
  });
  return answer;
}

int mmap(Context& context, File& file, Vma& vma, void* argument) {
  auto& f = *static_cast<SysfsFile*>(argument);
  int result = enodev;
  with_active(context, *f.attribute, [&](Context& c) {
    if (f.mmap != nullptr) result = f.mmap(c, file, vma, f.mmap_argument);
    if (result == 0 && vma.closed != nullptr) result = einval;
  });
  if (result != 0) return result;
  f.fault = vma.fault;
  f.fault_argument = vma.argument;
  vma.fault = vma_fault;
  vma.argument = &f;
  return 0;
}

}  // namespace

void init_sysfs_file(Kernel& kernel, SysfsFile& f, SysfsAttribute& attribute, NameId unique_name, NameId declared) {
  static constexpr std::string_view queue = "poll", mapping = "mapping";
  sim::NameTable& names = kernel.engine().names();
  f.attribute = &attribute;
  f.event = kernel.engine().new_object(unique_name, 0);
  f.fops = {};
  f.fops.read = f.fops.write = access;
  f.fops.poll = poll;
  f.fops.mmap = mmap;
  f.fops.read_argument = f.fops.write_argument = f.fops.poll_argument = f.fops.mmap_argument = &f;
  init_poll_queue(kernel, f.poll, names.child(unique_name, queue, 1), declared, {}, Owner::driver);
  init_address_space(kernel, f.mapping, names.child(unique_name, mapping, 1));
}

int sysfs_open(Context& context, SysfsFile& f, File& file) {
  const Context::KernelFunction function(context, open_function);
  if (!with_active(context, *f.attribute, [](Context&) {}) || context.aborting()) return enodev;
  file.ops = &f.fops;
  file.open = true;
  return 0;
}

int sysfs_mmap(Context& context, SysfsFile& f, File& file, Vma& vma) { return vfs_mmap(context, file, f.mapping, vma); }

void sysfs_notify(Context& context, SysfsFile& f) {
  context.write(notify_op, f.event, {}, [](std::uint64_t& word) { ++word; });
  if (!context.aborting()) wake_up_poll(context, f.poll);
}

void sysfs_remove_bin_file(Context& context, SysfsFile& f) {
  sysfs_remove_file(context, *f.attribute);
  if (!context.aborting()) unmap_mapping_range(context, f.mapping);
}

}  // namespace unplug::model
