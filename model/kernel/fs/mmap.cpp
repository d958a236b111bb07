#include "unplug/model/kernel/fs/mmap.hpp"
#include "unplug/model/core/errno.hpp"

namespace unplug::model {
namespace {

const Operation link_op{.name = "mmap: link into i_mmap", .sync = sim::Sync::release}, unlink_op{.name = "munmap: unlink from i_mmap"},
    walk_op{.name = "unmap_mapping_range: walk i_mmap", .sync = sim::Sync::acquire},
    zap_op{.name = "unmap_mapping_range: clear entry, flush TLBs"}, unmap_op{.name = "munmap: clear entry, flush TLBs"},
    mapped_op{.name = "mmap: VMA appears"}, pfn_op{.name = "insert_pfn"}, dummy_op{.name = "insert dummy page"},
    copy_op{.name = "dup_mmap: lock and read entry"}, paste_op{.name = "dup_mmap: copy entry"}, copied_op{.name = "dup_mmap: unlock entry"},
    find_op{.name = "page fault: find the VMA"}, translate_op{.name = "user access: translate"}, access_op{.name = "user access"};

// The state of the entry: no VMA, no entry, to the device, to a dummy page.
constexpr std::uint64_t unmapped = 0, none = 1, device = 2, dummy = 3, state_mask = 3, accessing = 0x100,
                        accessing_mask = ~std::uint64_t{0xff};

const StaticName mmap_function{"vfs_mmap"}, munmap_function{"munmap"}, fault_function{"handle_mm_fault"}, fork_function{"dup_mmap"};

// Clears the entry once no CPU is in the middle of an access through it: that is what the flush waits for.
void clear(Context& context, Vma& vma, const Operation& operation, std::uint64_t to) {
  sim::Step s = context.make(operation);
  s.access = {vma.pte, sim::AccessKind::write};
  s.guard = sim::Guard::equal(0, accessing_mask);
  context.wait(s, {.what = "flush_tlb", .object = vma.name, .owner = Owner::core, .sleeps = false}, [to](std::uint64_t& word) {
    if (word != unmapped) word = to;
  });
}

void insert(Context& context, Vma& vma, const Operation& operation, std::uint64_t state) {
  context.write(operation, vma.pte, {}, [state](std::uint64_t& word) {
    if ((word & state_mask) == none) word = (word & accessing_mask) | state;
  });
}

void link(Context& context, Vma& vma) {
  AddressSpace& mapping = *vma.mapping;
  down_write(context, mapping.i_mmap_rwsem);
  context.write(link_op, mapping.i_mmap, {}, [&](std::uint64_t& word) {
    mapping.vmas.push_back(&vma);
    ++word;
  });
  up_write(context, mapping.i_mmap_rwsem);
}

void unlink(Context& context, Vma& vma) {
  AddressSpace& mapping = *vma.mapping;
  down_write(context, mapping.i_mmap_rwsem);
  context.write(unlink_op, mapping.i_mmap, {}, [&](std::uint64_t& word) {
    std::erase(mapping.vmas, &vma);
    ++word;
  });
  up_write(context, mapping.i_mmap_rwsem);
}

// The page fault of a user access.
UserAccess fault(Context& context, Vma& vma) {
  const Context::KernelFunction function(context, fault_function);
  down_read(context, vma.mm->mmap_lock);
  const bool mapped = (context.read(find_op, vma.pte, {}) & state_mask) != unmapped;
  if (context.aborting()) return UserAccess::segv;
  if (!mapped) {
    up_read(context, vma.mm->mmap_lock);
    return UserAccess::segv;
  }
  const VmFault answer = vma.fault != nullptr ? vma.fault(context, vma, vma.argument) : VmFault::sigbus;
  if (context.aborting()) return UserAccess::segv;
  up_read(context, vma.mm->mmap_lock);
  return answer == VmFault::sigbus ? UserAccess::sigbus : UserAccess::ok;
}

}  // namespace

void init_mm(Kernel& kernel, Mm& mm, NameId unique_name) {
  static const StaticName lock{"mmap_lock"};
  init_rwsem(kernel, mm.mmap_lock, unique_name, kernel.intern(lock), {});
}

void init_address_space(Kernel& kernel, AddressSpace& mapping, NameId unique_name) {
  static const StaticName lock{"i_mmap_rwsem"};
  static constexpr std::string_view part = "i_mmap_rwsem";
  init_rwsem(kernel, mapping.i_mmap_rwsem, kernel.engine().names().child(unique_name, part, 1), kernel.intern(lock), {});
  mapping.i_mmap = kernel.engine().new_object(unique_name, 0);
  mapping.vmas.clear();
}

void init_vma(Kernel& kernel, Vma& vma, Mm& mm, NameId unique_name, NameId declared) {
  vma = {};
  vma.mm = &mm;
  vma.pte = kernel.engine().new_object(unique_name, unmapped);
  vma.name = declared;
}

void vma_maps(Vma& vma, const Mapping& bar) { vma.backing = {bar.map, bar.claim}; }
void vma_maps(Vma& vma, const Allocation& memory) { vma.backing = {memory.life}; }

int vfs_mmap(Context& context, File& file, AddressSpace& mapping, Vma& vma) {
  static const KernelSite enter_site{"vfs_mmap", "enter"}, exit_site{"vfs_mmap", "leave"};
  const Context::KernelFunction function(context, mmap_function);
  const FileOperations& ops = load_f_op(context, file);
  if (ops.mmap == nullptr || context.aborting()) return enodev;
  vma.mapping = &mapping;
  down_write(context, vma.mm->mmap_lock);
  get_file(context, file, vma.file);
  if (context.aborting()) return enodev;
  context.write(mapped_op, vma.pte, {}, [](std::uint64_t& word) { word = none; });
  bool entered = true;
  const int result =
      guarded(context, ops, vma.file, enter_site, exit_site, entered, [&] { return ops.mmap(context, vma.file, vma, ops.mmap_argument); });
  if (context.aborting()) return enodev;
  if (result == 0) {
    link(context, vma);
  } else {
    clear(context, vma, unmap_op, unmapped);
  }
  if (context.aborting()) return enodev;
  up_write(context, vma.mm->mmap_lock);
  if (result != 0) fput(context, vma.file);
  return result;
}

void munmap(Context& context, Vma& vma) {
  const Context::KernelFunction function(context, munmap_function);
  if (!vma.file.open) return;
  down_write(context, vma.mm->mmap_lock);
  clear(context, vma, unmap_op, unmapped);
  unlink(context, vma);
  if (vma.closed != nullptr && !context.aborting()) vma.closed(context, vma, vma.argument);
  if (context.aborting()) return;
  up_write(context, vma.mm->mmap_lock);
  if (!context.aborting()) fput(context, vma.file);
}

void dup_vma(Context& context, Vma& parent, Vma& child) {
  const Context::KernelFunction function(context, fork_function);
  child.mapping = parent.mapping;
  child.backing = parent.backing;
  child.fault = parent.fault;
  child.opened = parent.opened;
  child.closed = parent.closed;
  child.argument = parent.argument;
  down_write(context, parent.mm->mmap_lock);
  get_file(context, parent.file, child.file);
  context.write(mapped_op, child.pte, {}, [](std::uint64_t& word) { word = none; });
  if (!context.aborting()) link(context, child);
  // copy_page_range() holds the lock of the parent's page table meanwhile: zapping the parent, which comes first in i_mmap, waits.
  const std::uint64_t entry = context.write(copy_op, parent.pte, {}, [](std::uint64_t& word) {
    if ((word & state_mask) >= device) word += accessing;
    return word & state_mask;
  });
  if (entry >= device && !context.aborting()) {
    insert(context, child, paste_op, entry);
    context.write(copied_op, parent.pte, {}, [](std::uint64_t& word) { word -= accessing; });
  }
  if (child.opened != nullptr && !context.aborting()) child.opened(context, child, child.argument);
  if (!context.aborting()) up_write(context, parent.mm->mmap_lock);
}

void insert_pfn(Context& context, Vma& vma) { insert(context, vma, pfn_op, device); }

void insert_dummy_page(Context& context, Vma& vma) { insert(context, vma, dummy_op, dummy); }

void unmap_mapping_range(Context& context, AddressSpace& mapping) {
  context.might_sleep("unmap_mapping_range");
  down_read(context, mapping.i_mmap_rwsem);
  std::vector<Vma*> todo;
  sim::Step s = context.make(walk_op);
  s.access = {mapping.i_mmap, sim::AccessKind::read};
  context.engine().step(s, [&](std::uint64_t) { todo = mapping.vmas; });
  for (Vma* const vma : todo) {
    if (context.aborting()) return;
    clear(context, *vma, zap_op, none);
  }
  if (!context.aborting()) up_read(context, mapping.i_mmap_rwsem);
}

UserAccess user_access(Context& context, Vma& vma) {
  for (;;) {
    // The access is one instruction: from the translation to its end no flush gets through.
    const std::uint64_t state = context.write(translate_op, vma.pte, {}, [](std::uint64_t& word) {
      if ((word & state_mask) >= device) word += accessing;
      return word & state_mask;
    });
    if (state == unmapped || context.aborting()) return UserAccess::segv;
    if (state != none) {
      sim::Step s = context.make(access_op);
      s.access = {vma.pte, sim::AccessKind::write};
      if (state == device)
        for (const LifetimeId life : vma.backing) s.uses.add(life);
      context.engine().step(s, [](std::uint64_t& word) { word -= accessing; });
      return state == device ? UserAccess::ok : UserAccess::dummy;
    }
    const UserAccess faulted = fault(context, vma);
    if (faulted != UserAccess::ok || context.aborting()) return faulted;
  }
}

}  // namespace unplug::model
