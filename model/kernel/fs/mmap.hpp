// Memory mappings of files: VMAs, page table entries, faults, and taking the entries away.
//
// mm/memory.c (unmap_mapping_range, do_fault), mm/mmap.c, mm/vma.c (mmap_region, munmap), kernel/fork.c (dup_mmap), v6.18. A VMA holds a
// reference to its file, and so to what that pins. A user access goes through the page table entry: if it is there, no kernel code runs and
// nothing can refuse, so what it maps has to be there; if not, the driver's ->fault decides: it puts an entry in (of the device, or of a
// dummy page), or SIGBUS. It runs under the reader's side of mmap_lock, in the task that faulted.
// unmap_mapping_range() takes away the entries of every VMA of an address space, and flushes TLBs: it waits for accesses that are being
// made by a CPU that very moment, not for faults under way, and keeps nobody from faulting the entry in again: a flag that ->fault tests
// under a lock or SRCU has to be set before. munmap() waits for faults (mmap_lock).
// One entry stands for all of a mapping. Left out: per-VMA locks, private mappings and their copies, huge pages, mremap, mlock, exec.
#pragma once

#include <vector>

#include "unplug/model/kernel/fs/file.hpp"
#include "unplug/model/kernel/hw/mmio.hpp"

namespace unplug::model {

// What ->fault answers.
enum class VmFault : std::uint8_t { nopage, sigbus };  // nopage: the entry has been put in, the access is tried again
// What an access of user space comes to. dummy: it reached the page that was put in place of the device.
enum class UserAccess : std::uint8_t { ok, dummy, sigbus, segv };
using FaultOperation = VmFault (*)(Context& context, Vma& vma, void* argument);

// An address space of user space.
struct Mm {
  Rwsem mmap_lock;
};
void init_mm(Kernel& kernel, Mm& mm, NameId unique_name);

// Of an inode: every VMA that maps it. DRM has one for each device, other drivers share that of the node's inode.
struct AddressSpace {
  Rwsem i_mmap_rwsem;
  ObjectId i_mmap;         // word: how often the list has changed
  std::vector<Vma*> vmas;  // touched in steps on i_mmap only
};
void init_address_space(Kernel& kernel, AddressSpace& mapping, NameId unique_name);

struct Vma {
  Mm* mm = nullptr;
  AddressSpace* mapping = nullptr;
  ObjectId pte;            // word: bits 0..1 state (mmap.cpp), bits 8.. CPUs that go through it this moment
  sim::Witnesses backing;  // what the entry leads to: ->mmap or ->fault sets it (vma_maps) before it puts the entry in
  NameId name;
  File file;  // vm_file; a reference of its own
  // vm_ops, by ->mmap; null: the driver has none.
  FaultOperation fault = nullptr;
  void (*opened)(Context&, Vma&, void*) = nullptr;  // ->open: a fork has copied it
  void (*closed)(Context&, Vma&, void*) = nullptr;  // ->close
  void* argument = nullptr;
};
// A place for one mmap(), or for the copy that a fork makes.
void init_vma(Kernel& kernel, Vma& vma, Mm& mm, NameId unique_name, NameId declared);
void vma_maps(Vma& vma, const Mapping& bar);
void vma_maps(Vma& vma, const Allocation& memory);

// mmap(2): takes a reference on the file, then ->mmap. What that answers; -ENODEV without one. `mapping`: file->f_mapping.
int vfs_mmap(Context& context, File& file, AddressSpace& mapping, Vma& vma);
// munmap(2), and what exit() does with each: no fault is under way any more, the entry goes, ->close(), then fput().
void munmap(Context& context, Vma& vma);
// fork(): `child` becomes a copy in another address space, entry and all. It refers to the file as well.
void dup_vma(Context& context, Vma& parent, Vma& child);

// remap_pfn_range() in ->mmap, vmf_insert_pfn() in ->fault: the entry leads to the device.
void insert_pfn(Context& context, Vma& vma);
// The same with a page that nobody minds.
void insert_dummy_page(Context& context, Vma& vma);
// unmap_mapping_range(mapping, 0, 0, 1).
void unmap_mapping_range(Context& context, AddressSpace& mapping);

// A load or store of user space through the mapping.
UserAccess user_access(Context& context, Vma& vma);

}  // namespace unplug::model
